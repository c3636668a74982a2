// One holder at a time among all processes of the machine, by a file that names its holder. A lock whose holder died is
// taken over. It must not know what is locked.
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { identify, isRunning, type ProcessId } from './processes.ts';
import { until } from './wait.ts';

/** How to wait for a lock. */
export interface LockOptions {
  readonly timeoutMs: number;
  /** Called once if somebody else holds the lock. */
  readonly waiting?: (holder: ProcessId | undefined) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Runs `work` while holding the lock of that file, also against other calls of this process; gives it back whatever happens. */
export async function withLock<T>(file: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  mkdirSync(path.dirname(file), { recursive: true });
  let told = false;
  await until(() => {
    if (take(file) || (isAbandoned(file) && take(file))) return true;
    if (!told) options.waiting?.(holderOf(file));
    told = true;
    return false;
  }, { timeoutMs: options.timeoutMs, everyMs: 200, signal: options.signal, otherwise: () => `still locked by process ${holderOf(file)?.pid ?? 'unknown'}; if nothing works there, remove ${file}` });
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** Creates the lock with its content in one step, by a hard link: it is never seen without its holder. */
function take(file: string): boolean {
  const own = `${file}.${process.pid}-${randomUUID()}`;
  writeFileSync(own, JSON.stringify(identify(process.pid)));
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Removes the lock if its holder is gone. It is moved aside and looked at again: it may have been taken over since. */
function isAbandoned(file: string): boolean {
  const holder = holderOf(file);
  if (holder === undefined || isRunning(holder)) return false;
  const aside = `${file}.${randomUUID()}`;
  try {
    renameSync(file, aside);
    const moved = holderOf(aside);
    if (moved !== undefined && isRunning(moved)) linkSync(aside, file);
  } catch {
    // somebody else was faster
  }
  rmSync(aside, { force: true });
  return true;
}

function holderOf(file: string): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessId;
  } catch {
    return undefined; // just given back, or not written yet
  }
}
