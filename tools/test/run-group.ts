// Runs one group and counts its result. The program gets a process group of its own: Ctrl-C reaches all of it once, from here, and it
// has time to take its clusters down. It must not know which groups there are.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Group } from './groups.ts';
import { countReport, failuresOf, type GroupResult, type VitestReport } from './report.ts';

/** Where and how groups run. */
export interface RunContext {
  /** Repository root. */
  readonly root: string;
  /** Folder for reports. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

const CLEAN_UP_MS = 3 * 60_000;

/** Runs a group to its end, its time limit or the abort of `signal`; never throws. */
export async function runGroup(group: Group, context: RunContext): Promise<GroupResult> {
  const started = performance.now();
  const file = path.join(context.scratch, `${group.name}.json`);
  const limit = AbortSignal.timeout(group.minutes * 60_000);
  const code = await runProgram(commandOf(group, context.root, file), context, AbortSignal.any([limit, context.signal]));
  const report = group.kind === 'check' ? undefined : await readReport(file);
  const count = group.kind === 'check' ? countCheck(code) : countReport(report, code);
  const note = context.signal.aborted ? 'interrupted' : limit.aborted ? `stopped after ${group.minutes} min` : undefined;
  const failedAnyway = note !== undefined && count.failed === 0;
  return { name: group.name, milliseconds: performance.now() - started, note, passed: count.passed, failed: failedAnyway ? 1 : count.failed, failures: failuresOf(report) };
}

function commandOf(group: Group, root: string, report: string): string[] {
  if (group.kind === 'check') return ['npm', 'run', '--silent', group.name];
  const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
  return [process.execPath, vitest, 'run', '--project', group.name, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
}

function countCheck(code: number): { passed: number; failed: number } {
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function readReport(file: string): Promise<VitestReport | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as VitestReport;
  } catch {
    return undefined;
  }
}

/** Runs a program that shares our output. Returns its exit code, 1 if it did not end by itself. */
function runProgram([file = '', ...args]: string[], context: RunContext, signal: AbortSignal): Promise<number> {
  const child = spawn(file, args, { cwd: context.root, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  const { promise, resolve } = Promise.withResolvers<number>();
  const stop = (): void => {
    kill(child.pid, 'SIGINT');
    setTimeout(kill, CLEAN_UP_MS, child.pid, 'SIGKILL').unref();
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  child.on('error', () => resolve(1));
  child.on('close', (code) => {
    signal.removeEventListener('abort', stop);
    resolve(code ?? 1);
  });
  return promise;
}

function kill(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // it has ended meanwhile
  }
}
