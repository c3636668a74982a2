// What is done with a running local cluster: images into it, addresses and commands that lead into it.
// It must not know how the cluster came up.
import { ensurePrograms, type BuildOptions } from '../binaries.ts';
import type { Image, ServicePort } from '../cluster.ts';
import { exec, type ExecOptions } from '../../exec.ts';
import { importImages } from './images.ts';
import { layoutOf } from './layout.ts';
import { changing } from './lifecycle.ts';
import { entering } from './namespaces.ts';
import { readRecord } from './record.ts';
import { anchorOf, ensureForward, type State } from './state.ts';

/** Imports images from their archives; those that are there already cost nothing. */
export function loadImages(id: string, images: readonly Image[], options: BuildOptions): Promise<void> {
  return withState(id, options, (state) => importImages(state, images));
}

/** A URL on 127.0.0.1 for a Service. It works as soon as the Service does, and again if it is deleted and comes back. */
export async function expose(id: string, { namespace, name, port }: ServicePort, options: BuildOptions): Promise<string> {
  const host = `${name}.${namespace}.svc.cluster.local`;
  const local = await withState(id, options, (state) => ensureForward(state, `${namespace}-${name}-${port}`, `${host}:${port}`));
  return `http://127.0.0.1:${local}`;
}

/** A command line that runs `command` inside the cluster's network, where pods and Services have addresses. */
export function inNetwork(id: string, command: readonly string[]): [string, ...string[]] {
  return entering(anchorOf(recordOf(id)), { network: true }, command);
}

/** Runs a command inside the cluster's network; resolves with its output. */
export function runInNetwork(id: string, command: readonly string[], options: ExecOptions = {}): Promise<string> {
  return exec(inNetwork(id, command), options);
}

async function withState<T>(id: string, options: BuildOptions, work: (state: State) => Promise<T>): Promise<T> {
  const { kube } = await ensurePrograms(['kube'], options);
  const layout = layoutOf(id);
  return changing(layout, options, () => work({ ...options, layout, kube, record: recordOf(id), endsBefore: {} }));
}

function recordOf(id: string): NonNullable<ReturnType<typeof readRecord>> {
  const record = readRecord(layoutOf(id));
  if (record === undefined) throw new Error(`there is no cluster "${id}"`);
  return record;
}
