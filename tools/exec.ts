// Runs a program for the commands: bounded in time, ended with its whole process group, its words kept for the error.
// It must not know which programs there are.
import { spawn } from 'node:child_process';

/** How a program is run. */
export interface ExecOptions {
  cwd?: string | undefined;
  env?: NodeJS.ProcessEnv | undefined;
  /** Ends the program and everything it started. */
  signal?: AbortSignal | undefined;
  /** Longest run, milliseconds; then the process group is killed and the call fails. */
  timeoutMs?: number | undefined;
}

const TAIL_CHARS = 4000;
const GRACE_MS = 2000;

/** A program that failed: what was run, how it ended and the end of what it said. */
export class ExecError extends Error {
  readonly code: number | string;
  constructor(command: readonly string[], code: number | string, tail: string) {
    super(`${command.join(' ')} ended with ${code}${tail === '' ? '' : `:\n${tail}`}`);
    this.name = 'ExecError';
    this.code = code;
  }
}

/**
 * Runs a program without a shell and returns its stdout. Throws ExecError when it fails, takes longer than `timeoutMs`, is aborted, or is
 * not there (code ENOENT).
 */
export async function exec(command: readonly [string, ...string[]], options: ExecOptions = {}): Promise<string> {
  const [file, ...args] = command;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(file, args, { cwd: options.cwd, env: options.env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const output = { out: '', tail: '', ended: '' };
  const end = (why: string): void => {
    output.ended ||= why;
    killGroup(child.pid);
  };
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(end, options.timeoutMs, `time-out after ${options.timeoutMs / 1000} s`);
  const onAbort = (): void => end('interrupted');
  options.signal?.addEventListener('abort', onAbort);
  if (options.signal?.aborted) onAbort();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => { output.out += chunk; });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => { output.tail = (output.tail + chunk).slice(-TAIL_CHARS); });
  child.on('error', (error: NodeJS.ErrnoException) => reject(new ExecError(command, error.code ?? 'error', error.message)));
  child.on('close', (code, signal) => {
    if (code === 0 && output.ended === '') resolve(output.out);
    else reject(new ExecError(command, output.ended || (code ?? signal ?? 'unknown'), output.tail.trim() || output.out.slice(-TAIL_CHARS).trim()));
  });
  return promise.finally(() => {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  });
}

/** True if a program of that name is on the PATH. */
export async function isOnPath(program: string): Promise<boolean> {
  return exec(['/bin/sh', '-c', 'command -v "$0"', program]).then(() => true, () => false);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  const send = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-pid, signal);
    } catch {
      // the group is gone already
    }
  };
  send('SIGTERM');
  setTimeout(send, GRACE_MS, 'SIGKILL').unref();
}
