// Owns what time does to a rollout: clocks that jump, clocks that stand still while paused, progress, deadlines.
// Must not know shares or steps. Times are milliseconds since the epoch.
import type { Active, Rollout, RolloutFacts } from './types.ts';
import { isActive, isForward } from './position.ts';
import { isReady } from './split.ts';

/** Nothing moves forward: a human holds it, there are no pods to compare, or the spec asks for what cannot be. Without a stable revision nothing is held. */
export const isHeld = (rollout: Rollout, facts: RolloutFacts): boolean => rollout.stable !== undefined && (facts.paused || facts.replicas === 0 || facts.current === undefined);

/** A clock that was set back must not make a wait endless: times in the future count as now. */
export function clampTimes(rollout: Rollout, now: number): Rollout {
  const ahead = rollout.since - now;
  if (ahead <= 0) return isActive(rollout) ? clampProgress(rollout, now) : rollout;
  const { previous } = rollout;
  const clamped: Rollout = { ...rollout, since: now, ...(previous === undefined ? {} : { previous: { ...previous, until: previous.until - ahead } }) };
  return isActive(clamped) ? clampProgress(clamped, now) : clamped;
}

function clampProgress<R extends Active>(rollout: R, now: number): R {
  if (rollout.progress.at <= now && (rollout.pausedAt ?? now) <= now) return rollout;
  return { ...rollout, progress: { ...rollout.progress, at: Math.min(rollout.progress.at, now) }, ...(rollout.pausedAt === undefined ? {} : { pausedAt: Math.min(rollout.pausedAt, now) }) };
}

/** Stops the clocks of a held rollout, and on release moves them by the time that it was held. */
export function holdClocks(rollout: Rollout, facts: RolloutFacts, now: number): Rollout {
  if (!isForward(rollout)) return rollout;
  if (isHeld(rollout, facts)) return rollout.pausedAt === undefined ? { ...rollout, pausedAt: now } : rollout;
  if (rollout.pausedAt === undefined) return rollout;
  const { pausedAt, ...rest } = rollout;
  const by = now - pausedAt;
  return { ...rest, since: rest.since + by, progress: { ...rest.progress, at: Math.min(now, rest.progress.at + by) } };
}

/** Part of progressDeadline for which downloaded bytes are noted once: each note is a write of the status. */
const NOTES_PER_DEADLINE = 10;

/** More ready pods, or more bytes of the package, than ever in this state are progress. */
export function noteProgress(rollout: Rollout, facts: RolloutFacts, now: number): Rollout {
  if (!isForward(rollout) || rollout.state === 'Waiting') return rollout;
  const { progress, candidate, recipe } = rollout;
  const ready = facts.ready[candidate] ?? 0;
  const bytes = Math.max(progress.bytes, facts.bytes[candidate] ?? 0);
  const downloads = bytes > progress.bytes && now - progress.at >= recipe.progressDeadlineMs / NOTES_PER_DEADLINE;
  return ready > progress.ready || downloads ? { ...rollout, progress: { at: now, ready: Math.max(ready, progress.ready), bytes } } : rollout;
}

/** Lets go of the former stable revision when its time is over, unless it is the one that answers. */
export function expirePrevious(rollout: Rollout, facts: RolloutFacts, now: number): Rollout {
  const { previous } = rollout;
  if (previous === undefined || previous.until > now) return rollout;
  const answers = (facts.written[previous.revision] ?? 0) > 0 || (facts.replicas > 0 && !isReady(facts, rollout.stable));
  if (answers && isReady(facts, previous.revision)) return rollout;
  const { previous: _, ...rest } = rollout;
  return rest;
}

/** When the present wait runs past progressDeadline; none while it is held or waits for a pause. */
export function deadlineOf(rollout: Rollout, facts: RolloutFacts): number | undefined {
  if (!isActive(rollout) || rollout.state === 'Waiting') return undefined;
  if (rollout.state !== 'RollingBack' && isHeld(rollout, facts)) return undefined;
  return rollout.progress.at + rollout.recipe.progressDeadlineMs;
}

export function isOverdue(rollout: Rollout, facts: RolloutFacts, now: number): boolean {
  const deadline = deadlineOf(rollout, facts);
  return deadline !== undefined && now >= deadline;
}
