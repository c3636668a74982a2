// The steps from an empty record, or a cluster in any state of repair, to a ready one. Each step does nothing where its
// result is there already. It must not know about locks, old records or removal.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { exec } from '../../exec.ts';
import type { Image } from '../cluster.ts';
import { until } from '../wait.ts';
import { isApiReady, isDnsReady, isNodeReady, type ApiAccess } from './api.ts';
import { configurationFiles } from './configuration.ts';
import { createGroups } from './control-groups.ts';
import { DAEMONS } from './daemons.ts';
import { importImages, isContainerdReady } from './images.ts';
import { NETWORK, type Layout } from './layout.ts';
import { furnish, startAnchor } from './namespaces.ts';
import { kubeconfigOf, makePki, writePrivate } from './pki.ts';
import { withPrivateFolders } from './private-folders.ts';
import { controlGroupOf } from './record.ts';
import { cniFolder } from './requirements.ts';
import { ANCHOR, assertDaemonsRun, configure, ensureForward, logOf, noteProcess, runs, startStage, type State } from './state.ts';

/** Paths of the programs that are started. */
export interface Programs {
  readonly pause: string;
  readonly kube: string;
}

/** Name of the forward to the API server. */
export const API_FORWARD = 'api';

const READY_MS = 120_000;
const APPLY_MS = 30_000;
const manifest = path.join(import.meta.dirname, 'coredns.yaml');

/** Hash of all that decides how a cluster comes out: one made by another recipe is not resumed. */
export function recipeOf(layout: Layout, programs: Programs, proxySync: string | undefined): string {
  const files = configurationFiles({ layout, controlGroup: '', cniPlugins: cniFolder() ?? '', proxySync });
  const commands = DAEMONS.map((daemon) => daemon.command({ layout, kube: programs.kube }));
  return createHash('sha256').update(JSON.stringify([programs.pause, files, commands])).digest('hex').slice(0, 16);
}

/** Runs all steps. Throws an Error that names the daemon that ended, or what did not become ready in time. */
export async function bringUp(state: State, programs: Programs, images: readonly Image[]): Promise<void> {
  state.report('control plane');
  createGroups(controlGroupOf(state.record));
  configure(state, cniFolder() ?? '');
  await makePki(state.layout.pki, state.layout.id);
  await openNamespaces(state, programs.pause);
  startStage(state, 0);
  const port = await forwardApi(state);
  const access: ApiAccess = { port, layout: state.layout };
  writePrivate(state.layout.kubeconfig, kubeconfigOf(state.layout.pki, 'admin', `https://127.0.0.1:${port}`, `slipway-${state.layout.id}`));
  await Promise.all([
    waitFor(state, 'the API server is not ready', async () => (await isApiReady(access)) || ((await forwardApi(state)), false)),
    waitFor(state, 'containerd does not answer', () => isContainerdReady(state)).then(() => importImages(state, images)),
  ]);
  state.report('node');
  startStage(state, 1);
  if (!(await isDnsReady(access))) await applyDns(state);
  await waitFor(state, `the node is not ready; see ${logOf(state, 'kubelet')}`, () => isNodeReady(access));
  state.report('DNS');
  await waitFor(state, 'CoreDNS is not ready', () => isDnsReady(access));
}

/** Also looked after while waiting: a relay that was just killed may look alive for a moment. */
function forwardApi(state: State): Promise<number> {
  return ensureForward(state, API_FORWARD, `${NETWORK.node}:${NETWORK.apiPort}`);
}

/** Recorded only when complete: a half-furnished namespace is not resumed. */
async function openNamespaces(state: State, pause: string): Promise<void> {
  if (runs(state.record, ANCHOR)) return;
  const anchor = await withPrivateFolders(state.layout, async () => {
    const started = await startAnchor(pause, controlGroupOf(state.record), logOf(state, ANCHOR));
    await furnish(started, state.layout);
    return started;
  });
  noteProcess(state, ANCHOR, anchor);
}

async function applyDns(state: State): Promise<void> {
  const kubectl: [string, ...string[]] = [state.kube, 'kubectl', `--kubeconfig=${state.layout.kubeconfig}`];
  await exec([...kubectl, 'apply', '--server-side', '--force-conflicts', `--filename=${manifest}`], { timeoutMs: APPLY_MS });
}

async function waitFor(state: State, otherwise: string, look: () => Promise<boolean>): Promise<void> {
  await until(async () => {
    if (await look()) return true;
    assertDaemonsRun(state);
    return false;
  }, { timeoutMs: READY_MS, everyMs: 100, otherwise: () => `${otherwise} after ${READY_MS / 1000} s`, signal: state.signal });
}
