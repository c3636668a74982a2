import { RolloutSpec } from '@slipway/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { candidatePods, recipeFor, stageAt, stepsOf, surgePods } from './recipe.ts';

const recipe = (spec: Record<string, unknown>): ReturnType<typeof recipeFor> => recipeFor(RolloutSpec.parse(spec));

describe('steps', () => {
  it('of a canary are the ones of the spec, with the pods for each', () => {
    const canary = recipe({ strategy: 'Canary', canary: { steps: [{ setWeight: 10 }, { pause: { duration: '2m' } }, { setWeight: 50 }, { pause: {} }] } });
    expect(stepsOf(canary, 4)).toEqual([
      { kind: 'weight', weight: 10, pods: 1, stablePods: 4 },
      { kind: 'pause', ms: 120_000 },
      { kind: 'weight', weight: 50, pods: 2, stablePods: 4 },
      { kind: 'pause' },
    ]);
    expect(stageAt(canary, 3, 4)).toMatchObject({ weight: 50, pods: 2 });
    expect(stageAt(canary, 4, 4)).toEqual({ weight: 100, pods: 4, stablePods: 4 });
  });

  it('of a blue-green release are a full preview and, unless automatic, a pause', () => {
    expect(stepsOf(recipe({ strategy: 'BlueGreen' }), 3)).toEqual([{ kind: 'weight', weight: 0, pods: 3, stablePods: 3 }, { kind: 'pause' }]);
    expect(stepsOf(recipe({ strategy: 'BlueGreen', blueGreen: { autoPromote: true } }), 3)).toHaveLength(1);
    expect(recipe({ strategy: 'BlueGreen' }).scaleDownDelayMs).toBe(60_000);
    expect(recipe({}).scaleDownDelayMs).toBe(0);
  });

  it('of a rolling update grow by the surge; the last one is everything', () => {
    const rolling = recipe({ rollingUpdate: { maxSurge: 2 } });
    expect(stepsOf(rolling, 5)).toEqual([
      { kind: 'weight', weight: 40, pods: 2, stablePods: 3 },
      { kind: 'weight', weight: 80, pods: 4, stablePods: 1 },
    ]);
    expect(stepsOf(rolling, 1)).toEqual([]);
    expect(stageAt(rolling, 2, 5)).toEqual({ weight: 100, pods: 5, stablePods: 1 });
  });

  it('are none for a direct one', () => {
    expect(stepsOf({ ...recipe({ strategy: 'BlueGreen' }), direct: true }, 3)).toEqual([]);
  });

  it('start with one pod and no traffic when a canary starts with a pause', () => {
    const canary = recipe({ strategy: 'Canary', canary: { steps: [{ pause: {} }, { setWeight: 30 }] } });
    expect(stageAt(canary, 0, 10)).toEqual({ weight: 0, pods: 1, stablePods: 10 });
  });
});

describe('pods', () => {
  it.each([[4, 10, 1], [4, 50, 2], [3, 34, 2], [10, 100, 10], [1, 1, 1], [5, 0, 1], [0, 50, 0]])('of %i replicas at %i%% are %i', (replicas, weight, pods) => {
    expect(candidatePods(replicas, weight)).toBe(pods);
  });

  it.each([['25%', 4, 1], ['25%', 10, 3], ['100%', 3, 3], [2, 9, 2], ['1%', 2, 1], ['3', 9, 3], ['nonsense', 9, 1], ['25%', 0, 1]])('of a surge of %s over %i are %i', (surge, replicas, pods) => {
    expect(surgePods(surge, replicas)).toBe(pods);
  });

  it('never are more than replicas and surge, whatever the numbers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 100 }), (replicas, surge) => {
        const rolling = recipe({ rollingUpdate: { maxSurge: `${surge}%` } });
        const most = replicas + surgePods(`${surge}%`, replicas);
        const steps = stepsOf(rolling, replicas);
        steps.forEach((_, step) => {
          const before = step === 0 ? replicas : stageAt(rolling, step - 1, replicas).stablePods;
          expect(stageAt(rolling, step, replicas).pods + before).toBeLessThanOrEqual(most);
        });
        expect(replicas + stageAt(rolling, steps.length, replicas).stablePods).toBeLessThanOrEqual(Math.max(most, 2 * replicas * Number(steps.length === 0)));
      }),
      { seed: 1 },
    );
  });
});
