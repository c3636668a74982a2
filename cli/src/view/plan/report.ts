// Owns what `plan` tells: which fields and objects change, the steps, the capacity, and the verdict. Must not read the cluster.
import type { KubeObject } from '../../../../operator/src/plan/index.ts';
import { quantityText } from '../../../../operator/src/status/index.ts';
import { fit, line, span, table, wrap } from '../text.ts';
import type { Line } from '../text.ts';
import { marked } from '../symbols.ts';
import { neededBy, peakOf, quotaLines } from './capacity.ts';
import type { Amounts, QuotaLine } from './capacity.ts';
import type { FieldChange } from './diff.ts';
import type { Foresight } from './foresee.ts';

/** Whether the API server would take something, asked without changing anything. */
export interface Check {
  what: string;
  accepted: boolean;
  message?: string;
}

export interface ObjectChanges {
  created: string[];
  changed: string[];
  removed: string[];
}

export interface PlanReport {
  name: string;
  namespace: string;
  changes: FieldChange[];
  objects: ObjectChanges;
  steps: { words: string; pods: number; waits: boolean }[];
  capacity: { now: Amounts; peak: Amounts; after: Amounts };
  quota: QuotaLine[];
  checks: Check[];
  remarks: string[];
  verdict: 'unchanged' | 'fine' | 'held' | 'refused';
  message: string;
}

export interface PlanInput {
  name: string;
  namespace: string;
  exists: boolean;
  changes: FieldChange[];
  foresight: Foresight | undefined;
  /** Pods by revision now. */
  pods: Readonly<Record<string, number>>;
  /** Objects as they are, and as the operator wants them now, by `Kind/name`. */
  present: ReadonlySet<string>;
  wanted: ReadonlyMap<string, KubeObject>;
  quotas: readonly KubeObject[];
  checks: Check[];
  remarks: string[];
}

/** Everything as data; the lines are made from it. */
export function reportOf(input: PlanInput): PlanReport {
  const { name, namespace, foresight, checks, remarks } = input;
  const records = foresight?.records ?? {};
  const now = neededBy(input.pods, records);
  const after = neededBy(foresight?.after ?? input.pods, records);
  const moments = foresight?.moments ?? [];
  const peak = peakOf([now, after, ...moments.map(({ pods }) => neededBy(pods, records))]);
  const objects = objectsOf(input);
  const quota = quotaLines(input.quotas, now, peak);
  const steps = moments.map(({ words, pods, waits }) => ({ words, pods: Object.values(pods).reduce((sum, each) => sum + each, 0), waits }));
  const told = { changes: input.changes, objects, steps, capacity: { now, peak, after }, quota, checks, remarks };
  return { name, namespace, ...told, ...verdictOf({ input, quota, objects }) };
}

function objectsOf({ foresight, present, wanted }: PlanInput): ObjectChanges {
  const applied = [...(foresight?.applied ?? [])];
  const removed = (foresight?.removed ?? []).filter((key) => present.has(key));
  return {
    created: applied.map(([key]) => key).filter((key) => !present.has(key)),
    changed: applied.filter(([key, object]) => present.has(key) && !removed.includes(key) && wanted.has(key) && JSON.stringify(wanted.get(key)) !== JSON.stringify(object)).map(([key]) => key),
    removed,
  };
}

interface Judged { input: PlanInput; quota: readonly QuotaLine[]; objects: ObjectChanges }

function verdictOf({ input: { exists, changes, checks, foresight }, quota, objects }: Judged): Pick<PlanReport, 'verdict' | 'message'> {
  const refused = checks.find(({ accepted }) => !accepted);
  if (refused !== undefined) return { verdict: 'refused', message: `${refused.what} would be refused: ${refused.message ?? 'no reason is given'}` };
  const short = quota.find(({ allowed }) => !allowed);
  if (short !== undefined) return { verdict: 'refused', message: `ResourceQuota ${short.quota} does not allow the ${short.resource} that the rollout needs at its peak; raise it, or lower the requests` };
  if (foresight?.held !== undefined) return { verdict: 'held', message: `the rollout would not go on: ${foresight.held.message}` };
  const nothing = exists && changes.length === 0 && objects.created.length + objects.changed.length + objects.removed.length === 0;
  return nothing ? { verdict: 'unchanged', message: 'nothing would change' } : { verdict: 'fine', message: 'nothing stands in the way' };
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function changeLine({ field, before, after }: FieldChange): Line {
  if (before === undefined) return line(`  + ${field}: ${shown(after)}`, 'good');
  if (after === undefined) return line(`  - ${field}: ${shown(before)}`, 'bad');
  return line(`  ~ ${field}: ${shown(before)} → ${shown(after)}`, 'warn');
}

const section = (title: string, lines: readonly Line[]): Line[] => (lines.length === 0 ? [] : [line(title, 'strong'), ...lines, []]);

function objectLines({ created, changed, removed }: ObjectChanges): Line[] {
  return [...created.map((key) => line(`  + ${key}`, 'good')), ...changed.map((key) => line(`  ~ ${key}`, 'warn')), ...removed.map((key) => line(`  - ${key}`, 'bad'))];
}

function stepLines(steps: PlanReport['steps'], width: number): Line[] {
  return steps.flatMap(({ words, pods, waits }, n) => {
    const number = `${String(n + 1).padStart(4)}. `;
    return wrap(`${words} (${pods} pods in all)`, width - number.length).map((text, row) => [span(row === 0 ? number : ' '.repeat(number.length)), span(text, waits ? 'warn' : 'plain')]);
  });
}

function capacityLines({ now, peak, after }: PlanReport['capacity']): Line[] {
  const names = Object.keys(peak).sort((a, b) => Number(b === 'pods') - Number(a === 'pods') || (a < b ? -1 : 1));
  const text = (amounts: Amounts, name: string): Line => line(quantityText(amounts[name] ?? 0, name.replace(/^(requests|limits)\./, '')));
  return table(['  ', 'NOW', 'PEAK', 'AFTER'], names.map((name) => [line(`  ${name}`), text(now, name), text(peak, name), text(after, name)]));
}

function quotaLine({ quota, resource, used, more, hard, allowed }: QuotaLine): Line {
  const text = (amount: number): string => quantityText(amount, resource.replace(/^(requests|limits)\./, ''));
  return [span('  '), marked(allowed ? 'ok' : 'bad', `${quota} ${resource}`), span(`: ${text(used)} used + ${text(more)} of ${text(hard)}`)];
}

function checkLines({ what, accepted, message }: Check, width: number): Line[] {
  return [[span('  '), marked(accepted ? 'ok' : 'bad', what)], ...(message === undefined ? [] : wrap(message, width - 6).map((each) => line(`      ${each}`)))];
}

const VERDICTS = { unchanged: 'ok', fine: 'ok', held: 'paused', refused: 'bad' } as const;

/** The report for people. */
export function planView(report: PlanReport, width: number): Line[] {
  const { name, namespace, changes, objects, steps, capacity, quota, checks, remarks, verdict, message } = report;
  const lines = [
    line(`Plan for InferenceService ${name} in ${namespace}`, 'strong'),
    [],
    ...section('Fields', changes.map(changeLine)),
    ...section('Objects', objectLines(objects)),
    ...section('Steps, as pods get ready', stepLines(steps, width)),
    ...section('Capacity of the serving pods', capacityLines(capacity)),
    ...section('Quota at the peak', quota.map(quotaLine)),
    ...section('Asked of the API server, changing nothing', checks.flatMap((each) => checkLines(each, width))),
    ...remarks.map((each) => line(`⚠ ${each}`, 'warn')),
    ...wrap(message, width - 2).map((text, row): Line => (row === 0 ? [marked(VERDICTS[verdict], text)] : [span(`  ${text}`)])),
  ];
  return lines.map((each) => fit(each, width));
}
