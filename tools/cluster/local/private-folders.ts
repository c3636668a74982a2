// Folders of the machine whose paths are fixed in the kubelet, containerd or CNI. Inside the cluster's mount namespace each
// shows a folder of the run folder instead; on the machine they need only exist. Those made for that purpose carry a mark
// and go when no cluster of any cache is mounted on them any more.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Layout } from './layout.ts';

/** Path on the machine -> name below the run folder. */
export const PRIVATE_FOLDERS: Readonly<Record<string, string>> = {
  '/run/containerd': 'run-containerd',
  '/var/lib/kubelet': 'var-lib-kubelet',
  '/var/lib/cni': 'var-lib-cni',
  '/var/log/containers': 'var-log-containers',
};

const MARK = '.made-by-slipway';

/** Makes both ends of every private folder. */
export function makePrivateFolders(layout: Layout): void {
  for (const [outside, inside] of Object.entries(PRIVATE_FOLDERS)) {
    mkdirSync(path.join(layout.folder, inside), { recursive: true });
    if (existsSync(outside)) continue;
    mkdirSync(outside, { recursive: true });
    writeFileSync(path.join(outside, MARK), '');
  }
}

/** Removes marked folders that no process sees mounted over. (Removing one that is mounted elsewhere would unmount it there.) */
export function removePrivateFolders(): void {
  const mounted = mountedFolders();
  for (const outside of Object.keys(PRIVATE_FOLDERS)) {
    const mark = path.join(outside, MARK);
    if (!existsSync(mark) || mounted.has(outside)) continue;
    if (readdirSync(outside).length > 1) continue; // somebody else uses it by now
    rmSync(mark);
    rmdirSync(outside);
  }
}

/** Mount points in the mount namespace of any process. */
function mountedFolders(): Set<string> {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return new Set(pids.flatMap((pid) => mountPoints(`/proc/${pid}/mountinfo`)));
}

function mountPoints(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').map((line) => line.split(' ')[4] ?? '');
  } catch {
    return []; // the process has ended
  }
}
