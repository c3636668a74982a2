// Owns what is decided about a release from its status: which command to send, whether it was answered, whether the rollout is over,
// and which revision to go back to. Must not send or wait.
import { ANNOTATIONS } from '@slipway/api';
import type { Condition } from '@slipway/api';
import type { Revision, Service } from './objects.ts';
import { recordsOf } from './revisions.ts';

export type Verb = 'promote' | 'abort' | 'retry';

/** The annotation to set, or why there is nothing to do. */
export type Order = { annotation: string; value: string } | { refused: string };

/**
 * The command that names what was seen, so that it can never hit a newer rollout. A value that was already seen once is no news to the
 * operator, so `nonce` is added to it.
 */
export function orderFor(verb: Verb, { status }: Service, full: boolean, nonce: string): Order {
  const { candidate, promote, handled } = status?.rollout ?? {};
  if (candidate === undefined) return { refused: `there is nothing to ${verb}: no rollout is under way` };
  const base = verb === 'promote' ? promoteValue(candidate, promote, full) : candidate;
  return { annotation: ANNOTATIONS[verb], value: handled?.[verb] === base ? `${base}#${nonce}` : base };
}

const promoteValue = (candidate: string, pause: string | undefined, full: boolean): string => (full ? `${candidate}:full` : (pause ?? candidate));

export interface Answer { accepted: boolean; message: string }

/** What the operator said to that value; undefined until it has seen it. */
export function answerTo(verb: Verb, value: string, { status }: Service): Answer | undefined {
  const { handled, lastCommand } = status?.rollout ?? {};
  if (handled?.[verb] !== value) return undefined;
  if (lastCommand?.verb !== verb) return { accepted: true, message: 'seen' };
  return { accepted: lastCommand.result === 'Accepted', message: lastCommand.message ?? lastCommand.result };
}

/** How a rollout ended, or that it waits for a person; undefined while it goes on by itself. */
export type End = { end: 'Healthy' | 'Degraded' | 'Paused'; message: string };

const conditionOf = (service: Service, type: string): Condition | undefined => service.status?.conditions?.find((each) => each.type === type);
const HELD = ['AwaitingPromotion', 'Paused', 'ScaledToZero'];

const holds = (service: Service, type: string): boolean => conditionOf(service, type)?.status === 'True';
/** The status was decided from an older spec, or there is none. */
const isBehind = ({ status, metadata }: Service): boolean => (status?.observedGeneration ?? 0) < (metadata.generation ?? 0);

/** Where the newest spec has got to; a status of an older spec says nothing. */
export function endOf(service: Service): End | undefined {
  if (isBehind(service)) return undefined;
  const stalled = conditionOf(service, 'Stalled');
  if (stalled?.status === 'True') return { end: 'Degraded', message: `${stalled.reason}: ${stalled.message}` };
  if (holds(service, 'RolledOut') && holds(service, 'Ready')) return { end: 'Healthy', message: 'rolled out' };
  return service.status?.phase === 'Degraded' ? undefined : pauseOf(service);
}

function pauseOf(service: Service): End | undefined {
  const all = ['RolledOut', 'Ready', 'Progressing'].map((type) => conditionOf(service, type));
  const held = all.find((each) => each?.status === 'False' && HELD.includes(each.reason));
  if (held === undefined) return undefined;
  const { reason, message } = service.status?.rollout ?? {};
  return { end: 'Paused', message: `${held.reason}: ${reason === held.reason && message !== undefined ? message : held.message}` };
}

/** Phase and reason in one line, for people who wait. */
export function whereItIs(service: Service): string {
  if (isBehind(service)) return 'the operator has not seen the newest spec yet';
  const { reason, step, weight, ready } = service.status?.summary ?? {};
  const facts = Object.entries({ step, weight, ready }).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  return [service.status?.phase ?? 'Pending', reason ?? '', ...facts].filter((each) => each !== '').join(', ');
}

/** The revision to go back to: the asked one; during a rollout the stable one; else the newest other one. */
export function targetOfUndo(service: Service, revisions: readonly Revision[], asked: number | undefined): Revision | { refused: string } {
  const records = recordsOf({ service, revisions });
  const numbers = records.map((each) => each.revision).join(', ');
  const { candidate, stable } = service.status?.rollout ?? {};
  const underWay = candidate !== undefined && stable !== undefined;
  const before = (each: Revision): boolean => (underWay ? each.metadata.name === stable : each.metadata.name !== (candidate ?? stable));
  const found = records.find(asked === undefined ? before : (each) => each.revision === asked);
  if (found !== undefined) return found;
  return { refused: asked === undefined ? 'there is no other revision to go back to' : `there is no revision ${asked}; recorded are ${numbers === '' ? 'none' : numbers}` };
}

const RECORDED = ['model', 'runtime', 'resources', 'podTemplate'] as const;

/** JSON patch that puts the recorded part of the spec back, if the spec is still the one that was seen. */
export function undoPatch({ metadata, spec }: Service, { data }: Revision): { op: string; path: string; value?: unknown }[] {
  const recorded = data?.spec ?? {};
  const parts = RECORDED.flatMap((part) => {
    if (recorded[part] !== undefined) return [{ op: 'add', path: `/spec/${part}`, value: recorded[part] }];
    return spec[part] === undefined ? [] : [{ op: 'remove', path: `/spec/${part}` }];
  });
  return [{ op: 'test', path: '/metadata/uid', value: metadata.uid }, { op: 'test', path: '/metadata/generation', value: metadata.generation }, ...parts];
}

/** The manifest to commit where Git holds the spec. */
export function undoManifest({ apiVersion, kind, metadata, spec }: Service, { data }: Revision): Record<string, unknown> {
  const rest = Object.fromEntries(Object.entries(spec).filter(([part]) => !(RECORDED as readonly string[]).includes(part)));
  return { apiVersion, kind, metadata: { name: metadata.name, namespace: metadata.namespace }, spec: { ...data?.spec, ...rest } };
}

const GITOPS: readonly [prefix: string, tool: string][] = [['argocd.argoproj.io/', 'Argo CD'], ['kustomize.toolkit.fluxcd.io/', 'Flux'], ['helm.toolkit.fluxcd.io/', 'Flux']];

/** The tool that would undo an edit made here, if labels or annotations name one. */
export function gitOpsTool({ metadata }: Service): string | undefined {
  const keys = [...Object.keys(metadata.labels ?? {}), ...Object.keys(metadata.annotations ?? {})];
  return GITOPS.find(([prefix]) => keys.some((key) => key.startsWith(prefix)))?.[1];
}
