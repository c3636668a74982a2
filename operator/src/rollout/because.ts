// Owns the words of a rollout: one reason of the catalogue and one sentence per position. Must not decide anything.
// No moving times in a sentence: an unchanged world gives the same words.
import type { Active, Because, Idle, LastCommand, Promoting, Rollout, RolloutEvent, RolloutFacts, Shifting, Waiting, Warming } from './types.ts';
import { isHeld, isOverdue } from './clocks.ts';
import { isForward } from './position.ts';
import { stageAt, stepsOf } from './recipe.ts';
import { isReady, splitOf, weightsOf } from './split.ts';

/** Why the rollout is where it is. */
export function becauseOf(r: Rollout, facts: RolloutFacts, now: number): Because {
  return hindrance(r, facts, now) ?? course(r, facts);
}

function hindrance(r: Rollout, facts: RolloutFacts, now: number): Because | undefined {
  if (!isForward(r)) return undefined;
  if (isHeld(r, facts)) return heldBack(r, facts);
  if (!isOverdue(r, facts, now)) return undefined;
  return { reason: 'ProgressDeadlineExceeded', message: `${r.candidate} made no progress for ${r.recipe.progressDeadlineMs / 1000} s; it is tried on` };
}

function course(r: Rollout, facts: RolloutFacts): Because {
  switch (r.state) {
    case 'Idle':
      return idleWords(r, facts);
    case 'Warming':
      return warmingWords(r, facts);
    case 'Shifting':
      return shiftingWords(r, facts);
    case 'Waiting':
      return waitingWords(r, facts);
    case 'Promoting':
      return promotingWords(r, facts);
    case 'RollingBack':
      return { reason: 'RollingBack', message: `traffic goes back to ${String(r.stable)}: ${r.cause.message}${standIn(r, facts)}` };
    case 'Rejected':
      return r.cause;
  }
}

function heldBack(r: Active, facts: RolloutFacts): Because {
  const at = `the rollout of ${r.candidate} is held at ${weightsOf(splitOf(r, facts))[r.candidate] ?? 0}%`;
  if (facts.paused) return { reason: 'Paused', message: `${at}: spec.rollout.paused is true` };
  return facts.replicas === 0 ? { reason: 'ScaledToZero', message: `${at}: spec.replicas is 0` } : { reason: 'InvalidPodTemplate', message: `${at}: the spec asks for pods that are refused` };
}

function idleWords(r: Idle, facts: RolloutFacts): Because {
  if (r.stable === undefined) return { reason: 'Pending', message: 'no revision yet' };
  if (facts.current === undefined || facts.current === r.stable) return { reason: 'RolledOut', message: `${r.stable} is the stable revision` };
  if (!isHeld(r, facts)) return { reason: 'Pending', message: `the rollout of ${facts.current} is about to begin` };
  const why = facts.paused ? 'spec.rollout.paused is true' : 'spec.replicas is 0';
  return { reason: facts.paused ? 'Paused' : 'ScaledToZero', message: `${facts.current} has not begun: ${why}` };
}

function warmingWords(r: Warming, facts: RolloutFacts): Because {
  const { pods } = stageAt(r.recipe, r.step, facts.replicas);
  return { reason: 'WaitingForCapacity', message: `${r.candidate} has ${facts.ready[r.candidate] ?? 0} of ${pods} ready pods${standIn(r, facts)}` };
}

function shiftingWords(r: Shifting, facts: RolloutFacts): Because {
  if (r.weight === 0) return { reason: 'WaitingForRouters', message: `the routers learn of ${r.candidate}; it gets no traffic yet${standIn(r, facts)}` };
  return { reason: 'ShiftingTraffic', message: `${r.candidate} gets ${r.weight}% of the traffic${standIn(r, facts)}` };
}

function waitingWords(r: Waiting, facts: RolloutFacts): Because {
  const step = stepsOf(r.recipe, facts.replicas)[r.step];
  const at = `${r.candidate} gets ${r.weight}% at step ${r.step + 1}`;
  if (step?.kind === 'pause' && step.ms !== undefined) return { reason: 'StepPause', message: `${at}, for ${step.ms / 1000} s${standIn(r, facts)}` };
  return { reason: 'AwaitingPromotion', message: `${at}, until you promote or abort it${standIn(r, facts)}` };
}

function promotingWords(r: Promoting, facts: RolloutFacts): Because {
  if (r.weight === 100) return { reason: 'Promoting', message: `${r.candidate} gets all of the traffic` };
  return { reason: 'Promoting', message: `${r.candidate} has ${facts.ready[r.candidate] ?? 0} of ${facts.replicas} pods to take over` };
}

/** Tells when somebody serves more than the position says, because the other cannot answer. */
function standIn(r: Active, facts: RolloutFacts): string {
  if (r.stable === undefined || r.weight === 100) return '';
  if (!isReady(facts, r.stable) && isReady(facts, r.candidate)) return `; it serves everything while ${r.stable} has no ready pod`;
  return r.weight > 0 && !isReady(facts, r.candidate) ? `; ${r.stable} serves everything while it has no ready pod` : '';
}

/** The event that acknowledges a command. */
export function toldOf({ verb, result, message }: LastCommand): RolloutEvent {
  const accepted = result === 'Accepted';
  return { type: accepted ? 'Normal' : 'Warning', reason: accepted ? 'CommandAccepted' : 'CommandIgnored', message: `${verb}: ${message}` };
}
