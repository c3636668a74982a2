// Owns what an error of a write means: a failure the status shows, or what happens next with the key. Must not write or wait.
import { ApiError, isConflict, isForbidden, isInvalid, isNotFound, isTerminating, retryAfterMs } from '@slipway/kube';
import type { KubeObject } from '@slipway/kube';
import type { Failure } from '../types.ts';
import type { Outcome } from './outcome.ts';
import { isOptional } from './managed-types.ts';
import { NameTakenError, NotLeaderError, RevisionRefusedError, isStale } from './writer.ts';

/** Milliseconds until a pass that was decided from something outdated is made again. The event that outdated it usually comes first. */
const STALE_MS = 100;
/** Milliseconds until a key is tried again that a replica without leadership may not write for. No worker takes it once the term has ended. */
const LAPSED_MS = 1_000;

/** The failure that a refused write is for the status; undefined for errors that are about the way, not the object. */
export function failureOf(error: unknown, object: KubeObject): Failure | undefined {
  const about = { object: `${object.kind}/${object.metadata.name}`, message: error instanceof Error ? error.message : String(error) };
  if (error instanceof NameTakenError) return { kind: 'NameTaken', ...about };
  if (isTerminating(error)) return undefined;
  if (isInvalid(error)) return { kind: object.kind === 'Deployment' ? 'InvalidPodTemplate' : 'ApplyFailed', ...about };
  if (isForbidden(error)) return { kind: 'Forbidden', ...about };
  return isOptional(object) && isAnswer(error) ? { kind: 'ApplyFailed', ...about } : undefined;
}

/** The API server's word on this object, such as a conversion webhook of its CRD that does not answer; not that it is busy or that something changed. */
const isAnswer = (error: unknown): boolean => error instanceof ApiError && error.status !== 429 && !isConflict(error);

/** What happens next with a key whose pass ended in an error. */
export function outcomeOf(error: unknown): Outcome {
  // Leadership may only have lapsed: a renewal that comes late, but in time, goes on with the same term, and nobody adds the key again.
  if (error instanceof NotLeaderError) return { next: 'WaitFor', ms: LAPSED_MS, because: 'this replica does not lead' };
  if (error instanceof RevisionRefusedError) return { next: 'WaitFor', ms: 0, because: 'the status has to show that the revision is refused' };
  if (isStale(error)) return { next: 'WaitFor', ms: STALE_MS, because: 'something changed since it was looked at' };
  if (isTerminating(error)) return { next: 'Stop', because: 'the namespace is being deleted' };
  if (isNotFound(error)) return { next: 'Retry', because: error, atLeastMs: 1_000 };
  return { next: 'Retry', because: error, atLeastMs: retryAfterMs(error) };
}
