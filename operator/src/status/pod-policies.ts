// Owns the ordered chain of small named policies that find why a pod is not ready. Must not know rollouts or other pods.
// Each policy gives at most one cause: a reason of the catalogue and a message that says what and where.
import { TerminationReport } from '@slipway/api';
import type { Reason } from '@slipway/api';
import type { ContainerFacts, KubeObject, PodFacts } from '../types.ts';
import { finding, isReason } from './cause.ts';
import type { Finding } from './cause.ts';
import { isOver } from './download.ts';
import { limitOf, placementWords, shortageWords } from './pod-spec.ts';

/** `deployment`: with the pod's template. `at`: the pass's clock reading. */
export type PodPolicy = (pod: PodFacts, deployment: KubeObject, at: number) => Finding | undefined;

/** How long a running pod may fail its probes before that is called a cause. Milliseconds. */
const PROBE_PATIENCE_MS = 60_000;
/** Attempts of a download after which its failure is no longer a mere stumble. */
const STUMBLES = 2;

/** A pod that is gone for good: what the kubelet evicted it for, or would not run it for. */
const refusedByKubelet: PodPolicy = ({ name, failed }) => {
  if (failed === undefined) return undefined;
  const said = `pod ${name} ${failed.reason}: ${failed.message}`;
  if (failed.reason !== 'Evicted') return finding('PodsForbidden', said);
  return finding(/ephemeral|emptydir|disk/i.test(failed.message) ? 'DiskFull' : 'Evicted', said);
};

/** What the scheduler adds about claims and preemption, which helps nobody here. */
const SCHEDULER_NOISE = /[.,]?\s*(no new claims to deallocate|preemption: ).*$/s;

const notScheduled: PodPolicy = ({ name, unschedulable: said, room }, deployment) => {
  if (said === undefined) return undefined;
  const unschedulable = said.replace(SCHEDULER_NOISE, '').replace(/(not found)\. not found$/, '$1');
  if (/persistentvolumeclaim/i.test(unschedulable)) return finding('VolumeMissing', `pod ${name}: ${unschedulable}`);
  return finding('Unschedulable', `pod ${name} asks for ${placementWords(deployment)}${shortageWords(deployment, unschedulable, room)}: ${unschedulable}`);
};

/** The first container for which a rule has an answer. */
const ofContainers = (rule: (container: ContainerFacts, pod: PodFacts, deployment: KubeObject) => Finding | undefined): PodPolicy => (pod, deployment) =>
  pod.containers.map((container) => rule(container, pod, deployment)).find((each) => each !== undefined);

const IMAGE_TROUBLE = ['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'ImageInspectError', 'RegistryUnavailable'];

const imageNotPulled = ofContainers(({ name, waiting }) =>
  waiting !== undefined && IMAGE_TROUBLE.includes(waiting.reason) ? finding('ImagePullFailed', `container ${name}: ${waiting.message || waiting.reason}`) : undefined,
);

const CREATE_TROUBLE = ['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'];

/** The pod and its uid, which the kubelet puts at the end. */
const KUBELET_NOISE = / \(pod: "[^"]*", container: [^)]*\)/;

const containerNotCreated = ofContainers(({ name, waiting }) => {
  if (waiting === undefined || !CREATE_TROUBLE.includes(waiting.reason)) return undefined;
  const said = `container ${name}: ${waiting.message.replace(KUBELET_NOISE, '') || waiting.reason}`;
  if (/secret|couldn't find key/i.test(said) && !/configmap/i.test(said)) return finding('SecretMissing', said);
  return finding(/run as root|runAsNonRoot|non-root/i.test(said) ? 'ImageRunsAsRoot' : 'ContainerConfigInvalid', said);
});

const volumeNotMounted: PodPolicy = ({ name, warnings, containers }) => {
  const message = warnings?.['FailedMount'] ?? warnings?.['FailedAttachVolume'];
  const started = containers.some((each) => each.running === true || each.terminated !== undefined);
  if (message === undefined || started) return undefined;
  return finding(/secret/i.test(message) ? 'SecretMissing' : 'VolumeMissing', `pod ${name}: ${message}`);
};

/** A termination message in our own form, from slipway-fetch or the server. */
function reportOf({ terminated }: ContainerFacts): { reason: Reason; message: string } | undefined {
  try {
    const parsed = TerminationReport.safeParse(JSON.parse(terminated?.message.trim().split('\n').at(-1) ?? ''));
    return parsed.success && isReason(parsed.data.reason) ? { reason: parsed.data.reason, message: parsed.data.message } : undefined;
  } catch {
    return undefined;
  }
}

/** Before any other exit: the kernel kills downloads and other init containers as well as servers. */
const outOfMemory = ofContainers(({ name, terminated }, _, deployment) => {
  if (terminated?.reason !== 'OOMKilled') return undefined;
  const limit = limitOf(deployment, name, 'memory');
  return finding('OutOfMemory', `container ${name} was killed${limit === undefined ? '' : ` at its memory limit of ${limit}`}`);
});

const exitedBadly = (container: ContainerFacts): boolean => container.terminated !== undefined && container.terminated.exitCode !== 0;

const initFailed = ofContainers((container, pod) => {
  if (!container.init || !exitedBadly(container)) return undefined;
  const { reason, message } = reportOf(container) ?? { reason: container.name === 'fetch' ? 'DownloadFailed' : 'CrashLoop', message: lastWords(container) };
  return container.running === true && isOver(reason, pod) ? undefined : finding(reason, message);
});

/** A download that keeps trying says why before it gives up. */
const downloadStuck: PodPolicy = ({ progress }) => {
  const { attempt = 0, lastReason = '', lastError = '' } = progress ?? {};
  return attempt > STUMBLES && isReason(lastReason) ? finding(lastReason, lastError) : undefined;
};

const serverExited = ofContainers((container) => {
  const again = container.waiting?.reason === 'CrashLoopBackOff' || container.restarts > 0;
  if (container.init || !exitedBadly(container) || !again) return undefined;
  const report = reportOf(container);
  return report === undefined ? finding('CrashLoop', lastWords(container)) : finding(report.reason, report.message);
});

function lastWords({ name, terminated }: ContainerFacts): string {
  const said = (terminated?.message ?? '').trim().slice(-400);
  return `container ${name} exited with code ${terminated?.exitCode ?? '?'}${said === '' ? '' : `: ${said}`}`;
}

const modelFailed: PodPolicy = ({ state }) => {
  if (state?.phase !== 'Failed') return undefined;
  const reason = state.reason ?? '';
  return isReason(reason) ? finding(reason, state.message ?? '') : finding('ProbeFailing', `${reason} ${state.message ?? ''}`);
};

const probeFails: PodPolicy = ({ name, warnings, state, createdAt }, _, at) => {
  const message = warnings?.['Unhealthy'];
  const busy = state?.phase === 'Loading' || state?.phase === 'WarmingUp' || state?.phase === 'Starting';
  return message === undefined || busy || at - createdAt < PROBE_PATIENCE_MS ? undefined : finding('ProbeFailing', `pod ${name}: ${message}`);
};

/** In the order in which a pod comes to life. */
const POD_POLICIES: readonly PodPolicy[] = [
  refusedByKubelet,
  notScheduled,
  imageNotPulled,
  containerNotCreated,
  volumeNotMounted,
  outOfMemory,
  initFailed,
  downloadStuck,
  serverExited,
  modelFailed,
  probeFails,
];

/** The first thing that keeps pods of one template from being ready, over all of them: what comes first in a pod's life is named first. */
export function findingOf(pods: readonly PodFacts[], deployment: KubeObject, at: number): Finding | undefined {
  for (const policy of POD_POLICIES) {
    const found = pods.map((pod) => policy(pod, deployment, at)).find((each) => each !== undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What the Deployment controller says when it cannot even create pods. */
export function refusedPods(message: string): Finding {
  if (/exceeded quota/i.test(message)) return finding('QuotaExceeded', message);
  if (/(maximum|minimum) \S+ usage per |limit to request ratio per /i.test(message)) return finding('LimitRangeExceeded', message);
  if (/service ?account .*not found/i.test(message)) return finding('ServiceAccountMissing', message);
  return finding('PodsForbidden', message);
}
