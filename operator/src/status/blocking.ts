// Owns finding the first blocking cause of a revision: an ordered chain of small named policies over what was observed.
// Must not know rollouts. Each policy gives at most one cause: a reason of the catalogue and a message that says what and where.
import type { Reason } from '@slipway/api';
import type { Because } from '../rollout/index.ts';
import type { Failure, Observed, PodFacts, RevisionFacts } from '../types.ts';
import { cause } from './cause.ts';
import { standingCause } from './download.ts';
import { findingOf, refusedPods } from './pod-policies.ts';

type RevisionPolicy = (revision: RevisionFacts, observed: Observed) => Because | undefined;

/** The first thing that keeps this revision from having its pods ready; undefined when nothing is wrong (yet). */
export function firstBlockingCause(revision: RevisionFacts | undefined, observed: Observed): Because | undefined {
  if (revision === undefined) return undefined;
  for (const policy of REVISION_POLICIES) {
    const found = policy(revision, observed);
    if (found !== undefined) return found;
  }
  const waiting = waitingPods(revision);
  const found = findingOf(waiting, revision.record.deployment, observed.at);
  return found === undefined ? standingCause(revision, waiting, observed) : cause(found.reason, found.seen);
}

/** Pods that ought to be ready, oldest first. A Failed one is history as soon as others have taken its place. */
function waitingPods({ pods, deployment, readyEndpoints }: RevisionFacts): PodFacts[] {
  const complete = deployment !== undefined && readyEndpoints >= deployment.replicas;
  const ought = pods.filter((pod) => !pod.ready && !pod.deleting && !(complete && pod.failed !== undefined));
  return ought.sort((a, b) => a.createdAt - b.createdAt || (a.name < b.name ? -1 : 1));
}

const FAILURES: Record<Failure['kind'], Reason> = { NameTaken: 'NameTaken', InvalidPodTemplate: 'InvalidPodTemplate', Forbidden: 'ApplyFailed', ApplyFailed: 'ApplyFailed' };

/** What the API server said against an object of that name. */
export function refusalOf(name: string, failures: readonly Failure[]): Because | undefined {
  const failed = failures.find((each) => each.object.endsWith(`/${name}`));
  return failed === undefined ? undefined : causeOfFailure(failed);
}

export const causeOfFailure = ({ kind, object, message }: Failure): Because => cause(FAILURES[kind], `${object}: ${message}`);

const writeRefused: RevisionPolicy = (revision, { failures }) => refusalOf(revision.name, failures);

const podsRefused: RevisionPolicy = ({ deployment }) => {
  const message = deployment?.replicaFailure?.message;
  if (message === undefined) return undefined;
  const { reason, seen } = refusedPods(message);
  return cause(reason, seen);
};

const packageChanged: RevisionPolicy = ({ name, pods, pinnedDigest }) => {
  const other = pods.find((pod) => pinnedDigest !== undefined && pod.state?.digest !== undefined && pod.state.digest !== pinnedDigest);
  return other === undefined ? undefined : cause('PackageChanged', `pod ${other.name} fetched ${String(other.state?.digest).slice(0, 12)}, but ${name} is pinned to ${String(pinnedDigest).slice(0, 12)}`);
};

/** Milliseconds that the endpoints of a Service may lag behind its pods. */
const ENDPOINTS_PATIENCE_MS = 5_000;

/** Pods are ready and the Service leads to none of them. */
const noEndpoints: RevisionPolicy = ({ name, pods, deployment, readyEndpoints }, { at }) => {
  if (readyEndpoints > 0 || deployment === undefined || deployment.replicas === 0) return undefined;
  const ready = pods.filter((pod) => !pod.deleting && pod.readySince !== undefined && at - pod.readySince >= ENDPOINTS_PATIENCE_MS);
  return ready.length === 0 ? undefined : cause('NoReadyEndpoints', `${ready.length} ready pod${ready.length === 1 ? '' : 's'} of ${name}, but none among the endpoints of its Service`);
};

const REVISION_POLICIES: RevisionPolicy[] = [writeRefused, podsRefused, packageChanged, noEndpoints];
