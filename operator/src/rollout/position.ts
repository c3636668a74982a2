// Owns moving a rollout value from one state to another: what is kept, what starts anew. Must not decide when.
// Every function returns a new value; the clock reading is an argument.
import type { Active, Because, Forward, Idle, Previous, Rejected, Rollout, RolloutFacts, RollingBack, Warming } from './types.ts';
import { stepsOf } from './recipe.ts';

export function isForward(rollout: Rollout): rollout is Forward {
  return rollout.state === 'Warming' || rollout.state === 'Shifting' || rollout.state === 'Waiting' || rollout.state === 'Promoting';
}

export const isActive = (rollout: Rollout): rollout is Active => isForward(rollout) || rollout.state === 'RollingBack';

/** Nothing has ever happened. */
export const nothingYet = (now: number): Idle => ({ state: 'Idle', since: now, handled: {} });

type Kept = Pick<Rollout, 'stable' | 'previous' | 'handled' | 'lastCommand'>;

/** What outlives a change of state. */
export function kept(rollout: Rollout): Kept {
  const { stable, previous, handled, lastCommand } = rollout;
  return {
    handled,
    ...(stable === undefined ? {} : { stable }),
    ...(previous === undefined ? {} : { previous }),
    ...(lastCommand === undefined ? {} : { lastCommand }),
  };
}

/** Where progress starts to count anew. */
const startOf = (facts: RolloutFacts, revision: string, now: number): Active['progress'] => ({ at: now, ready: facts.ready[revision] ?? 0, bytes: facts.bytes[revision] ?? 0 });

/** Begins a rollout of `candidate` with today's recipe; straight when there is nothing to compare with or it still runs. */
export function begin(from: Rollout, candidate: string, facts: RolloutFacts, now: number): Forward {
  const { previous, ...rest } = kept(from);
  const stillRuns = previous?.revision === candidate;
  const fresh: Warming = {
    ...rest,
    ...(previous === undefined || stillRuns ? {} : { previous }),
    state: 'Warming',
    candidate,
    recipe: { ...facts.recipe, direct: stillRuns || from.stable === undefined },
    step: 0,
    weight: 0,
    since: now,
    progress: startOf(facts, candidate, now),
  };
  return from.stable === undefined ? fresh : enter(fresh, 0, facts, now);
}

/** Takes up a step: a pause waits, a weight first needs pods, past the last one the candidate is promoted. */
export function enter(from: Forward, step: number, facts: RolloutFacts, now: number): Forward {
  const steps = stepsOf(from.recipe, facts.replicas);
  const there = { ...from, step: Math.min(step, steps.length), since: now, progress: startOf(facts, from.candidate, now) };
  const kind = steps[step]?.kind;
  if (kind === undefined) return { ...there, state: 'Promoting' };
  return { ...there, state: kind === 'pause' ? 'Waiting' : 'Warming' };
}

/** Stays at the step, with another state and share. */
export function move(from: Forward, state: Forward['state'], weight: number, now: number): Forward {
  return { ...from, state, weight, since: now, progress: { ...from.progress, at: now } };
}

export function rollBack(from: Active, cause: Because, now: number): RollingBack {
  const { pausedAt: _, ...rest } = from;
  return { ...rest, state: 'RollingBack', cause, since: now, progress: { at: now, ready: 0, bytes: 0 } };
}

export function reject(from: RollingBack, now: number): Rejected {
  return { ...kept(from), state: 'Rejected', candidate: from.candidate, cause: from.cause, since: now };
}

/** Ends a rollout with the stable revision it began with. */
export const settle = (from: Rollout, now: number): Idle => ({ ...kept(from), state: 'Idle', since: now });

/** The candidate becomes the stable revision; the old one stays for scaleDownDelay. */
export function takeOver(from: Active, now: number): Idle {
  const { stable, previous, ...rest } = kept(from);
  const delay = from.recipe.scaleDownDelayMs;
  const former: Previous | undefined = stable !== undefined && delay > 0 ? { revision: stable, until: now + delay } : previous;
  return { ...rest, ...(former === undefined ? {} : { previous: former }), state: 'Idle', stable: from.candidate, since: now };
}
