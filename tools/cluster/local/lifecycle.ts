// Up and down of a local cluster: what is found running and kept, what is repaired, what is made anew, what is removed.
// Both can be repeated, interrupted, and run after a crash or a reboot. The single steps are bring-up.ts's.
import { existsSync, rmSync } from 'node:fs';
import { ensurePrograms, type BuildOptions } from '../binaries.ts';
import type { Image } from '../cluster.ts';
import { withLock } from '../lock.ts';
import { bootId, isRunning, signal as send, type ProcessId } from '../processes.ts';
import { CLUSTER_PROGRAMS } from '../programs.ts';
import { baseImages } from './base-images.ts';
import { bringUp, recipeOf, type Programs } from './bring-up.ts';
import { killGroups, removeGroups } from './control-groups.ts';
import { layoutOf, type Layout } from './layout.ts';
import { removePrivateFolders } from './private-folders.ts';
import { allRecords, controlGroupOf, newRecord, readRecord, writeRecord, type ClusterRecord } from './record.ts';
import { ensureRequirements } from './requirements.ts';
import { ANCHOR, countEnds, runs, type State } from './state.ts';

export interface UpOptions extends BuildOptions {
  /** Whose cluster it is: once this process is gone, the next command that looks removes the cluster. */
  readonly owner?: ProcessId | undefined;
  /** Shortest time between two syncs of kube-proxy, for clusters with thousands of Services; a Go duration such as "60s". */
  readonly proxySync?: string | undefined;
}

const LOCK_MS = 5 * 60_000;

/** Brings the cluster up, or finds it up, or repairs it; resolves when its node is ready and DNS answers. */
export async function up(id: string, options: UpOptions): Promise<void> {
  const layout = layoutOf(id);
  await ensureRequirements(options);
  const programs = await ensurePrograms(CLUSTER_PROGRAMS, options);
  const images = await baseImages(programs);
  await changing(layout, options, async () => {
    const fresh = newRecord(id, recipeOf(layout, programs, options.proxySync), options.owner);
    const state: State = { ...options, layout, kube: programs.kube, record: readRecord(layout) ?? fresh, endsBefore: countEnds(layout) };
    if (canResume(state.record, fresh) && (await repair(state, programs, images))) return;
    await remove(layout);
    writeRecord(layout, fresh);
    await bringUp({ ...state, record: fresh, endsBefore: {} }, programs, images);
  });
}

/** Removes everything the record of the cluster names, and its run folder. Does nothing if there is none. */
export async function down(id: string, options: BuildOptions): Promise<void> {
  const layout = layoutOf(id);
  if (!existsSync(layout.folder)) return;
  await changing(layout, options, () => remove(layout));
}

/** Removes the clusters whose owner is gone: those of tests that were killed. Returns their ids. */
export async function removeOrphans(options: BuildOptions): Promise<string[]> {
  const orphans = allRecords().filter(({ owner }) => owner !== undefined && !isRunning(owner)).map(({ id }) => id);
  for (const id of orphans) await down(id, options);
  return orphans;
}

/** Runs `work` while no other command changes this cluster. */
export function changing<T>(layout: Layout, { report, signal }: BuildOptions, work: () => Promise<T>): Promise<T> {
  const waiting = (holder: ProcessId | undefined): void => report(`waiting for process ${holder?.pid ?? '?'}, which works on cluster ${layout.id}`);
  return withLock(layout.lock, { timeoutMs: LOCK_MS, waiting, signal }, work);
}

/** What runs can be kept if it was made by the same recipe in this boot, and its namespaces are there. */
function canResume(record: ClusterRecord, fresh: ClusterRecord): boolean {
  return record.recipe === fresh.recipe && record.boot === fresh.boot && runs(record, ANCHOR);
}

async function repair(state: State, programs: Programs, images: readonly Image[]): Promise<boolean> {
  try {
    await bringUp(state, programs, images);
    return true;
  } catch (error) {
    state.signal?.throwIfAborted();
    state.report(`what runs cannot be repaired and is made anew: ${(error as Error).message}`);
    return false;
  }
}

/** Nothing of a cluster outlives it, so nothing is asked to end gently: its control groups are ended at once. */
async function remove(layout: Layout): Promise<void> {
  const record = readRecord(layout);
  if (record !== undefined && record.boot === bootId()) {
    Object.values(record.processes).forEach((process) => send(process, 'SIGKILL'));
    await killGroups(controlGroupOf(record));
    await removeGroups(controlGroupOf(record));
  }
  rmSync(layout.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  await removePrivateFolders();
}
