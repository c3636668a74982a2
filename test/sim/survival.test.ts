// Operators that die, plans that race and services that are deleted, at every point of a release.
import { describe, expect, it } from 'vitest';
import { seeded } from './random.ts';
import { CANARY, healthy, promoted } from './scenarios.ts';
import { World } from './world.ts';

const BLUE_GREEN = { replicas: 2, rollout: { strategy: 'BlueGreen', blueGreen: { autoPromote: true, scaleDownDelay: '20s' } } };
const ROLLING = { replicas: 3, rollout: { strategy: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } };
const RELEASES: [string, Record<string, unknown>][] = [['canary', CANARY], ['blue-green', BLUE_GREEN], ['rolling update', ROLLING]];

/** From nothing to v2; whoever waits for a promotion gets it. */
function release(world: World): void {
  healthy(world);
  world.model('v2');
  world.until('v2 is stable', () => {
    if (world.status?.rollout?.reason === 'AwaitingPromotion' && world.annotations['serving.slipway.dev/promote'] === undefined) world.command('promote', 'v2');
    return world.status?.rollout?.state === 'Idle' && world.versionOf(world.status.rollout.stable ?? '') === 'v2';
  });
  promoted(world);
}

describe.each(RELEASES)('%s', (name, spec) => {
  it('is finished by the next operator, wherever the last one died', { timeout: 60_000 }, async () => {
    const whole = new World({ spec });
    release(whole);
    for (let write = 1; write <= whole.writes; write += 1) {
      const world = new World({ spec });
      world.crashAt = write;
      release(world);
      expect(world.deployments.size, `died at write ${write}`).toBeLessThanOrEqual(2);
      if (write === Math.floor(whole.writes / 2)) await expect(world.story.text()).toMatchFileSnapshot(`golden/operator-dies-in-the-middle-of-a-${name.replace(' ', '-')}.txt`);
    }
  });

  it('leaves everything alone once the InferenceService is being deleted, in every state', async () => {
    const world = new World({ spec });
    const seen = new Set<string>();
    world.between = () => {
      const observed = world.observe();
      if (observed === undefined) return;
      const { state = 'no status', step } = observed.isvc.status?.rollout ?? {};
      seen.add(step === undefined ? state : `${state} at step ${step}`);
      observed.isvc.metadata.deletionTimestamp = new Date(world.now).toISOString();
      const plan = world.planned(observed);
      expect(plan).toMatchObject({ objects: [], prune: [], status: { phase: 'Terminating' } });
      expect(plan.revision).toBeUndefined();
      observed.isvc.status = plan.status;
      observed.at += 5_000;
      expect(world.planned(observed).status).toEqual(plan.status);
    };
    release(world);
    await expect(`${[...seen].join('\n')}\n`).toMatchFileSnapshot(`golden/deleted-in-every-state-of-a-${name.replace(' ', '-')}.txt`);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('survives two operators that both believe they lead (seed %i)', (seed) => {
    const random = seeded(seed);
    const world = new World({ spec, random: seeded(seed + 100) });
    let stale: { plan: ReturnType<World['planned']>; from: number } | undefined;
    world.between = () => {
      const observed = world.observe();
      if (stale !== undefined && random() < 0.5) {
        world.carryOut(stale.plan, stale.from);
        stale = undefined;
      }
      if (observed !== undefined && random() < 0.3) stale = { plan: world.planned(observed), from: world.statusVersion };
    };
    release(world);
  });
});
