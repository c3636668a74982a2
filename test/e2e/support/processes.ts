// Owns the tests' hands on processes of the local cluster: programs in containers and daemons of the control plane, signalled from outside,
// so that nothing in them can say good-bye. Must not know why.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { layoutOf } from '../../../tools/cluster/local/layout.ts';
import { readRecord } from '../../../tools/cluster/local/record.ts';

export interface Pod {
  metadata: { name: string; uid: string; labels?: Record<string, string> };
  status: { podIP?: string };
}

function isProgramOf(uid: string, pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(uid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('/app/');
  } catch {
    return false;
  }
}

/** Signals the program of the pod's main container. */
export function signalPod(pod: Pod | undefined, signal: NodeJS.Signals): void {
  const pids = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isProgramOf(pod?.metadata.uid ?? 'none', pid));
  if (pids.length !== 1) throw new Error(`${pids.length} programs run in ${pod?.metadata.name}`);
  process.kill(Number(pids[0]), signal);
}

/** Signals a daemon of the control plane; one that dies of it is started again by the cluster. */
export function signalDaemon(cluster: string, daemon: string, signal: NodeJS.Signals): void {
  const shell = readRecord(layoutOf(cluster))?.processes[daemon]?.pid;
  const pid = Number(execFileSync('pgrep', ['-P', String(shell)], { encoding: 'utf8' }).trim());
  process.kill(pid, signal);
}
