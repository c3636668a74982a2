// Runs one group and counts its result. The program gets a process group of its own: Ctrl-C reaches all of it once, from here, and it
// has time to take its clusters down. It must not know which groups there are.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Group } from './groups.ts';
import { countReport, failuresOf, filesToRunAgain, mergeReports, type GroupResult, type VitestReport } from './report.ts';

/** Where and how groups run. */
export interface RunContext {
  /** Repository root. */
  readonly root: string;
  /** Folder for reports. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  /** Where the programs print; our own output unless told. */
  readonly output?: 'inherit' | 'ignore';
}

const CLEAN_UP_MS = 3 * 60_000;

/** Runs a group to its end, its time limit or the abort of `signal`, and the few files of it that failed once more; never throws. */
export async function runGroup(group: Group, context: RunContext): Promise<GroupResult> {
  const started = performance.now();
  const limit = AbortSignal.timeout(group.minutes * 60_000);
  const signal = AbortSignal.any([limit, context.signal]);
  const outcome: Outcome = group.kind === 'check' ? countCheck(await runProgram(['npm', 'run', '--silent', group.name], context, signal)) : await runTests(group, context, signal);
  const ended = context.signal.aborted ? 'interrupted' : limit.aborted ? `stopped after ${group.minutes} min` : undefined;
  const failed = ended !== undefined && outcome.failed === 0 ? 1 : outcome.failed;
  const unsteady = outcome.unsteady?.length ?? 0;
  const note = ended ?? (unsteady === 0 ? undefined : `${unsteady} only when run again`);
  return { ...outcome, name: group.name, milliseconds: performance.now() - started, note, failed };
}

type Outcome = Pick<GroupResult, 'passed' | 'failed' | 'failures' | 'unsteady'>;

async function runTests(group: Group, context: RunContext, signal: AbortSignal): Promise<Outcome> {
  const first = await runVitest(group, [], context, signal);
  const files = filesToRunAgain(first.report);
  if (first.report === undefined || files.length === 0 || signal.aborted) return { ...countReport(first.report, first.code), failures: failuresOf(first.report) };
  if (context.output !== 'ignore') console.log(`\n== ${group.name}: once more, the files that failed`);
  const second = await runVitest(group, files, context, signal);
  const report = second.report === undefined ? first.report : mergeReports(first.report, second.report);
  const failures = failuresOf(report);
  const stillFailed = new Set(failures.map(titleOf));
  return { ...countReport(report, second.code), failures, unsteady: failuresOf(first.report).filter((failure) => !stillFailed.has(titleOf(failure))) };
}

const titleOf = (failure: string): string | undefined => failure.split('\n')[0];

async function runVitest(group: Group, files: readonly string[], context: RunContext, signal: AbortSignal): Promise<{ code: number; report: VitestReport | undefined }> {
  const file = path.join(context.scratch, `${group.name}${files.length === 0 ? '' : '-again'}.json`);
  const vitest = path.join(context.root, 'node_modules', 'vitest', 'vitest.mjs');
  const command = [process.execPath, vitest, 'run', '--project', group.name, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...files];
  return { code: await runProgram(command, context, signal), report: await readReport(file) };
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

/** Runs a program. Returns its exit code, 1 if it did not end by itself. */
function runProgram([file = '', ...args]: string[], context: RunContext, signal: AbortSignal): Promise<number> {
  const { root: cwd, output = 'inherit' } = context;
  const child = spawn(file, args, { cwd, stdio: ['ignore', output, output], detached: true });
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
