// Owns the ordered chain of small named policies that find why a pod is not ready. Must not know rollouts or other pods.
// Each policy gives at most one cause: a reason of the catalogue and a message that says what and where.
import { TerminationReport } from '@slipway/api';
import type { Reason } from '@slipway/api';
import type { Because } from '../rollout/index.ts';
import type { ContainerFacts, Observed, PodFacts, RevisionFacts } from '../types.ts';
import { cause, isReason } from './cause.ts';
import { limitOf, placementWords, shortageWords } from './pod-spec.ts';

export type PodPolicy = (pod: PodFacts, revision: RevisionFacts, observed: Observed) => Because | undefined;

/** How long a running pod may fail its probes before that is called a cause. Milliseconds. */
const PROBE_PATIENCE_MS = 60_000;
/** Attempts of a download after which its failure is no longer a mere stumble. */
const STUMBLES = 2;

/** A pod that is gone for good: what the kubelet evicted it for, or would not run it for. */
const refusedByKubelet: PodPolicy = ({ name, failed }) => {
  if (failed === undefined) return undefined;
  const said = `pod ${name} ${failed.reason}: ${failed.message}`;
  if (failed.reason !== 'Evicted') return cause('PodsForbidden', said);
  return cause(/ephemeral|emptydir|disk/i.test(failed.message) ? 'DiskFull' : 'Evicted', said);
};

/** What the scheduler adds about claims and preemption, which helps nobody here. */
const SCHEDULER_NOISE = /[.,]?\s*(no new claims to deallocate|preemption: ).*$/s;

const notScheduled: PodPolicy = ({ name, unschedulable: said, room }, revision) => {
  if (said === undefined) return undefined;
  const unschedulable = said.replace(SCHEDULER_NOISE, '').replace(/(not found)\. not found$/, '$1');
  if (/persistentvolumeclaim/i.test(unschedulable)) return cause('VolumeMissing', `pod ${name}: ${unschedulable}`);
  return cause('Unschedulable', `pod ${name} asks for ${placementWords(revision)}${shortageWords(revision, unschedulable, room)}: ${unschedulable}`);
};

/** The first container for which a rule has an answer. */
const ofContainers = (rule: (container: ContainerFacts, pod: PodFacts, revision: RevisionFacts) => Because | undefined): PodPolicy => (pod, revision) =>
  pod.containers.map((container) => rule(container, pod, revision)).find((each) => each !== undefined);

const IMAGE_TROUBLE = ['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'ImageInspectError', 'RegistryUnavailable'];

const imageNotPulled = ofContainers(({ name, waiting }) =>
  waiting !== undefined && IMAGE_TROUBLE.includes(waiting.reason) ? cause('ImagePullFailed', `container ${name}: ${waiting.message || waiting.reason}`) : undefined,
);

const CREATE_TROUBLE = ['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'];

/** The pod and its uid, which the kubelet puts at the end. */
const KUBELET_NOISE = / \(pod: "[^"]*", container: [^)]*\)/;

const containerNotCreated = ofContainers(({ name, waiting }) => {
  if (waiting === undefined || !CREATE_TROUBLE.includes(waiting.reason)) return undefined;
  const said = `container ${name}: ${waiting.message.replace(KUBELET_NOISE, '') || waiting.reason}`;
  if (/secret|couldn't find key/i.test(said) && !/configmap/i.test(said)) return cause('SecretMissing', said);
  return cause(/run as root|runAsNonRoot|non-root/i.test(said) ? 'ImageRunsAsRoot' : 'ContainerConfigInvalid', said);
});

const volumeNotMounted: PodPolicy = ({ name, warnings, containers }) => {
  const message = warnings?.['FailedMount'] ?? warnings?.['FailedAttachVolume'];
  const started = containers.some((each) => each.running === true || each.terminated !== undefined);
  if (message === undefined || started) return undefined;
  return cause(/secret/i.test(message) ? 'SecretMissing' : 'VolumeMissing', `pod ${name}: ${message}`);
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
const outOfMemory = ofContainers(({ name, terminated }, _, revision) => {
  if (terminated?.reason !== 'OOMKilled') return undefined;
  const limit = limitOf(revision, name, 'memory');
  return cause('OutOfMemory', `container ${name} was killed${limit === undefined ? '' : ` at its memory limit of ${limit}`}`);
});

const exitedBadly = (container: ContainerFacts): boolean => container.terminated !== undefined && container.terminated.exitCode !== 0;

/** The next attempt gets somewhere, so what the last one ended with is over. */
const getsSomewhere = ({ running }: ContainerFacts, { progress }: PodFacts): boolean => running === true && progress !== undefined && progress.bytesDone > 0;

const initFailed = ofContainers((container, pod) => {
  if (!container.init || !exitedBadly(container) || getsSomewhere(container, pod)) return undefined;
  const report = reportOf(container);
  if (report !== undefined) return cause(report.reason, report.message);
  return cause(container.name === 'fetch' ? 'DownloadFailed' : 'CrashLoop', lastWords(container));
});

/** A download that keeps trying says why before it gives up. */
const downloadStuck: PodPolicy = ({ progress }) => {
  const { attempt = 0, lastReason = '', lastError = '' } = progress ?? {};
  return attempt > STUMBLES && isReason(lastReason) ? cause(lastReason, lastError) : undefined;
};

const serverExited = ofContainers((container) => {
  const again = container.waiting?.reason === 'CrashLoopBackOff' || container.restarts > 0;
  if (container.init || !exitedBadly(container) || !again) return undefined;
  const report = reportOf(container);
  return report === undefined ? cause('CrashLoop', lastWords(container)) : cause(report.reason, report.message);
});

function lastWords({ name, terminated }: ContainerFacts): string {
  const said = (terminated?.message ?? '').trim().slice(-400);
  return `container ${name} exited with code ${terminated?.exitCode ?? '?'}${said === '' ? '' : `: ${said}`}`;
}

const modelFailed: PodPolicy = ({ state }) => {
  if (state?.phase !== 'Failed') return undefined;
  const reason = state.reason ?? '';
  return isReason(reason) ? cause(reason, state.message ?? '') : cause('ProbeFailing', `${reason} ${state.message ?? ''}`);
};

const probeFails: PodPolicy = ({ name, warnings, state, createdAt }, _, { at }) => {
  const message = warnings?.['Unhealthy'];
  const busy = state?.phase === 'Loading' || state?.phase === 'WarmingUp' || state?.phase === 'Starting';
  return message === undefined || busy || at - createdAt < PROBE_PATIENCE_MS ? undefined : cause('ProbeFailing', `pod ${name}: ${message}`);
};

/** In the order in which a pod comes to life. */
export const POD_POLICIES: readonly PodPolicy[] = [
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
