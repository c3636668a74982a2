import { RolloutSpec, RolloutStatus } from '@slipway/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rolloutOf, statusOf } from './codec.ts';
import { recipeFor } from './recipe.ts';
import type { Because, Rollout } from './types.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const RECIPE = recipeFor(RolloutSpec.parse({ strategy: 'Canary', canary: { steps: [{ setWeight: 10 }, { pause: { duration: '1m' } }] } }));
const BECAUSE: Because = { reason: 'StepPause', message: 'for a while' };

const at = fc.integer({ min: NOW - 1e9, max: NOW + 1e9 });
const name = fc.constantFrom('m-1', 'm-2', 'm-3');
const common = fc.record(
  {
    since: at,
    handled: fc.record({ promote: name, abort: name, retry: name }, { requiredKeys: [] }),
    stable: fc.constant('m-4'),
    previous: fc.record({ revision: fc.constant('m-5'), until: at }),
    lastCommand: fc.record({ verb: fc.constantFrom('promote', 'abort', 'retry'), revision: name, at, result: fc.constantFrom('Accepted', 'Ignored'), message: fc.string() }),
  },
  { requiredKeys: ['since', 'handled'] },
);
const active = fc.record(
  { candidate: name, recipe: fc.constant(RECIPE), step: fc.nat(5), weight: fc.nat(100), progress: fc.record({ at, ready: fc.nat(9), bytes: fc.nat() }), pausedAt: at },
  { requiredKeys: ['candidate', 'recipe', 'step', 'weight', 'progress'] },
);
const cause = fc.record({ reason: fc.constantFrom('Aborted', 'ProgressDeadlineExceeded', 'RollingBack'), message: fc.string() });
const rollout = fc.oneof(
  common.map((c) => ({ ...c, state: 'Idle' })),
  fc.tuple(common, active, fc.constantFrom('Warming', 'Shifting', 'Waiting', 'Promoting')).map(([c, a, state]) => ({ ...c, ...a, state })),
  fc.tuple(common, active, cause).map(([c, a, why]) => ({ ...c, ...a, cause: why, state: 'RollingBack' })),
  fc.tuple(common, name, cause).map(([c, candidate, why]) => ({ ...c, candidate, cause: why, state: 'Rejected' })),
) as fc.Arbitrary<Rollout>;

describe('the position in the status', () => {
  it('is the whole position: what is written is what is read', () => {
    fc.assert(
      fc.property(rollout, (value) => {
        const status = RolloutStatus.parse(JSON.parse(JSON.stringify(statusOf(value, BECAUSE, 4))));
        expect(rolloutOf(status, RECIPE, NOW)).toEqual(value);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it.each([undefined, '', '{', '[]', '3', '{"strategy":"Odd"}', '{"canarySteps":[{"pause":{"duration":"soon"}}]}'])('takes the present recipe for a plan that reads %j', (plan) => {
    const status: RolloutStatus = { state: 'Warming', candidate: 'm-1', ...(plan === undefined ? {} : { plan }) };
    expect(rolloutOf(status, RECIPE, NOW)).toMatchObject({ state: 'Warming', recipe: RECIPE, since: NOW, step: 0 });
  });

  it('gives a revision one part only', () => {
    expect(rolloutOf({ state: 'Waiting', stable: 'm-1', candidate: 'm-1' }, RECIPE, NOW)).toMatchObject({ state: 'Idle', stable: 'm-1' });
    expect(rolloutOf({ state: 'Idle', stable: 'm-1', previous: 'm-1' }, RECIPE, NOW)).not.toHaveProperty('previous');
  });

  it('is not readable without a candidate where there has to be one', () => {
    expect(rolloutOf({ state: 'Shifting', stable: 'm-1' }, RECIPE, NOW)).toBeUndefined();
  });
});
