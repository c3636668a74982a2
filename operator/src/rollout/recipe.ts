// Owns how a strategy becomes a list of steps, and what each step needs: share, pods of the candidate, pods of the stable one.
// Must not know where a rollout stands or what is ready. Canary, BlueGreen and RollingUpdate differ only here.
import { durationMs } from '@slipway/api';
import type { RolloutSpec } from '@slipway/api';
import type { Recipe } from './types.ts';

/** What one weight step needs. */
export interface Stage {
  /** Percent of the traffic for the candidate. */
  weight: number;
  /** Pods of the candidate, ready before the weight moves. */
  pods: number;
  /** Pods the stable revision keeps once every router has acknowledged the weight. */
  stablePods: number;
}

export type Step = ({ kind: 'weight' } & Stage) | { kind: 'pause'; /** Absent: until somebody promotes. */ ms?: number };

const DEFAULT_SURGE = '25%';
const DEFAULT_SCALE_DOWN_DELAY = '60s';

/** The recipe of a rollout that begins with this spec. */
export function recipeFor(spec: RolloutSpec): Recipe {
  const common = { canarySteps: [], maxSurge: DEFAULT_SURGE, autoPromote: false, scaleDownDelayMs: 0, progressDeadlineMs: durationMs(spec.progressDeadline), direct: false };
  switch (spec.strategy) {
    case 'Canary':
      return { ...common, strategy: 'Canary', canarySteps: spec.canary?.steps ?? [] };
    case 'BlueGreen': {
      const { autoPromote, scaleDownDelay } = spec.blueGreen ?? { autoPromote: false, scaleDownDelay: DEFAULT_SCALE_DOWN_DELAY };
      return { ...common, strategy: 'BlueGreen', autoPromote, scaleDownDelayMs: durationMs(scaleDownDelay) };
    }
    case 'RollingUpdate':
      return { ...common, strategy: 'RollingUpdate', maxSurge: spec.rollingUpdate?.maxSurge ?? DEFAULT_SURGE };
  }
}

/** Candidate pods for a share: its part, at least one; none at all while the service is scaled to zero. */
export function candidatePods(replicas: number, weight: number): number {
  return replicas === 0 ? 0 : Math.min(replicas, Math.max(1, Math.ceil((replicas * weight) / 100)));
}

/** Pods above replicas during a rolling update: at least 1. */
export function surgePods(maxSurge: string | number, replicas: number): number {
  const text = String(maxSurge);
  const asked = text.endsWith('%') ? Math.ceil((replicas * Number(text.slice(0, -1))) / 100) : Number(text);
  return Number.isFinite(asked) ? Math.max(1, Math.floor(asked)) : 1;
}

/** The steps before the last, implied one (everything). They follow spec.replicas, so a scaled service keeps its proportions. */
export function stepsOf(recipe: Recipe, replicas: number): Step[] {
  if (recipe.direct) return [];
  switch (recipe.strategy) {
    case 'Canary':
      return recipe.canarySteps.map((step) => canaryStep(step, replicas));
    case 'BlueGreen':
      return [{ kind: 'weight', weight: 0, pods: replicas, stablePods: replicas }, ...(recipe.autoPromote ? [] : [{ kind: 'pause' } as const])];
    case 'RollingUpdate':
      return rollingSteps(surgePods(recipe.maxSurge, replicas), replicas);
  }
}

function canaryStep(step: Recipe['canarySteps'][number], replicas: number): Step {
  if (step.pause !== undefined) return { kind: 'pause', ...(step.pause.duration === undefined ? {} : { ms: durationMs(step.pause.duration) }) };
  const weight = step.setWeight ?? 0;
  return { kind: 'weight', weight, pods: candidatePods(replicas, weight), stablePods: replicas };
}

/** One step per surge; the one that reaches `replicas` is the implied last step. */
function rollingSteps(surge: number, replicas: number): Step[] {
  const steps: Step[] = [];
  for (let pods = surge; pods < replicas; pods += surge) {
    steps.push({ kind: 'weight', weight: Math.round((100 * pods) / replicas), pods, stablePods: replicas - pods });
  }
  return steps;
}

/** What holds at a step: the last weight step up to and including it; past the end everything. */
export function stageAt(recipe: Recipe, step: number, replicas: number): Stage {
  const steps = stepsOf(recipe, replicas);
  const held = steps.slice(0, step + 1).findLast((each) => each.kind === 'weight');
  const stage = held ?? { weight: 0, pods: candidatePods(replicas, 0), stablePods: replicas };
  return step >= steps.length ? { weight: 100, pods: replicas, stablePods: stage.stablePods } : stage;
}
