// Owns who gets which share of the traffic, given where the rollout stands and who can answer.
// Must not decide transitions. A share never goes to a revision without a ready endpoint while another one has some.
import type { Rollout, RolloutFacts, Split } from './types.ts';
import { isActive } from './position.ts';

/** The split to write now. Empty when nothing has ever been ready. */
export function splitOf(rollout: Rollout, facts: RolloutFacts): Split {
  const wanted = wantedSplit(rollout, facts);
  if (wanted.every(([revision, share]) => canCarry(rollout, facts, revision, share))) return wanted;
  const turns = candidatesToServe(rollout);
  const standIn = turns.find((revision) => canCarry(rollout, facts, revision, 100)) ?? turns.find((revision) => isReady(facts, revision));
  return standIn === undefined ? wanted : [[standIn, 100]];
}

/** Who has a share keeps it while one pod answers. Who has none, or lost it, gets it with the pods for it; a rollback does not wait for them. */
function canCarry(rollout: Rollout, facts: RolloutFacts, revision: string, share: number): boolean {
  const keeps = (facts.written[revision] ?? 0) > 0 || rollout.state === 'RollingBack';
  return isReady(facts, revision) && (keeps || (facts.ready[revision] ?? 0) >= podsForShare(share, facts.replicas));
}

/** Pods that a share needs; one percent of tolerance, because shares are whole percents. */
export function podsForShare(share: number, replicas: number): number {
  return share >= 100 ? replicas : Math.ceil((Math.max(0, share - 1) * replicas) / 100);
}

/** The split that the position alone asks for. */
function wantedSplit(rollout: Rollout, facts: RolloutFacts): Split {
  const { stable } = rollout;
  if (stable === undefined) return isActive(rollout) && hasServed(rollout.candidate, facts) ? [[rollout.candidate, 100]] : [];
  if (!isActive(rollout) || rollout.weight === 0) return [[stable, 100]];
  if (rollout.weight === 100) return [[rollout.candidate, 100]];
  return [[stable, 100 - rollout.weight], [rollout.candidate, rollout.weight]];
}

/** Whose turn it is when somebody cannot answer: the stable one, then the candidate, then the former stable one. */
function candidatesToServe(rollout: Rollout): string[] {
  return [rollout.stable, isActive(rollout) ? rollout.candidate : undefined, rollout.previous?.revision].filter((name) => name !== undefined);
}

const hasServed = (revision: string, facts: RolloutFacts): boolean => isReady(facts, revision) || (facts.written[revision] ?? 0) > 0;

export const isReady = (facts: RolloutFacts, revision: string | undefined): boolean => revision !== undefined && (facts.ready[revision] ?? 0) > 0;

export const weightsOf = (split: Split): Record<string, number> => Object.fromEntries(split);

/** Every ready router serves exactly this split and no newer entry is on its way. */
export function isServed(split: Split, facts: RolloutFacts): boolean {
  if (!facts.settled) return false;
  const wanted = weightsOf(split);
  const names = new Set([...Object.keys(wanted), ...Object.keys(facts.served)]);
  return [...names].every((name) => (wanted[name] ?? 0) === (facts.served[name] ?? 0));
}
