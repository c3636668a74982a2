// Owns what a pod shows of its download, and the cause of a failed one while no pod tells it: how a container ended is not always known.
// The kubelet clears it away at an unlucky moment, a pod is replaced by a fresh one, a fetcher gives no answer. Must not find causes.
import type { InferenceServiceStatus, Reason } from '@slipway/api';
import type { Because } from '../rollout/index.ts';
import type { Observed, PodFacts, RevisionFacts } from '../types.ts';
import { isReason } from './cause.ts';

/** What only a complete download shows: that bytes arrive again says nothing of it. */
const SHOWN_AT_THE_END: readonly Reason[] = ['DigestMismatch', 'PackageChanged', 'ArchiveInvalid', 'DiskFull'];

const isOfDownload = (reason: Reason): boolean => reason.startsWith('Download') || reason === 'StorageUriInvalid' || SHOWN_AT_THE_END.includes(reason);

/** Bytes arrive, or all are there. Those on the disk do not count: a former attempt may have brought them. */
const getsSomewhere = ({ progress }: PodFacts): boolean =>
  progress !== undefined && (progress.bytesPerSecond > 0 || ['Unpacking', 'Verifying', 'Done'].includes(progress.phase));

/** The pod's present attempt gets so far that what a former one failed with is over. */
export const isOver = (reason: Reason, pod: PodFacts): boolean => !SHOWN_AT_THE_END.includes(reason) && getsSomewhere(pod);

/** The package is there: the fetcher has ended well, or what comes after it has begun. */
const isThrough = ({ containers }: PodFacts): boolean =>
  containers.some(({ name, init, running, terminated }) => (init ? name === 'fetch' && terminated?.exitCode === 0 : running === true || terminated !== undefined));

/** What the status says of the revision's download, while no pod shows that it is over. `waiting`: its pods that ought to be ready. */
export function standingCause(revision: RevisionFacts, waiting: readonly PodFacts[], { isvc }: Observed): Because | undefined {
  const told = isvc.status !== undefined && newestIn(isvc.status) === revision.name ? toldOf(isvc.status) : undefined;
  if (told === undefined) return undefined;
  const replaced = revision.pods.every((pod) => pod.deleting) && (revision.deployment?.replicas ?? 0) > 0;
  return replaced || waiting.some((pod) => !isThrough(pod) && !isOver(told.reason, pod)) ? told : undefined;
}

const newestIn = ({ rollout }: InferenceServiceStatus): string | undefined => (rollout?.state === 'Rejected' ? rollout.stable : (rollout?.candidate ?? rollout?.stable));

/** Conditions that tell of the newest revision alone. */
const OF_NEWEST: readonly string[] = ['ModelLoaded', 'Progressing'];

function toldOf({ conditions = [] }: InferenceServiceStatus): Because | undefined {
  const told = conditions.filter(({ type, status }) => status === 'False' && OF_NEWEST.includes(type));
  return told.flatMap(({ reason, message }) => (isReason(reason) && isOfDownload(reason) ? [{ reason, message }] : []))[0];
}
