// Identity of processes: a pid together with its start time, so that a recycled pid is never mistaken for one of ours.
// It must not know what the processes do. Linux only.
import { readFileSync } from 'node:fs';

/** A process, told apart from every other that ever had its pid since the machine booted. */
export interface ProcessId {
  readonly pid: number;
  /** Start time in clock ticks since boot, as /proc shows it. */
  readonly start: string;
}

/** The identity of a running process, or undefined if there is none of that pid (a zombie counts as none once its last thread is gone). */
export function identify(pid: number): ProcessId | undefined {
  try {
    return parseStat(pid, readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Reads the line of /proc/PID/stat; the name in it may itself hold blanks and brackets. The first thread of a killed process is a
 * zombie as soon as it has ended, while others that still end keep its files open: until then its ports are taken.
 */
export function parseStat(pid: number, stat: string): ProcessId | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, threads, start] = [fields[0], Number(fields[17]), fields[19]];
  const isGone = state === 'X' || (state === 'Z' && threads <= 1);
  return isGone || start === undefined ? undefined : { pid, start };
}

/** True if exactly this process still runs. */
export function isRunning(process: ProcessId): boolean {
  return identify(process.pid)?.start === process.start;
}

/** Sends a signal if exactly this process still runs; says whether it did. */
export function signal(target: ProcessId, name: NodeJS.Signals): boolean {
  if (!isRunning(target)) return false;
  try {
    return process.kill(target.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Changes with every boot of the machine; pids recorded under another boot mean nothing. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
