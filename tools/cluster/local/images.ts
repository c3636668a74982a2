// Images of the node: imported from OCI archives into its containerd. It must not know what is in them.
import { statSync } from 'node:fs';
import { exec } from '../../exec.ts';
import type { Image } from '../cluster.ts';
import { containerdClient } from './daemons.ts';
import { entering } from './namespaces.ts';
import { anchorOf, note, type State } from './state.ts';

const IMPORT_MS = 5 * 60_000;
const ANSWER_MS = 5_000;

/** True if the node's containerd answers. */
export async function isContainerdReady(state: State): Promise<boolean> {
  return inNode(state, containerdClient('version'), ANSWER_MS).then(() => true, () => false);
}

/** Imports the archives that this node has not had yet in this form. */
export async function importImages(state: State, images: readonly Image[]): Promise<void> {
  for (const { ref, archive } of images) {
    if (archive === undefined) throw new Error(`${ref}: the local cluster takes images from archives, and this one has none`);
    const { size, mtimeMs } = statSync(archive);
    const mark = `${size} bytes, ${mtimeMs}`;
    if (state.record.archives[archive] === mark) continue;
    state.report(`importing ${ref}`);
    await inNode(state, containerdClient('images', 'import', archive), IMPORT_MS);
    note(state, { archives: { ...state.record.archives, [archive]: mark } });
  }
}

function inNode(state: State, command: string[], timeoutMs: number): Promise<string> {
  const options = { timeoutMs, ...(state.signal === undefined ? {} : { signal: state.signal }) };
  return exec(entering(anchorOf(state.record), { mounts: true }, command), options);
}
