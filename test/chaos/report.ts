// Owns the report of a chaos run: what is counted from its journal, and how it is printed. Must not know how the journal came about.
import { excuseFor, kindOf } from './failures.ts';
import type { Journal, OperationRecord, Sent } from './journal.ts';
import { LANE_NAMES } from './load/protocol.ts';
import { followedChanges, splitsSeen } from './splits.ts';
import type { SplitSeen } from './splits.ts';

/** Milliseconds; of all requests, failed ones included. */
interface Latency {
  p50: number;
  p99: number;
  max: number;
}

interface Row extends Latency {
  name: string;
  requests: number;
  failed: number;
}

interface OperationRow extends Row {
  runs: number;
  /** Median seconds that one took. */
  seconds: number;
}

export interface ChaosReport {
  seed: number;
  seconds: number;
  interrupted: boolean;
  requests: number;
  /** Requests that failed and that no kill -9 explains. */
  lost: number;
  operations: number;
  failedOperations: { name: string; service: string; error: string }[];
  /** Failed requests by kind; `excuse` where a kill -9 explains them. */
  failures: { kind: string; excuse?: string; count: number; first: string }[];
  kills: number;
  byOperation: OperationRow[];
  byLane: Row[];
  all: Row;
  /** By how much the callers themselves sent too late, milliseconds; part of every latency. */
  late: Latency;
  splits: SplitSeen[];
  /** From a written route to the observed split, milliseconds. */
  changes: { count: number; measured: number; withinSecond: number; delay: Latency; acknowledged: Latency };
}

const BETWEEN = 'between operations';

function quantile(sorted: readonly number[], part: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
}

function latencyOf(milliseconds: readonly number[]): Latency {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: quantile(sorted, 1) };
}

const rowOf = (name: string, sent: readonly Sent[]): Row => ({
  name,
  requests: sent.length,
  failed: sent.filter((each) => each.problem !== undefined).length,
  ...latencyOf(sent.map((each) => each.ms)),
});

/** Whether the request was due while the operation was under way, on its service or on what all share. */
const isDuring = (sent: Sent, { begun, ended = Number.POSITIVE_INFINITY, service }: OperationRecord): boolean => (service === undefined || service === sent.target) && sent.due >= begun && sent.due < ended;

function operationRows({ sent, operations }: Journal): OperationRow[] {
  const names = [...new Set(operations.map((each) => each.name))].sort();
  const rows = names.map((name) => {
    const runs = operations.filter((each) => each.name === name);
    const during = sent.filter((each) => runs.some((run) => isDuring(each, run)));
    const seconds = latencyOf(runs.flatMap((run) => (run.ended === undefined ? [] : [run.ended - run.begun]))).p50 / 1000;
    return { ...rowOf(name, during), runs: runs.length, seconds };
  });
  const rest = sent.filter((each) => !operations.some((run) => isDuring(each, run)));
  return rest.length === 0 ? rows : [...rows, { ...rowOf(BETWEEN, rest), runs: 0, seconds: 0 }];
}

function failuresOf({ sent, kills }: Journal): ChaosReport['failures'] {
  const kinds = new Map<string, ChaosReport['failures'][number]>();
  for (const each of sent) {
    if (each.problem === undefined) continue;
    const excused = excuseFor(each, kills);
    const kind = kindOf(each);
    const excuse = excused === undefined ? undefined : `${excused.excuse}, kill -9 ${excused.kill.program}`;
    const key = `${kind}/${excuse}`;
    const known = kinds.get(key);
    if (known !== undefined) known.count += 1;
    else kinds.set(key, { kind, ...(excuse === undefined ? {} : { excuse }), count: 1, first: `${new Date(each.due).toISOString()} ${each.target} ${each.lane} after ${Math.round(each.ms)} ms: ${each.problem.slice(0, 300)}` });
  }
  return [...kinds.values()].sort((a, b) => b.count - a.count);
}

function changesOf({ sent, changes, ended }: Journal): ChaosReport['changes'] {
  const followed = followedChanges(sent, changes, ended);
  const delays = followed.flatMap((each) => each.delayMs ?? []);
  return {
    count: followed.length,
    measured: delays.length,
    withinSecond: delays.filter((each) => each <= 1000).length,
    delay: latencyOf(delays),
    acknowledged: latencyOf(followed.flatMap((each) => each.acknowledgedMs ?? [])),
  };
}

/** Counts everything. */
export function reportOf(journal: Journal): ChaosReport {
  const { seed, begun, ended, interrupted, sent, operations, changes, kills } = journal;
  const failures = failuresOf(journal);
  return {
    seed,
    seconds: Math.round((ended - begun) / 1000),
    interrupted,
    requests: sent.length,
    lost: failures.filter((each) => each.excuse === undefined).reduce((sum, each) => sum + each.count, 0),
    operations: operations.filter((each) => each.ended !== undefined && each.error === undefined).length,
    failedOperations: operations.flatMap(({ name, service = 'all', error }) => (error === undefined ? [] : [{ name, service, error }])),
    failures,
    kills: kills.length,
    byOperation: operationRows(journal),
    byLane: LANE_NAMES.map((lane) => rowOf(lane, sent.filter((each) => each.lane === lane))),
    all: rowOf('all', sent),
    late: latencyOf(sent.map((each) => each.lateMs)),
    splits: splitsSeen(sent, changes, ended),
    changes: changesOf(journal),
  };
}

type Cell = string | number;

/** Columns aligned: the first to the left, the rest to the right. */
function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '));
}

const latencyCells = ({ requests, failed, p50, p99, max }: Row): Cell[] => [requests, failed, p50, p99, max];
const LATENCY_HEAD = ['requests', 'failed', 'p50 ms', 'p99 ms', 'worst ms'];

function failureLines({ failures, failedOperations }: ChaosReport): string[] {
  const requests = failures.map(({ kind, excuse, count, first }) => `  ${count} x ${kind} (${excuse ?? 'LOST'}), first: ${first}`);
  const operations = failedOperations.map(({ name, service, error }) => `  operation "${name}" on ${service}: ${error}`);
  return requests.length + operations.length === 0 ? [] : ['', 'failed', ...requests, ...operations];
}

/** The report for people, a line each. */
export function printed(report: ChaosReport): string[] {
  const { changes, late } = report;
  return [
    `${report.requests} requests, ${report.operations} operations in ${report.seconds} s (seed ${report.seed}${report.interrupted ? ', interrupted' : ''}), ${report.kills} kills`,
    `${report.lost} requests lost; ${report.all.failed - report.lost} failed in flight on, or led to, a process killed with -9`,
    '',
    ...table(['while', 'runs', 'median s', ...LATENCY_HEAD], report.byOperation.map((row) => [row.name, row.runs, row.seconds.toFixed(1), ...latencyCells(row)])),
    '',
    ...table(['lane', ...LATENCY_HEAD], [...report.byLane, report.all].map((row) => [row.name, ...latencyCells(row)])),
    `of which the callers themselves sent too late, ms: p50 ${late.p50}, p99 ${late.p99}, worst ${late.max}`,
    '',
    ...table(['weight', 'times', 'requests', 'wanted', 'seen', 'most off in one'], report.splits.map((each) => [`${each.weight} %`, each.spans, each.requests, each.wanted.toFixed(1), each.seen, each.worst.toFixed(1)])),
    '',
    `${changes.count} changes of weight; the observed split followed within a second in ${changes.withinSecond} of the ${changes.measured} that enough requests came after`,
    `written to observed ms: p50 ${changes.delay.p50}, p99 ${changes.delay.p99}, worst ${changes.delay.max}; written to acknowledged in the status ms: p50 ${changes.acknowledged.p50}, p99 ${changes.acknowledged.p99}, worst ${changes.acknowledged.max}`,
    ...failureLines(report),
  ];
}
