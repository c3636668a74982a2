// Owns what the bench prints: tables of what was found. PURE.
import type { Bare, Cold, Delay, Framing, Many, Reload, Results, Row, Saved, Steady } from './results.ts';

type Align = 'left' | 'right';

/** Lines of a table; the first column is left-aligned, the others right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => cells.map((cell, column) => pad(cell, widths[column] ?? 0, column === 0 ? 'left' : 'right')).join('  ').trimEnd();
  return [line(head), ...rows.map(line)];
}

const pad = (text: string, width: number, align: Align): string => (align === 'left' ? text.padEnd(width) : text.padStart(width));
const whole = (value: number): string => value.toFixed(0);
/** Milliseconds of microseconds. */
const ms = (us: number): string => (us / 1000).toFixed(us < 10_000 ? 3 : 1);
const rateText = (value: number): string => (value < 100 ? value.toFixed(1) : value.toFixed(0));
export const ratio = (value: number): string => (Number.isFinite(value) ? value.toFixed(value < 10 ? 2 : 1) : '');

function loadTable(rows: readonly Row[]): string[] {
  const own = rows.find(({ name }) => name === 'slipway')?.figures;
  const open = rows[0]?.rate !== undefined;
  const cells = rows.map(({ name, figures, rate }) => [
    name,
    rateText(rate ?? figures.rate),
    rateText(figures.perCpuSecond),
    name === 'slipway' || own === undefined ? '' : ratio(own.rate / figures.rate),
    name === 'slipway' || own === undefined ? '' : ratio(own.perCpuSecond / figures.perCpuSecond),
    ms(figures.p50),
    ms(figures.p99),
    whole(figures.rssMib),
    `${whole(figures.clientCpu * 100)} %`,
    figures.bad === 0 ? '' : String(figures.bad),
  ]);
  return table(['server', open ? 'sent/s' : 'req/s', 'req per CPU s', 'slipway is', 'per CPU s', 'p50 ms', 'p99 ms', 'MiB', 'client', 'bad'], cells);
}

function loadTables(rows: readonly Row[]): string[] {
  const keys = [...new Set(rows.map(({ work, wire, concurrency, rate }) => `${work} over ${wire}, ${rate === undefined ? `${concurrency} at once` : 'open loop at 70 % of what each did at 32'}`))];
  return keys.flatMap((key) => ['', key, ...loadTable(rows.filter(({ work, wire, concurrency, rate }) => key === `${work} over ${wire}, ${rate === undefined ? `${concurrency} at once` : 'open loop at 70 % of what each did at 32'}`))]);
}

const bareTable = (bare: readonly Bare[]): string[] => [
  '',
  'the bare runtime in a loop, no HTTP',
  ...table(['work', 'batch', 'calls/s', 'rows/s', 'calls per CPU s', 'p50 ms', 'p99 ms'], bare.map((one) => [one.work, String(one.batch), rateText(one.rate), rateText(one.rows), rateText(one.perCpuSecond), ms(one.p50), ms(one.p99)])),
];

const framingTable = (framing: readonly Framing[]): string[] => [
  '',
  'gRPC framing alone, a constant answer',
  ...table(['framing', 'at once', 'req/s', 'req per CPU s', 'p50 ms', 'p99 ms'], framing.map(({ name, concurrency, figures }) => [name, String(concurrency), rateText(figures.rate), rateText(figures.perCpuSecond), ms(figures.p50), ms(figures.p99)])),
];

const delayTable = (delay: readonly Delay[]): string[] => [
  '',
  'event-loop delay while one connection sends 10 MB after 10 MB, ms: V2 as JSON (slipway, and a server that discards it), V2 messages with raw',
  'elements (grpc) and with lists (grpc-lists); and while it asks the native API for answers of 10 MB (predict)',
  ...table(['server', 'p50', 'p99', 'max', 'bodies/s'], delay.map(({ name, p50, p99, max, bodies }) => [name, p50.toFixed(2), p99.toFixed(2), max.toFixed(1), bodies.toFixed(1)])),
];

const coldTable = (cold: readonly Cold[]): string[] => [
  '',
  'start of the process to ready, sentiment model, ms',
  ...table(['', 'median', 'all'], cold.map((one) => [one.what, whole(middle(one.ms)), one.ms.map(whole).join(' ')])),
];

const steadyTable = ({ calls, memory }: Steady): string[] => [
  '',
  `resident memory over ${calls} calls, MiB`,
  ...table(['calls', 'MiB'], memory.map((at) => [String(at.calls), whole(at.rssMib)])),
];

function reloadTables({ work, reloads, rate, without, first, during, busy, ms: times, memory }: Reload): string[] {
  const line = (what: string, { requests, failed, p50, p99 }: Reload['during']): string[] => [what, String(requests), String(failed), ms(p50), ms(p99)];
  const lines = [
    line('without reloads', without),
    ...(first === undefined ? [] : [line('during the first', first)]),
    line('during reloads', during),
    ...(busy === undefined ? [] : [line(`beside ${busy.cpus.toFixed(2)} busy CPUs`, busy)]),
  ];
  return [
    '',
    `${work} over json, open loop at ${rateText(rate)} calls/s, half of what it did at 32; ${reloads} reloads of ${whole(middle(times))} ms each (median)`,
    ...table(['', 'calls', 'failed', 'p50 ms', 'p99 ms'], lines),
    '',
    ...table(['reloads', 'resident MiB'], memory.map((at) => [String(at.reloads), whole(at.rssMib)])),
  ];
}

const manyTable = (many: readonly Many[]): string[] => [
  '',
  'copies of one small model in one server, called in turns, 50 calls at once',
  ...table(['models', 'ready ms', 'MiB', 'threads', 'req/s'], many.map((one) => [`${one.models} x ${one.work}`, whole(one.readyMs), whole(one.rssMib), String(one.threads), whole(one.rate)])),
];

export const middle = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** All tables of what was found, section by section. */
export function tablesOf(all: Saved): string[] {
  return Object.entries(all).flatMap(([section, found]) => ['', `## ${section}: ${found.how}`, ...sectionTables(found)]);
}

function sectionTables({ rows, bare, framing, delay, cold, steady, reload, many }: Results): string[] {
  return [
    ...(bare === undefined ? [] : bareTable(bare)),
    ...(rows === undefined ? [] : loadTables(rows)),
    ...(framing === undefined ? [] : framingTable(framing)),
    ...(delay === undefined ? [] : delayTable(delay)),
    ...(cold === undefined ? [] : coldTable(cold)),
    ...(steady === undefined ? [] : steadyTable(steady)),
    ...(reload ?? []).flatMap(reloadTables),
    ...(many === undefined ? [] : manyTable(many)),
  ];
}
