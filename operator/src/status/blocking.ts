// Owns finding the first blocking cause of a revision: an ordered chain of small named policies over what was observed.
// Must not know rollouts. Each policy gives at most one cause: a reason of the catalogue and a message that says what and where.
import { REASONS, TerminationReport } from '@slipway/api';
import type { Reason } from '@slipway/api';
import type { Because } from '../rollout/index.ts';
import type { ContainerFacts, Failure, Observed, PodFacts, RevisionFacts } from '../types.ts';

type RevisionPolicy = (revision: RevisionFacts, observed: Observed) => Because | undefined;
type PodPolicy = (pod: PodFacts, revision: RevisionFacts, observed: Observed) => Because | undefined;

/** How long a running pod may fail its probes before that is called a cause. Milliseconds. */
const PROBE_PATIENCE_MS = 60_000;

export const isReason = (text: string): text is Reason => Object.hasOwn(REASONS, text);

/** A cause and the catalogue's advice. */
function cause(reason: Reason, detail: string): Because {
  const said = detail.trim().replace(/\s+/g, ' ').slice(0, 600);
  const advice = REASONS[reason].advice;
  return { reason, message: said === '' ? advice : `${said.replace(/[.;]$/, '')}. ${advice}` };
}

/** The first thing that keeps this revision from having its pods ready; undefined when nothing is wrong (yet). */
export function firstBlockingCause(revision: RevisionFacts | undefined, observed: Observed): Because | undefined {
  if (revision === undefined) return undefined;
  for (const policy of REVISION_POLICIES) {
    const found = policy(revision, observed);
    if (found !== undefined) return found;
  }
  const waiting = revision.pods.filter((pod) => !pod.ready && !pod.deleting).sort((a, b) => a.createdAt - b.createdAt || (a.name < b.name ? -1 : 1));
  for (const policy of POD_POLICIES) {
    const found = waiting.map((pod) => policy(pod, revision, observed)).find((each) => each !== undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

const FAILURES: Record<Failure['kind'], Reason> = { NameTaken: 'NameTaken', InvalidPodTemplate: 'InvalidPodTemplate', Forbidden: 'ApplyFailed', ApplyFailed: 'ApplyFailed' };

/** What the API server said against an object of that name. */
export function refusalOf(name: string, failures: readonly Failure[]): Because | undefined {
  const failed = failures.find((each) => each.object.endsWith(`/${name}`));
  return failed === undefined ? undefined : causeOfFailure(failed);
}

export const causeOfFailure = ({ kind, object, message }: Failure): Because => cause(FAILURES[kind], `${object}: ${message}`);

const writeRefused: RevisionPolicy = (revision, { failures }) => refusalOf(revision.name, failures);

/** What the Deployment controller says when it cannot even create pods. */
const podsRefused: RevisionPolicy = ({ deployment }) => {
  const message = deployment?.replicaFailure?.message;
  if (message === undefined) return undefined;
  if (/exceeded quota/i.test(message)) return cause('QuotaExceeded', message);
  if (/service ?account .*not found/i.test(message)) return cause('ServiceAccountMissing', message);
  return cause('PodsForbidden', message);
};

const packageChanged: RevisionPolicy = ({ name, pods, pinnedDigest }) => {
  const other = pods.find((pod) => pinnedDigest !== undefined && pod.state?.digest !== undefined && pod.state.digest !== pinnedDigest);
  return other === undefined ? undefined : cause('PackageChanged', `pod ${other.name} fetched ${String(other.state?.digest).slice(0, 12)}, but ${name} is pinned to ${String(pinnedDigest).slice(0, 12)}`);
};

const refusedByKubelet: PodPolicy = ({ name, failed }) => (failed === undefined ? undefined : cause('PodsForbidden', `pod ${name} ${failed.reason}: ${failed.message}`));

const notScheduled: PodPolicy = ({ name, unschedulable }) => {
  if (unschedulable === undefined) return undefined;
  const volume = /persistentvolumeclaim/i.test(unschedulable);
  return cause(volume ? 'VolumeMissing' : 'Unschedulable', `pod ${name}: ${unschedulable}`);
};

/** The first container for which a rule has an answer. */
const ofContainers = (rule: (container: ContainerFacts) => Because | undefined): PodPolicy => ({ containers }) => containers.map(rule).find((each) => each !== undefined);

const IMAGE_TROUBLE = ['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'ImageInspectError', 'RegistryUnavailable'];

const imageNotPulled = ofContainers(({ name, waiting }) =>
  waiting !== undefined && IMAGE_TROUBLE.includes(waiting.reason) ? cause('ImagePullFailed', `container ${name}: ${waiting.message || waiting.reason}`) : undefined,
);

const CREATE_TROUBLE = ['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'];

const containerNotCreated = ofContainers(({ name, waiting }) => {
  if (waiting === undefined || !CREATE_TROUBLE.includes(waiting.reason)) return undefined;
  const said = `container ${name}: ${waiting.message || waiting.reason}`;
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

const exitedBadly = (container: ContainerFacts): boolean => container.terminated !== undefined && container.terminated.exitCode !== 0;

const initFailed = ofContainers((container) => {
  if (!container.init || !exitedBadly(container)) return undefined;
  const report = reportOf(container);
  if (report !== undefined) return cause(report.reason, report.message);
  return cause(container.name === 'fetch' ? 'DownloadFailed' : 'CrashLoop', lastWords(container));
});

const outOfMemory = ofContainers((container) => (container.terminated?.reason === 'OOMKilled' ? cause('OutOfMemory', `container ${container.name} was killed`) : undefined));

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

const REVISION_POLICIES: RevisionPolicy[] = [writeRefused, podsRefused, packageChanged];
const POD_POLICIES: PodPolicy[] = [refusedByKubelet, notScheduled, imageNotPulled, containerNotCreated, volumeNotMounted, initFailed, outOfMemory, serverExited, modelFailed, probeFails];
