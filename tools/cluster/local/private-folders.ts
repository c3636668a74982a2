// Folders of the machine whose paths are fixed in the kubelet, containerd or CNI. Inside the cluster's mount namespace each
// shows a folder of the run folder instead; on the machine they need only exist. Those made for that purpose carry a mark
// and go when no cluster of any cache is mounted on them any more.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withLock } from '../lock.ts';
import type { Layout } from './layout.ts';

/** Path on the machine -> name below the run folder. */
export const PRIVATE_FOLDERS: Readonly<Record<string, string>> = {
  '/run/containerd': 'run-containerd',
  '/var/lib/kubelet': 'var-lib-kubelet',
  '/var/lib/cni': 'var-lib-cni',
  '/var/log/containers': 'var-log-containers',
};

/** Which folders, and the lock of all who make, mount or remove them: one for the machine, since clusters of every cache share them. */
export interface PrivateFolders {
  readonly folders: Readonly<Record<string, string>>;
  readonly lock: string;
}

const MACHINE: PrivateFolders = { folders: PRIVATE_FOLDERS, lock: '/run/slipway-private-folders.lock' };
const LOCK_MS = 60_000;
const MARK = '.made-by-slipway';

/**
 * Makes both ends of every private folder and runs `mount`, which mounts one on the other. Until it is done nobody removes
 * them: a folder that is removed while it is mounted on in another namespace is unmounted there, and two clusters that lost
 * theirs would share one containerd, where each kubelet kills the other's pods.
 */
export function withPrivateFolders<T>({ folder }: Pick<Layout, 'folder'>, mount: () => Promise<T>, { folders, lock } = MACHINE): Promise<T> {
  return withLock(lock, { timeoutMs: LOCK_MS }, () => {
    for (const [outside, inside] of Object.entries(folders)) {
      mkdirSync(path.join(folder, inside), { recursive: true });
      if (existsSync(outside)) continue;
      mkdirSync(outside, { recursive: true });
      writeFileSync(path.join(outside, MARK), '');
    }
    return mount();
  });
}

/** Removes marked folders that no process sees mounted over. */
export async function removePrivateFolders({ folders, lock } = MACHINE): Promise<void> {
  if (!Object.keys(folders).some(isMarked)) return;
  await withLock(lock, { timeoutMs: LOCK_MS }, () => {
    const mounted = mountedFolders();
    for (const outside of Object.keys(folders)) {
      if (!isMarked(outside) || mounted.has(outside)) continue;
      if (readdirSync(outside).length > 1) continue; // somebody else uses it by now
      rmSync(path.join(outside, MARK));
      rmdirSync(outside);
    }
    return Promise.resolve();
  });
}

const isMarked = (folder: string): boolean => existsSync(path.join(folder, MARK));

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
