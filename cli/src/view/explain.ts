// Owns the chain of causes that `explain` tells: conditions with the catalogue's advice, the pods and containers behind them, warnings
// about those, and what to do. Must not know the terminal.
import { REASONS } from '@slipway/api';
import type { Condition, Reason } from '@slipway/api';
import { age } from './age.ts';
import type { Service, Snapshot, Warning } from './objects.ts';
import { isReady, podInfo, podState, podTroubles } from './pod-state.ts';
import { revisionState, revisionViews, weightOf } from './revisions.ts';
import type { RevisionView } from './revisions.ts';
import { nextCommand } from './summary.ts';
import { SYMBOLS, marked, phaseSpan, roleTone } from './symbols.ts';
import type { Mark } from './symbols.ts';
import { fit, line, span, wrap } from './text.ts';
import type { Line, Tone } from './text.ts';

/** Conditions whose truth is the trouble. */
const BAD_WHEN_TRUE = ['Stalled'];
/** Being False is no trouble: nothing moves. */
const NEUTRAL_WHEN_FALSE = ['Progressing'];
const WARNINGS_SHOWN = 3;

const adviceOf = (reason: string | undefined): string | undefined => (reason !== undefined && Object.hasOwn(REASONS, reason) ? REASONS[reason as Reason].advice : undefined);

const said = (text: string, indent: number, width: number, tone: Tone = 'plain'): Line[] => wrap(text, width - indent).map((each) => line(`${' '.repeat(indent)}${each}`, tone));

/** Everything known about why the service is as it is, at most `width` wide. */
export function explainView(snapshot: Snapshot, warnings: readonly Warning[], width: number): Line[] {
  const { metadata, status } = snapshot.service;
  const reason = status?.summary?.reason;
  const lines = [
    [span(`${SYMBOLS.service} ${metadata.name}  `, 'strong'), phaseSpan(status?.phase), span(reason === undefined ? '' : `  ${reason}`)],
    ...(status === undefined ? said('The operator has not seen it yet; see whether it runs: kubectl get pods -A -l app.kubernetes.io/name=slipway', 2, width) : []),
    [],
    ...(status?.conditions ?? []).flatMap((each) => conditionLines(each, width)),
    ...revisionViews(snapshot).filter(({ pods, role }) => pods.length > 0 || role !== 'retired').flatMap((view) => revisionLines(view, snapshot.service, { at: snapshot.at, warnings, width })),
    [],
    ...fixLines(snapshot, width),
    ...snapshot.gaps.map((gap) => line(`⚠ ${gap}`, 'warn')),
  ];
  return lines.map((each) => fit(each, width));
}

function isTrouble({ type, status }: Condition): boolean {
  if (BAD_WHEN_TRUE.includes(type)) return status === 'True';
  return status !== 'True' && !NEUTRAL_WHEN_FALSE.includes(type);
}

/** Monitoring never blocks. */
const troubleMark = (type: string): Mark => (type === 'MonitoringReady' ? 'warning' : 'bad');
const calmMark = ({ type, status }: Condition): Mark => (status === 'True' && !BAD_WHEN_TRUE.includes(type) ? 'ok' : 'neutral');

function conditionLines(condition: Condition, width: number): Line[] {
  const { type, status, reason, message } = condition;
  const trouble = isTrouble(condition);
  const head: Line = [span('  '), marked(trouble ? troubleMark(type) : calmMark(condition), type.padEnd(16)), span(`${status.padEnd(8)}${reason}`)];
  return trouble ? [head, ...said(message, 6, width)] : [head];
}

interface Context { at: number; warnings: readonly Warning[]; width: number }

function revisionLines(view: RevisionView, service: Service, context: Context): Line[] {
  const { name, role, pods, record } = view;
  const weight = weightOf(service, name);
  const head: Line = [span(`${SYMBOLS.deployment} ${name}  `, 'strong'), revisionState(view), span('  '), span(role, roleTone(role)), span(weight === undefined ? '' : ` ${weight}%`)];
  const uri = said(record?.data?.spec?.model?.storageUri ?? '', 4, context.width, 'quiet');
  return [[], head, ...uri, ...absenceLines(view, context.width), ...warningLines(name, context, 4), ...pods.flatMap((pod) => podLines(pod, context))];
}

function absenceLines({ name, pods, status }: RevisionView, width: number): Line[] {
  const wanted = status?.desired ?? 0;
  return wanted > 0 && pods.length === 0 ? said(`${wanted} pods are wanted and there is none: see \`kubectl describe deployment ${name}\``, 4, width, 'warn') : [];
}

function podLines(pod: RevisionView['pods'][number], context: Context): Line[] {
  const { at, width } = context;
  const { name, creationTimestamp } = pod.metadata;
  const head: Line = [span(`  ${SYMBOLS.pod} ${name}  `), podState(pod), span(`  ${age(creationTimestamp, at)}  ${podInfo(pod)}`, 'quiet')];
  if (isReady(pod)) return [head];
  return [head, ...podTroubles(pod).flatMap((each) => said(each, 6, width)), ...warningLines(name, context, 6)];
}

const lastSeen = ({ series, lastTimestamp, eventTime, metadata }: Warning): string | undefined => series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp;

function warningLines(name: string, { warnings, at, width }: Context, indent: number): Line[] {
  const about = warnings.filter((each) => each.involvedObject?.name === name).toSorted((a, b) => ((lastSeen(a) ?? '') < (lastSeen(b) ?? '') ? 1 : -1));
  return about.slice(0, WARNINGS_SHOWN).flatMap((each) => said(`${each.reason ?? 'Warning'} (${age(lastSeen(each), at)} ago): ${each.message ?? ''}`, indent, width, 'warn'));
}

/** Where a look helps, by reason. */
const LOOKS: Readonly<Partial<Record<Reason, (name: string, on: string) => string>>> = {
  QuotaExceeded: (_, on) => `kubectl describe resourcequota ${on}`,
  PodsForbidden: (_, on) => `kubectl get events ${on} --field-selector type=Warning`,
  SecretMissing: (_, on) => `kubectl get secrets ${on}`,
  ServiceAccountMissing: (_, on) => `kubectl get serviceaccounts ${on}`,
  VolumeMissing: (_, on) => `kubectl get persistentvolumeclaims ${on}`,
  Unschedulable: () => 'kubectl describe nodes',
  CrashLoop: (name, on) => `kubectl isvc logs ${name} ${on} --previous`,
  OutOfMemory: (name, on) => `kubectl isvc logs ${name} ${on} --previous`,
  ProbeFailing: (name, on) => `kubectl isvc logs ${name} ${on}`,
  DownloadFailed: (name, on) => `kubectl isvc logs ${name} ${on} --container fetch`,
  RoutersNotReady: (_, on) => `kubectl get pods ${on} -l app.kubernetes.io/component=router`,
  RouterUnreachable: (_, on) => `kubectl get networkpolicies ${on}`,
  NameTaken: (_, on) => `kubectl get services,configmaps,deployments ${on}`,
};

function fixLines({ service }: Snapshot, width: number): Line[] {
  const { metadata, status } = service;
  const reason = status?.summary?.reason;
  const advice = adviceOf(reason);
  if (advice === undefined) return [line(status?.phase === 'Healthy' ? 'Nothing to do.' : 'Nothing to do but wait.', 'good')];
  const on = `-n ${metadata.namespace ?? 'default'}`;
  const look = LOOKS[reason as Reason]?.(metadata.name, on);
  const next = nextCommand(reason, metadata.name, metadata.namespace);
  return [line('What to do', 'strong'), ...said(advice, 2, width), ...[look, next].filter((each) => each !== undefined).map((each) => line(`  $ ${each}`, 'busy'))];
}
