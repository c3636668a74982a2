// Owns reading a cached Pod into PodFacts. Pure: what the pod's own ports say is asked elsewhere and added there.
import type { ContainerFacts, PodFacts } from '../types.ts';
import { compact } from './compact.ts';
import type { Condition, ContainerStates, ContainerStatus, Pod } from './shapes.ts';

export const timeOf = (instant: string | undefined): number => (instant === undefined ? 0 : Date.parse(instant));

const readyConditionOf = (pod: Pod): Condition | undefined => pod.status?.conditions?.find((c) => c.type === 'Ready' && c.status === 'True');

export const isReady = (pod: Pod): boolean => readyConditionOf(pod) !== undefined;

const readySince = (pod: Pod): number | undefined => {
  const since = readyConditionOf(pod)?.lastTransitionTime;
  return since === undefined ? undefined : timeOf(since);
};

const waitingOf = ({ waiting }: ContainerStates): ContainerFacts['waiting'] =>
  waiting && { reason: waiting.reason ?? '', message: waiting.message ?? '' };

const terminatedOf = ({ terminated }: ContainerStates): ContainerFacts['terminated'] =>
  terminated && { reason: terminated.reason ?? '', exitCode: terminated.exitCode ?? 0, message: terminated.message ?? '' };

function containerFacts(status: ContainerStatus, init: boolean): ContainerFacts {
  const { name, ready = false, restartCount = 0, state = {}, lastState = {} } = status;
  return compact({
    name,
    init,
    ready,
    restarts: restartCount,
    waiting: waitingOf(state),
    running: state.running === undefined ? undefined : true,
    terminated: terminatedOf(state) ?? terminatedOf(lastState),
  });
}

function unschedulableOf(pod: Pod): string | undefined {
  const scheduled = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
  return scheduled?.status === 'False' ? (scheduled.message ?? scheduled.reason ?? 'not scheduled') : undefined;
}

/** What the API server knows about a pod. */
export function podFactsOf(pod: Pod): PodFacts {
  const { phase = 'Unknown', podIP, reason = '', message = '', initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const { name, uid = '', deletionTimestamp, creationTimestamp } = pod.metadata;
  return compact({
    name,
    uid,
    ip: podIP,
    ready: isReady(pod),
    readySince: readySince(pod),
    deleting: deletionTimestamp !== undefined,
    phase,
    createdAt: timeOf(creationTimestamp),
    unschedulable: unschedulableOf(pod),
    failed: phase === 'Failed' ? { reason, message } : undefined,
    containers: [...initContainerStatuses.map((c) => containerFacts(c, true)), ...containerStatuses.map((c) => containerFacts(c, false))],
  });
}
