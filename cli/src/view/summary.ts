// Owns the lines above the tree of `get`: status, message, strategy with step and weights, model, replicas, and what to type next.
// Must not know the tree or the terminal.
import type { Service, Snapshot } from './objects.ts';
import { revisionViews, weightOf } from './revisions.ts';
import { phaseSpan, roleTone } from './symbols.ts';
import { fit, line, span, wrap } from './text.ts';
import type { Line, Span } from './text.ts';

const LABEL = 17;
const field = (name: string, ...value: readonly Span[]): Line => [span(name.padEnd(LABEL), 'strong'), ...value];
const optional = (name: string, value: string | number | undefined): Line[] => (value === undefined || value === '' ? [] : [field(name, span(String(value)))]);

/** Everything about one service that is no tree, at most `width` wide. */
export function summaryView(snapshot: Snapshot, width: number): Line[] {
  const { service, gaps } = snapshot;
  const { metadata, status, spec } = service;
  return [
    field('Name:', span(metadata.name)),
    field('Namespace:', span(metadata.namespace ?? '')),
    field('Status:', phaseSpan(status?.phase)),
    ...messageLines(service, width),
    ...optional('URL:', status?.url),
    ...optional('Preview URL:', status?.previewUrl),
    field('Strategy:', span(spec.rollout?.strategy ?? '')),
    ...optional('  Step:', status?.summary?.step),
    ...weightLines(service),
    ...modelLines(snapshot),
    field('Replicas:'),
    ...optional('  Desired:', spec.replicas),
    ...optional('  Ready:', status?.readyReplicas),
    ...nextLines(service),
    ...gaps.map((gap) => line(`⚠ ${gap}`, 'warn')),
  ].map((each) => fit(each, width));
}

function messageLines({ status, metadata }: Service, width: number): Line[] {
  if (status === undefined) return [field('Message:', span('the operator has not seen it yet'))];
  const behind = (status.observedGeneration ?? 0) < (metadata.generation ?? 0);
  const said = behind ? `the operator has not seen the newest spec yet (generation ${metadata.generation ?? '?'})` : reasonOf(status);
  if (said === undefined) return [];
  return wrap(said, width - LABEL).map((text, index) => field(index === 0 ? 'Message:' : '', span(text)));
}

/** REASON with the message of the condition that carries it. */
function reasonOf(status: NonNullable<Service['status']>): string | undefined {
  const reason = status.summary?.reason;
  if (reason === undefined || reason === '') return undefined;
  const { rollout } = status;
  // The rollout's own words leave out what to annotate: here there is a command for it.
  const message = rollout?.reason === reason ? rollout.message : status.conditions?.find((each) => each.reason === reason)?.message;
  return message === undefined ? reason : `${reason}: ${message}`;
}

function weightLines(service: Service): Line[] {
  const { rollout } = service.status ?? {};
  if (rollout?.candidate === undefined || rollout.stable === undefined) return [];
  return [...optional('  SetWeight:', rollout.weight ?? 0), field('  ActualWeight:', span(String(weightOf(service, rollout.candidate) ?? 0)))];
}

function modelLines(snapshot: Snapshot): Line[] {
  const shown = revisionViews(snapshot).filter((each) => each.role !== 'retired');
  const told = shown.map(({ record, role, version }) => [span(`${record?.data?.spec?.model?.storageUri ?? version} `), span(`(${role} ${version})`, roleTone(role))]);
  return told.map((spans, index) => field(index === 0 ? 'Model:' : '', ...spans));
}

function nextLines({ status, metadata }: Service): Line[] {
  const told = nextCommand(status?.summary?.reason, metadata.name, metadata.namespace);
  return told === undefined ? [] : [field('Next:', span(told, 'strong'))];
}

const RETRY = ['Aborted', 'ProgressDeadlineExceeded'];

/** The command that the reason waits for, if a command is what helps. */
export function nextCommand(reason: string | undefined, name: string, namespace = 'default'): string | undefined {
  const on = `${name} -n ${namespace}`;
  if (reason === 'AwaitingPromotion') return `kubectl isvc promote ${on}   (or abort)`;
  if (reason === 'Paused') return `kubectl isvc resume ${on}`;
  if (reason !== undefined && RETRY.includes(reason)) return `kubectl isvc retry ${on}   (or undo)`;
  return undefined;
}
