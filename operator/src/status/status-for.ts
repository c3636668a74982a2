// Owns the status as a whole, written once per pass, and the events that tell of changed conditions.
// Must not decide the rollout. Times move only when a condition does, so an unchanged world gives the same status.
import { LABELS, mergeConditions, previewServiceName, serviceName } from '@slipway/api';
import type { Condition, ConditionInput, InferenceServiceStatus, RevisionStatus, RolloutStatus } from '@slipway/api';
import type { EventIntent, RevisionFacts } from '../types.ts';
import { conditionsFor } from './conditions.ts';
import { phaseOf, summaryOf } from './summary.ts';
import { viewOf } from './view.ts';
import type { StatusInput, View } from './view.ts';

export interface Told {
  status: InferenceServiceStatus;
  events: EventIntent[];
}

export function statusFor(input: StatusInput & { rollout: RolloutStatus; route: { status: NonNullable<InferenceServiceStatus['route']> } & NonNullable<StatusInput['route']> | undefined }): Told {
  const { observed, rollout, route, acknowledged, revisions } = input;
  const { isvc } = observed;
  const view = viewOf(input);
  const conditions = conditionsFor(view);
  const phase = phaseOf(view, conditions);
  const status: InferenceServiceStatus = {
    observedGeneration: isvc.metadata.generation,
    ...urlsOf(view),
    ...scaleOf(view),
    phase,
    ...(route === undefined ? {} : { ports: route.entry.ports, route: route.status }),
    rollout,
    traffic: acknowledged.traffic,
    revisions: revisions.all.map((each) => revisionStatus(each, view)),
    revisionSequence: revisions.lastSequence,
    summary: summaryOf(view, conditions, phase),
    conditions: mergeConditions(isvc.status?.conditions ?? [], conditions, new Date(observed.at).toISOString(), isvc.metadata.generation),
  };
  return { status, events: changed(view, conditions) };
}

function urlsOf({ observed, config, route, reachable }: View): Pick<InferenceServiceStatus, 'url' | 'previewUrl'> {
  if (!reachable || route === undefined) return {};
  const { name, namespace } = observed.isvc.metadata;
  const url = (service: string): string => `http://${service}.${namespace}.svc.${config.clusterDomain}`;
  return { url: url(serviceName(name)), ...(route.entry.preview === undefined ? {} : { previewUrl: url(previewServiceName(name)) }) };
}

/** For /scale: the pods of the stable revision only, so that an autoscaler never counts a canary. */
function scaleOf({ advanced, revisions }: View): Pick<InferenceServiceStatus, 'replicas' | 'readyReplicas' | 'selector'> {
  const name = advanced.rollout.stable ?? ('candidate' in advanced.rollout ? advanced.rollout.candidate : undefined);
  const stable = revisions.all.find((each) => each.name === name);
  if (stable === undefined) return { replicas: 0, readyReplicas: 0 };
  return { replicas: stable.deployment?.replicas ?? 0, readyReplicas: stable.readyEndpoints, selector: `${LABELS.revision}=${stable.name}` };
}

function revisionStatus(revision: RevisionFacts, { advanced, roleOf, versionOf }: View): RevisionStatus {
  const { name, sequence, readyEndpoints, pinnedDigest } = revision;
  return {
    name,
    role: roleOf(name),
    modelVersion: versionOf(name),
    sequence,
    desired: advanced.scale[name] ?? 0,
    ready: readyEndpoints,
    ...(pinnedDigest === undefined ? {} : { digest: pinnedDigest }),
  };
}

/** What turned good or bad, and every new cause that blocks; what is merely on its way is not news. */
function changed(view: View, conditions: readonly ConditionInput[]): EventIntent[] {
  const { status } = view.observed.isvc;
  const known = status?.summary?.reason;
  const cause = view.newestCause ?? view.servingCause ?? view.routersCause;
  return [
    ...conditions.flatMap((now) => newsOf(now, status?.conditions?.find((each) => each.type === now.type))),
    ...(cause === undefined || cause.reason === known ? [] : [{ type: 'Warning', ...cause } as const]),
  ];
}

/** Ready in both directions, Stalled when it begins or has another reason. The rollout tells its own transitions. */
function newsOf(now: ConditionInput, old: Pick<Condition, 'status' | 'reason'> = { status: 'False', reason: '' }): EventIntent[] {
  const { type, status, reason, message } = now;
  const turned = old.status !== status;
  if (type === 'Ready' && turned) return [{ type: status === 'True' ? 'Normal' : 'Warning', reason, message }];
  const stalls = type === 'Stalled' && status === 'True';
  return stalls && (turned || old.reason !== reason) ? [{ type: 'Warning', reason, message }] : [];
}

/** Leaves out what another event of the same reason says as well, and more. */
export function distinct(events: readonly EventIntent[]): EventIntent[] {
  const saysMore = (more: EventIntent, less: EventIntent): boolean => more.reason === less.reason && more.message.startsWith(less.message);
  return events.filter((each, n) => !events.some((other, m) => m !== n && saysMore(other, each) && (other.message !== each.message || m < n)));
}
