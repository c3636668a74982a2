// Owns how many pods every revision shall have. Must not know routes beyond the shares, or Deployments beyond their replicas.
// Guarantee: a revision keeps the pods for its share until every router has acknowledged that it has less.
import type { Rollout, RolloutFacts, Split, Warming } from './types.ts';
import { stageAt } from './recipe.ts';
import { isServed, podsForShare, weightsOf } from './split.ts';

/** Desired pods by revision: of everything that has a role, has a share, or still has pods. */
export function scaleFor(rollout: Rollout, facts: RolloutFacts, split: Split): Record<string, number> {
  const wanted = podsByRole(rollout, facts);
  const shares = weightsOf(split);
  const mayShrink = isServed(split, facts);
  const names = new Set([...Object.keys(wanted), ...Object.keys(shares), ...Object.keys(facts.pods)]);
  return Object.fromEntries(
    [...names].sort().map((name) => {
      const pods = Math.max(wanted[name] ?? 0, podsForShare(shares[name] ?? 0, facts.replicas));
      const present = facts.pods[name] ?? 0;
      return [name, mayShrink ? pods : Math.max(pods, present)];
    }),
  );
}

function podsByRole(r: Rollout, facts: RolloutFacts): Record<string, number> {
  const { stable, candidate } = podsOfPair(r, facts);
  return {
    ...(r.previous === undefined ? {} : { [r.previous.revision]: facts.replicas }),
    ...(r.stable === undefined ? {} : { [r.stable]: stable }),
    ...('candidate' in r ? { [r.candidate]: candidate } : {}),
  };
}

function podsOfPair(r: Rollout, facts: RolloutFacts): { stable: number; candidate: number } {
  const { replicas } = facts;
  switch (r.state) {
    case 'Idle':
    case 'Rejected':
      return { stable: replicas, candidate: 0 };
    case 'RollingBack':
      // Not scaled down before the routers have let go of it.
      return { stable: replicas, candidate: r.weight === 0 ? 0 : (facts.pods[r.candidate] ?? 0) };
    case 'Warming':
      return { stable: stablePodsBefore(r, replicas), candidate: stageAt(r.recipe, r.step, replicas).pods };
    case 'Promoting':
    case 'Shifting':
    case 'Waiting': {
      const { pods, stablePods } = stageAt(r.recipe, r.step, replicas);
      return { stable: stablePods, candidate: pods };
    }
  }
}

/** Until the step's share is acknowledged, the stable revision keeps what the step before left it. */
function stablePodsBefore(r: Warming, replicas: number): number {
  return r.step === 0 ? replicas : stageAt(r.recipe, r.step - 1, replicas).stablePods;
}
