// Counts what vitest reports and prints the table at the end. Pure: it must not know how anything was run.
import { formatDuration } from '../progress.ts';

/** The part of vitest's JSON report that counts. */
export interface VitestReport {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly FileReport[];
}

interface FileReport {
  /** Path of the file. */
  readonly name?: string;
  readonly status: string;
  readonly message?: string;
  readonly assertionResults: readonly { readonly status: string; readonly fullName?: string; readonly failureMessages?: readonly string[] | null }[];
}

/** How many tests of a group passed and failed. */
export interface Count { readonly passed: number; readonly failed: number }

/** A group that ran, or could not run. `note` says what a person should know about it. */
export interface GroupResult extends Count {
  readonly name: string;
  readonly milliseconds: number;
  readonly note?: string | undefined;
  /** One entry for each failed test or file: its name, then the first lines of why. */
  readonly failures?: readonly string[];
  /** The same for what failed at first and passed when its file was run again. */
  readonly unsteady?: readonly string[];
}

const LINES_OF_A_FAILURE = 6;
/** More files than these that fail are a fault, not a busy machine. */
const FILES_RUN_AGAIN = 3;

/**
 * Counts a report. A file that failed outside of its tests (it could not be loaded, or a hook threw) counts as one failed, and so does a
 * run that failed although no test did. Without a report the run crashed: one failed.
 */
export function countReport(report: VitestReport | undefined, exitCode: number): Count {
  if (report === undefined) return { passed: 0, failed: 1 };
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed')).length;
  const failed = report.numFailedTests + broken;
  const failedOtherwise = failed === 0 && (!report.success || exitCode !== 0);
  return { passed: report.numPassedTests, failed: failedOtherwise ? 1 : failed };
}

/**
 * Files worth a second run: the ones that failed, if they are few. A machine that other work takes away for a second can break a time limit
 * or lose a race that the product has no part in; what passes on its own then is counted, but named.
 */
export function filesToRunAgain(report: VitestReport | undefined): string[] {
  const failed = (report?.testResults ?? []).filter((file) => file.status === 'failed').flatMap(({ name }) => name ?? []);
  return failed.length <= FILES_RUN_AGAIN ? failed : [];
}

/** The first report with the files of the second in place of its own. */
export function mergeReports(first: VitestReport, second: VitestReport): VitestReport {
  const again = new Set(second.testResults.map(({ name }) => name));
  const testResults = [...first.testResults.filter(({ name }) => !again.has(name)), ...second.testResults];
  const count = (status: string): number => testResults.flatMap((file) => file.assertionResults).filter((test) => test.status === status).length;
  return { success: second.success, numPassedTests: count('passed'), numFailedTests: count('failed'), testResults };
}

/** Names what failed, with the first lines of why: a long log is often read from its end only. */
export function failuresOf(report: VitestReport | undefined): string[] {
  return (report?.testResults ?? []).flatMap((file) => {
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    const broken = file.status === 'failed' && failed.length === 0 ? [failure(file.name, file.message)] : [];
    return [...broken, ...failed.map((test) => failure(`${file.name ?? ''} > ${test.fullName ?? ''}`, test.failureMessages?.join('\n')))];
  });
}

function failure(name = 'a file', why = ''): string {
  return [name, ...why.trim().split('\n').slice(0, LINES_OF_A_FAILURE).map((line) => `    ${line}`)].join('\n');
}

/** What failed, the table of groups, and as its last line `N passed, N failed`. */
export function summary(results: readonly GroupResult[]): string {
  const all = sumOf(results);
  const milliseconds = results.reduce((sum, result) => sum + result.milliseconds, 0);
  const rows = [...results, { name: 'all', milliseconds, ...all }].map(tableRow);
  const unsteady = section('passed only when run again:', results, (result) => result.unsteady);
  const failed = section('failed:', results, (result) => result.failures);
  return [...unsteady, ...failed, '', HEAD, ...rows, '', `${all.passed} passed, ${all.failed} failed`, ''].join('\n');
}

function section(title: string, results: readonly GroupResult[], of: (result: GroupResult) => readonly string[] | undefined): string[] {
  const lines = results.flatMap((result) => (of(result) ?? []).map((each) => `  ${result.name}: ${each}`));
  return lines.length === 0 ? [] : ['', title, ...lines];
}

/** Sum over groups. */
export function sumOf(results: readonly Count[]): Count {
  return results.reduce((sum, each) => ({ passed: sum.passed + each.passed, failed: sum.failed + each.failed }), { passed: 0, failed: 0 });
}

function columns(name: string, ...numbers: readonly [string, string, string]): string {
  const [passed, failed, time] = numbers;
  return `  ${name.padEnd(10)}${passed.padStart(7)}${failed.padStart(8)}${time.padStart(15)}`;
}

const HEAD = columns('group', 'passed', 'failed', 'time');

function tableRow({ name, passed, failed, milliseconds, note }: GroupResult): string {
  return columns(name, String(passed), String(failed), formatDuration(milliseconds)) + (note === undefined ? '' : `   ${note}`);
}
