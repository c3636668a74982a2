// Owns one pass of the rollout machine: (rollout, facts, now) -> the next rollout and everything it asks for. Pure.
// Must not know Kubernetes. At most one transition per pass, so that each is recorded, told and visible.
import type { Advanced, Rollout, RolloutEvent, RolloutFacts } from './types.ts';
import { becauseOf, toldOf } from './because.ts';
import { scaleFor } from './capacity.ts';
import { clampTimes, deadlineOf, expirePrevious, holdClocks, isHeld, isOverdue, noteProgress } from './clocks.ts';
import { forgetCommands, obey } from './commands.ts';
import { isActive, isForward } from './position.ts';
import { stepsOf } from './recipe.ts';
import { splitOf } from './split.ts';
import { edited, idle, promoting, rejected, rollingBack, shifting, waiting, warming } from './states.ts';

/** The next value and what it asks for: shares, pods, preview, the reason in words, when to look again, what to tell. */
export function advance(rollout: Rollout, facts: RolloutFacts, now: number): Advanced {
  const settledClocks = expirePrevious(clampTimes(rollout, now), facts, now);
  const before = noteProgress(holdClocks(forgetCommands(settledClocks, facts), facts, now), facts, now);
  const commanded = obey(before, facts, now);
  const after = commanded ?? interruption(before, facts, now) ?? transition(before, facts, now);
  const next = holdClocks(after, facts, now);
  const split = splitOf(next, facts);
  const overdue = isOverdue(next, facts, now);
  const preview = previewOf(next, facts);
  const wakeAt = after === before ? nextWake(next, facts, now) : now;
  return {
    rollout: next,
    split,
    scale: scaleFor(next, facts, split),
    ...(preview === undefined ? {} : { preview }),
    because: becauseOf(next, facts, now),
    overdue,
    ...(wakeAt === undefined ? {} : { wakeAt }),
    events: eventsOf(before, next, facts),
  };
}

/** What comes before a state's own course: an edit of the spec, or a hold. */
function interruption(r: Rollout, facts: RolloutFacts, now: number): Rollout | undefined {
  if (!isForward(r)) return undefined;
  if (facts.current !== undefined && facts.current !== r.candidate) return edited(r, facts.current, facts, now);
  return isHeld(r, facts) ? r : undefined;
}

function transition(r: Rollout, facts: RolloutFacts, now: number): Rollout {
  switch (r.state) {
    case 'Idle':
      return idle(r, facts, now);
    case 'Warming':
      return warming(r, facts, now);
    case 'Shifting':
      return shifting(r, facts, now);
    case 'Waiting':
      return waiting(r, facts, now);
    case 'Promoting':
      return promoting(r, facts, now);
    case 'RollingBack':
      return rollingBack(r, facts, now);
    case 'Rejected':
      return rejected(r, facts, now);
  }
}

/** The preview URL leads to the candidate of a blue-green rollout, else to the active revision: it always answers. */
function previewOf(r: Rollout, facts: RolloutFacts): string | undefined {
  if (isForward(r) && r.recipe.strategy === 'BlueGreen') return r.candidate;
  return facts.recipe.strategy === 'BlueGreen' ? r.stable : undefined;
}

/** The earliest moment at which time alone changes something. */
function nextWake(r: Rollout, facts: RolloutFacts, now: number): number | undefined {
  const times = [r.previous?.until, deadlineOf(r, facts), pauseEnd(r, facts)].filter((at) => at !== undefined && at > now) as number[];
  return times.length === 0 ? undefined : Math.min(...times);
}

function pauseEnd(r: Rollout, facts: RolloutFacts): number | undefined {
  if (r.state !== 'Waiting' || isHeld(r, facts)) return undefined;
  const step = stepsOf(r.recipe, facts.replicas)[r.step];
  return step?.kind === 'pause' && step.ms !== undefined ? r.since + step.ms : undefined;
}

const place = (r: Rollout): string => [r.state, isActive(r) ? `${r.candidate} ${r.step} ${r.weight === 100 ? 'all' : ''}` : '', r.stable].join(' ');

function eventsOf(before: Rollout, after: Rollout, facts: RolloutFacts): RolloutEvent[] {
  const commands = after.lastCommand !== undefined && after.lastCommand !== before.lastCommand ? [toldOf(after.lastCommand)] : [];
  if (place(before) === place(after)) return commands;
  const { reason, message } = becauseOf(after, facts, after.since);
  const bad = after.state === 'Rejected' || (after.state === 'RollingBack' && after.cause.reason !== 'RollingBack');
  return [...commands, { type: bad ? 'Warning' : 'Normal', reason, message }];
}
