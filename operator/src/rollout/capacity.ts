// Owns how many pods every revision shall have. Must not know routes beyond the shares, or Deployments beyond their replicas.
// Guarantee: a revision keeps the pods for its share until every router has acknowledged that it has less.
import type { Rollout, RolloutFacts, Split } from './types.ts';
import { stageAt } from './recipe.ts';
import { isServed, weightsOf } from './split.ts';

/** Desired pods by revision: of everything that has a role, has a share, or still has pods. */
export function scaleFor(rollout: Rollout, facts: RolloutFacts, split: Split): Record<string, number> {
  const wanted = { ...podsByRole(rollout, facts) };
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

/** Pods that a share needs; one percent of tolerance, because shares are whole percents. */
export function podsForShare(share: number, replicas: number): number {
  return share >= 100 ? replicas : Math.ceil((Math.max(0, share - 1) * replicas) / 100);
}

function podsByRole(r: Rollout, facts: RolloutFacts): Record<string, number> {
  const { replicas } = facts;
  const previous = r.previous === undefined ? {} : { [r.previous.revision]: replicas };
  const both = (candidate: number, stable: number, name: string): Record<string, number> => ({
    ...previous,
    ...(r.stable === undefined ? {} : { [r.stable]: stable }),
    [name]: candidate,
  });
  switch (r.state) {
    case 'Idle':
      return { ...previous, ...(r.stable === undefined ? {} : { [r.stable]: replicas }) };
    case 'Rejected':
      return both(0, replicas, r.candidate);
    case 'RollingBack':
      // Not scaled down before the routers have let go of it.
      return both(r.weight === 0 ? 0 : (facts.pods[r.candidate] ?? 0), replicas, r.candidate);
    case 'Warming': {
      const before = r.step === 0 ? replicas : stageAt(r.recipe, r.step - 1, replicas).stablePods;
      return both(stageAt(r.recipe, r.step, replicas).pods, before, r.candidate);
    }
    case 'Promoting':
      return both(replicas, stageAt(r.recipe, r.step, replicas).stablePods, r.candidate);
    case 'Shifting':
    case 'Waiting': {
      const stage = stageAt(r.recipe, r.step, replicas);
      return both(stage.pods, stage.stablePods, r.candidate);
    }
  }
}
