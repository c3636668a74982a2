// Owns moving a rollout's times along with a wall clock that was set, so that pauses and deadlines last as long as they were asked to.
// Must not know how a step is noticed.
import type { Rollout } from './types.ts';
import { isActive } from './position.ts';

/** The rollout as it would be had the clock always shown the new time. `by`: milliseconds, below 0 for a clock set back. */
export function movedWithClock(rollout: Rollout, by: number): Rollout {
  // Nothing is measured from the start of a rest.
  if (by === 0 || (!isActive(rollout) && rollout.previous === undefined)) return rollout;
  const { previous } = rollout;
  const moved: Rollout = { ...rollout, since: rollout.since + by, ...(previous === undefined ? {} : { previous: { ...previous, until: previous.until + by } }) };
  if (!isActive(moved)) return moved;
  const { progress, pausedAt } = moved;
  return { ...moved, progress: { ...progress, at: progress.at + by }, ...(pausedAt === undefined ? {} : { pausedAt: pausedAt + by }) };
}
