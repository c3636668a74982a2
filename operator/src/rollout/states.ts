// Owns the states of a rollout: one function per state, each at most one transition. Must not know commands or replica numbers.
// Order that loses nothing: pods ready, then the share, then every router's acknowledgement, only then the next step.
import type { Because, Forward, Idle, Promoting, Rejected, Rollout, RolloutFacts, RollingBack, Shifting, Waiting, Warming } from './types.ts';
import { isHeld, isOverdue } from './clocks.ts';
import { begin, enter, move, reject, rollBack, settle, takeOver } from './position.ts';
import { stageAt, stepsOf } from './recipe.ts';
import { isReady, isServed, splitOf } from './split.ts';

/** The pods that a share needs are ready. While nothing else answers, one is enough: it takes all as soon as it is ready. */
function hasCapacity(r: Forward, pods: number, facts: RolloutFacts): boolean {
  const needed = isReady(facts, r.stable) ? pods : Math.min(1, pods);
  return (facts.ready[r.candidate] ?? 0) >= needed;
}

/** Who follows: nobody when the stable revision is asked for or the rollout is held, else the spec's revision from step 0. */
const follow = (r: Rollout, facts: RolloutFacts, now: number): Rollout => {
  const { current } = facts;
  if (current === undefined || current === r.stable || isHeld(r, facts)) return r.state === 'Idle' ? r : settle(r, now);
  return begin(r, current, facts, now);
};

export const idle = (r: Idle, facts: RolloutFacts, now: number): Rollout => follow(r, facts, now);

export function warming(r: Warming, facts: RolloutFacts, now: number): Rollout {
  const stage = stageAt(r.recipe, r.step, facts.replicas);
  if (!hasCapacity(r, stage.pods, facts)) return giveUpIfOverdue(r, facts, now);
  const last = r.step >= stepsOf(r.recipe, facts.replicas).length;
  return move(r, last ? 'Promoting' : 'Shifting', readyShare(r, stage, facts), now);
}

/** A rolling update gives its part of the ready capacity; the others what their step says. */
function readyShare(r: Warming, stage: ReturnType<typeof stageAt>, facts: RolloutFacts): number {
  if (r.recipe.strategy !== 'RollingUpdate' || stage.weight === 100 || r.stable === undefined) return stage.weight;
  const candidate = Math.min(facts.ready[r.candidate] ?? 0, stage.pods);
  const stable = Math.min(facts.ready[r.stable] ?? 0, stage.stablePods);
  return candidate + stable === 0 ? stage.weight : Math.max(r.weight, Math.round((100 * candidate) / (candidate + stable)));
}

export function shifting(r: Shifting, facts: RolloutFacts, now: number): Rollout {
  const stage = stageAt(r.recipe, r.step, facts.replicas);
  const done = isServed(splitOf(r, facts), facts) && hasCapacity(r, stage.pods, facts);
  return done ? enter(r, r.step + 1, facts, now) : giveUpIfOverdue(r, facts, now);
}

export function waiting(r: Waiting, facts: RolloutFacts, now: number): Rollout {
  const step = stepsOf(r.recipe, facts.replicas)[r.step];
  if (step?.kind !== 'pause') return enter(r, r.step, facts, now);
  return step.ms !== undefined && now - r.since >= step.ms ? enter(r, r.step + 1, facts, now) : r;
}

export function promoting(r: Promoting, facts: RolloutFacts, now: number): Rollout {
  if (r.weight < 100) return hasCapacity(r, facts.replicas, facts) ? move(r, 'Promoting', 100, now) : giveUpIfOverdue(r, facts, now);
  const served = isReady(facts, r.candidate) && isServed([[r.candidate, 100]], facts);
  return served || facts.replicas === 0 ? takeOver(r, now) : giveUpIfOverdue(r, facts, now);
}

export function rollingBack(r: RollingBack, facts: RolloutFacts, now: number): Rollout {
  const next = withShareBack(r, facts, now);
  // A fix must not wait for a stable revision that does not answer: what answers is the stable one from now on.
  if (asksForThird(r, facts) && isStandIn(r, facts)) return takeOver(r, now);
  const back = next.weight === 0 && (facts.served[r.candidate] ?? 0) === 0 && isServed(splitOf(next, facts), facts);
  if (!back) return next;
  return isGivenUp(r, facts) ? reject(next, now) : follow(next, facts, now);
}

const asksForThird = (r: RollingBack, { current }: RolloutFacts): boolean => current !== undefined && current !== r.stable && current !== r.candidate;

/** Aborted or too late, and the spec still asks for it. An edit ends without a verdict on the candidate. */
const isGivenUp = (r: RollingBack, { current }: RolloutFacts): boolean => r.cause.reason !== 'RollingBack' && (current === undefined || current === r.candidate);

function withShareBack(r: RollingBack, facts: RolloutFacts, now: number): RollingBack {
  const weight = Math.min(r.weight, weightOnTheWayBack(r, facts));
  return weight === r.weight ? r : { ...r, weight, progress: { ...r.progress, at: now } };
}

/** At once, but for a rolling update: its stable revision gave up pods, so it takes back what its ready pods can carry. */
function weightOnTheWayBack(r: RollingBack, facts: RolloutFacts): number {
  if (r.recipe.strategy !== 'RollingUpdate' || facts.replicas === 0 || r.stable === undefined) return 0;
  return Math.max(0, 100 - Math.floor((100 * (facts.ready[r.stable] ?? 0)) / facts.replicas));
}

export function rejected(r: Rejected, facts: RolloutFacts, now: number): Rollout {
  const { current } = facts;
  if (current === undefined || current === r.candidate) return r;
  return follow(r, facts, now);
}

/** The candidate answers and the stable revision does not. */
const isStandIn = (r: Forward | RollingBack, facts: RolloutFacts): boolean => !isReady(facts, r.stable) && isReady(facts, r.candidate);

/** A pod-making edit in mid-rollout: the share goes back first, if there is any; then the new candidate starts at step 0. */
export function edited(r: Forward, current: string, facts: RolloutFacts, now: number): Rollout {
  const share = Math.max(r.weight, facts.served[r.candidate] ?? 0, facts.written[r.candidate] ?? 0);
  if (r.stable === undefined) return share > 0 ? takeOver(r, now) : begin(r, current, facts, now);
  if (current !== r.stable && isStandIn(r, facts)) return takeOver(r, now);
  if (share === 0) return follow(r, facts, now);
  return rollBack(givenUp(r), { reason: 'RollingBack', message: `the spec asks for ${current} now` }, now);
}

/** progressDeadline: back to the stable revision; without one there is nothing to go back to, so it goes on trying. */
function giveUpIfOverdue(r: Forward, facts: RolloutFacts, now: number): Rollout {
  if (r.stable === undefined || !isOverdue(r, facts, now)) return r;
  return rollBack(givenUp(r), { reason: 'ProgressDeadlineExceeded', message: deadlineMessage(r, facts) }, now);
}

function deadlineMessage(r: Forward, facts: RolloutFacts): string {
  const why = facts.blocking === undefined ? `it has ${facts.ready[r.candidate] ?? 0} ready pods` : `${facts.blocking.reason}: ${facts.blocking.message}`;
  return `${r.candidate} made no progress for ${r.recipe.progressDeadlineMs / 1000} s (${why})`;
}

/** A human says no. */
export const aborted = (r: Forward, now: number): RollingBack =>
  rollBack(givenUp(r), { reason: 'Aborted', message: `${r.candidate} was aborted` } satisfies Because, now);

/** The share goes at once; a rolling update keeps it until its stable revision can carry it again (see rollingBack). */
const givenUp = (r: Forward): Forward => (r.recipe.strategy === 'RollingUpdate' ? r : { ...r, weight: 0 });
