// Owns the table that people read. Pure. Must not measure.
import { EDITS_PER_SECOND, type Effort, type MadeFigures, type RestFigures, type ScaleFigures } from './measure.ts';
import { writesIn } from './operator-view.ts';

const MIB = 1024 * 1024;
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`;
const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;
const millis = (value: number): string => `${(value * 1000).toFixed(1)} ms`;

function reconcileOf({ reconcile }: Effort): string {
  return reconcile === undefined ? 'no pass' : `p50 ${millis(reconcile.p50)}, p99 ${millis(reconcile.p99)}`;
}

const cpuOf = ({ cpuSeconds, seconds: whole }: Effort): string => `${cpuSeconds.toFixed(1)} s (${((100 * cpuSeconds) / Math.max(whole, 0.001)).toFixed(0)} % of a core)`;

function perHour(idle: Effort): string {
  const hourly = (n: number): number => Math.round((n * 3600) / Math.max(idle.seconds, 1));
  const parts = Object.entries(idle.requests).sort(([, a], [, b]) => b - a).map(([key, n]) => `${key} ${hourly(n)}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

/** Requests to the API server for each InferenceService while all were created, the most frequent first. */
function requestLines({ creation, made }: MadeFigures): string[] {
  const rows = Object.entries(creation.requests).sort(([, a], [, b]) => b - a);
  const lines = rows.map(([key, n]) => `    ${key.padEnd(38)} ${(n / made).toFixed(2).padStart(8)}`);
  return [`  API requests for each InferenceService     ${(rows.reduce((sum, [, n]) => sum + n, 0) / made).toFixed(1)}`, ...lines];
}

type Row = [name: string, value: string];

const madeRows = ({ made, creationToReady: ready, creation, peakBytes }: MadeFigures): Row[] => [
  [`creation to Ready, ${made} at once`, `p50 ${seconds(ready.p50)}, p99 ${seconds(ready.p99)}, all after ${seconds(ready.all)}`],
  ['reconcile while creating', `${reconcileOf(creation)}, ${creation.passes} passes`],
  ['operator CPU while creating', cpuOf(creation)],
  ['operator memory, most while creating', mib(peakBytes)],
];

const restRows = ({ oneMore, steady, restart, idle, memory }: RestFigures): Row[] => [
  ['creation to Ready, one more', `p50 ${seconds(oneMore.p50)}, max ${seconds(oneMore.max)}`],
  [`reconcile in ${steady.edits} edits, ${EDITS_PER_SECOND} a second`, `${reconcileOf(steady)}, ${steady.passes} passes, ${steady.writes} writes`],
  ['operator memory at rest', `${mib(memory.atRest)}, heap used ${mib(memory.heapAtRest)}`],
  ['operator memory after a restart', `${mib(memory.afterRestart)}, heap used ${mib(memory.heapAfterRestart)}`],
  ['restart to steady', `${restart.toSteadySeconds.toFixed(1)} s, ${restart.passes} passes, CPU ${restart.cpuSeconds.toFixed(1)} s`],
  ['writes during the restart', `${restart.writes}${restart.writes === 0 ? '' : ` (${JSON.stringify(writesIn(restart.requests))})`}`],
  [`idle for ${Math.round(idle.seconds)} s`, `${idle.passes} passes, CPU ${cpuOf(idle)}`],
  ['API requests an hour when idle', perHour(idle)],
];

/** The table of what was measured. */
export function tableOf({ count, namespaces, made, rest }: ScaleFigures): string {
  const rows: Row[] = [['InferenceServices', `${count} in ${namespaces} namespaces`], ...(made === undefined ? [] : madeRows(made)), ...(rest === undefined ? [] : restRows(rest))];
  return [...rows.map(([name, value]) => `  ${name.padEnd(40)} ${value}`), ...(made === undefined ? [] : requestLines(made))].join('\n');
}
