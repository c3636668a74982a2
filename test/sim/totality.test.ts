// The planner is total: whatever the status claims (another operator's version wrote it, somebody edited it, a backup brought it back),
// a pass gives a plan whose shares are sound, and the world comes to rest from there.
import { InferenceServiceStatus, ROUTE_KEY, RouteEntry } from '@slipway/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CANARY, healthy } from './scenarios.ts';
import { World } from './world.ts';

const STATES = ['Idle', 'Warming', 'Shifting', 'Waiting', 'Promoting', 'RollingBack', 'Rejected'] as const;
const instant = fc.constantFrom('2025-12-31T00:00:00.000Z', '2026-01-01T00:00:10.000Z', '2030-01-01T00:00:00.000Z', 'never');
const role = fc.constantFrom('v1', 'v2', 'nobody');

const position = fc.record(
  {
    state: fc.constantFrom(...STATES),
    stable: role,
    candidate: role,
    previous: role,
    previousUntil: instant,
    step: fc.nat(9),
    weight: fc.nat(100),
    since: instant,
    progressAt: instant,
    progressReady: fc.nat(9),
    pausedAt: instant,
    plan: fc.constantFrom('{', '{"strategy":"BlueGreen","direct":false}', '{"strategy":"RollingUpdate"}', '{"direct":true}'),
    reason: fc.constantFrom('Odd', 'Aborted'),
  },
  { requiredKeys: ['state'] },
);
const route = fc.record({ sequence: fc.nat(50), acknowledged: fc.nat(50), hash: fc.constant('x'), weights: fc.array(fc.record({ revision: role, weight: fc.nat(100) }), { maxLength: 3 }) }, { requiredKeys: ['sequence', 'hash'] });

/** Two revisions that both have pods; the spec asks for v2. */
function inTheMiddle(): World {
  const world = new World({ spec: CANARY });
  healthy(world);
  world.model('v2');
  world.until('v2 serves as well', () => world.weights()['v2'] === 10);
  return world;
}

describe('planFor', () => {
  it('gives a sound plan for any status', { timeout: 60_000 }, () => {
    const world = inTheMiddle();
    const observed = world.observe();
    if (observed === undefined) throw new Error('nothing observed');
    const named = (text: string): string => world.revisionOf(text) ?? text;
    fc.assert(
      fc.property(position, fc.option(route), (rollout, told) => {
        const status = InferenceServiceStatus.parse({
          ...observed.isvc.status,
          rollout: JSON.parse(JSON.stringify(rollout), (key, value: unknown) => (['stable', 'candidate', 'previous'].includes(key) ? named(value as string) : value)) as unknown,
          route: told === null ? undefined : { ...told, weights: told.weights?.map((each) => ({ ...each, revision: named(each.revision) })) },
        });
        const plan = world.planned({ ...observed, isvc: { ...observed.isvc, status } });
        const entry = plan.objects.map(({ object }) => object).find((each) => each.metadata.name.endsWith('-route'));
        const { backends, sequence } = RouteEntry.parse(JSON.parse((entry?.['data'] as Record<string, string>)[ROUTE_KEY] ?? '{}'));
        const sum = backends.reduce((total, each) => total + each.weight, 0);
        expect([0, 100]).toContain(sum);
        expect(sequence).toBeGreaterThanOrEqual(told?.sequence ?? 0);
        expect(InferenceServiceStatus.safeParse(plan.status).success).toBe(true);
      }),
      { seed: 3, numRuns: 500 },
    );
  });
});
