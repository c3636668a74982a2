// Owns the scenarios of releases: each a small script over the fake world that ends with what must be true.
// Every one runs in fixed order (its story is a golden file) and in many seeded random orders.
import { expect } from 'vitest';
import type { World, WorldOptions } from './world.ts';

export interface Scenario {
  name: string;
  options?: WorldOptions;
  run: (world: World) => void;
}

const STEPS = [{ setWeight: 10 }, { pause: { duration: '20s' } }, { setWeight: 50 }, { pause: {} }];
const CANARY = { replicas: 4, rollout: { strategy: 'Canary', canary: { steps: STEPS }, progressDeadline: '60s' } };
const blueGreen = (autoPromote: boolean): Record<string, unknown> => ({ replicas: 2, rollout: { strategy: 'BlueGreen', blueGreen: { autoPromote, scaleDownDelay: '60s' } } });
const ROLLING = { replicas: 4, rollout: { strategy: 'RollingUpdate', rollingUpdate: { maxSurge: 1 }, progressDeadline: '60s' } };

const healthy = (world: World): void => world.until('Healthy', () => world.status?.phase === 'Healthy');
const state = (world: World, wanted: string): void => world.until(wanted, () => world.state() === wanted);
const reason = (world: World, wanted: string): void => world.until(wanted, () => world.status?.rollout?.reason === wanted);
const waitsFor = (world: World, version: string): void =>
  world.until(`${version} waits`, () => world.status?.rollout?.reason === 'AwaitingPromotion' && world.status.rollout.candidate === world.revisionOf(version));
const stable = (world: World): string => world.versionOf(world.status?.rollout?.stable ?? '');
const condition = (world: World, type: string): string | undefined => world.status?.conditions?.find((each) => each.type === type)?.status;

function begun(world: World): void {
  healthy(world);
  world.settle();
  world.model('v2');
}

function toThePause(world: World): void {
  begun(world);
  reason(world, 'AwaitingPromotion');
}

function promoted(world: World, version = 'v2'): void {
  world.until(`${version} is stable`, () => world.state() === 'Idle' && stable(world) === version);
  world.settle();
  expect(world.weights()).toEqual({ [version]: 100 });
  expect(condition(world, 'RolledOut')).toBe('True');
  expect(condition(world, 'Ready')).toBe('True');
}

function rejected(world: World): void {
  state(world, 'Rejected');
  world.settle();
  expect(world.weights()).toEqual({ v1: 100 });
  expect(world.status?.phase).toBe('Degraded');
  expect(condition(world, 'Ready')).toBe('True');
  expect(condition(world, 'Stalled')).toBe('True');
  expect(condition(world, 'RolledOut')).toBe('False');
  expect(world.deployments.get(world.revisionOf('v2') ?? '')).toBeUndefined();
}

/** Somebody aborts in the given state. */
const abortedIn = (name: string, wanted: (world: World) => boolean): Scenario => ({
  name: `abort-${name}`,
  options: { spec: CANARY },
  run: (world) => {
    begun(world);
    world.until(name, () => {
      if (world.status?.rollout?.reason === 'AwaitingPromotion' && world.annotations['serving.slipway.dev/promote'] === undefined) world.command('promote', 'v2');
      return wanted(world);
    });
    world.command('abort', 'v2');
    rejected(world);
  },
});

const CANARY_SCENARIOS: Scenario[] = [
  {
    name: 'happy-canary',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      world.settle();
      expect(world.weights()).toEqual({ v1: 50, v2: 50 });
      expect(world.status?.summary).toMatchObject({ canary: world.revisionOf('v2'), weight: '50%', step: '4/4', reason: 'AwaitingPromotion', version: 'v1', ready: '4/4' });
      world.command('promote', 'v2');
      promoted(world);
    },
  },
  abortedIn('warming', (world) => world.state() === 'Warming' && world.status?.rollout?.step === 0),
  abortedIn('shifting', (world) => world.state() === 'Shifting'),
  abortedIn('waiting', (world) => world.state() === 'Waiting'),
  abortedIn('warming-the-second-step', (world) => world.state() === 'Warming' && world.status?.rollout?.step === 2),
  abortedIn('promoting', (world) => world.state() === 'Promoting' && world.status?.rollout?.stable !== undefined),
  abortedIn('promoting-switched', (world) => world.state() === 'Promoting' && world.status?.rollout?.weight === 100 && world.status.rollout.stable !== undefined),
  {
    name: 'retry-after-abort',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      world.command('abort', 'v2');
      rejected(world);
      world.command('retry', 'v2');
      reason(world, 'AwaitingPromotion');
      world.command('promote', 'v2', ':full');
      promoted(world);
    },
  },
  {
    name: 'edit-after-abort',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      world.command('abort', 'v2');
      rejected(world);
      world.model('v3');
      waitsFor(world, 'v3');
      world.command('promote', 'v3');
      promoted(world, 'v3');
    },
  },
  {
    name: 'edit-in-mid-canary',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      world.model('v3');
      world.until('everything back to v1', () => world.weights()['v1'] === 100);
      waitsFor(world, 'v3');
      world.command('promote', 'v3');
      promoted(world, 'v3');
    },
  },
  {
    name: 'edit-while-warming',
    options: { spec: CANARY },
    run: (world) => {
      begun(world);
      world.until('Warming', () => world.state() === 'Warming' && world.status?.rollout?.stable !== undefined);
      world.model('v3');
      waitsFor(world, 'v3');
      world.command('promote', 'v3');
      promoted(world, 'v3');
      expect(world.deployments.size).toBe(1);
    },
  },
  {
    name: 'back-to-the-stable-spec-in-mid-canary',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      world.model('v1');
      promoted(world, 'v1');
      expect(world.deployments.size).toBe(1);
    },
  },
  {
    name: 'canary-never-ready',
    options: { spec: CANARY },
    run: (world) => {
      healthy(world);
      world.settle();
      world.broken.add('v2');
      world.model('v2');
      world.until('the cause is named', () => world.status?.summary?.reason === 'ModelParseFailed');
      expect(condition(world, 'Progressing')).toBe('False');
      expect(condition(world, 'Ready')).toBe('True');
      rejected(world);
      expect(world.status?.rollout?.message).toContain('saved_model.pb is cut short');
      world.broken.delete('v2');
      world.command('retry', 'v2');
      reason(world, 'AwaitingPromotion');
      world.command('promote', 'v2');
      promoted(world);
    },
  },
  {
    name: 'canary-dies-during-a-pause',
    options: { spec: CANARY },
    run: (world) => {
      begun(world);
      reason(world, 'StepPause');
      world.broken.add('v2');
      world.until('stable serves everything', () => world.weights()['v1'] === 100);
      rejected(world);
    },
  },
  {
    name: 'stable-pods-die-during-a-canary',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      world.broken.add('v1');
      world.killPods('v1');
      world.until('the candidate takes all', () => world.weights()['v2'] === 100);
      expect(world.state()).toBe('Waiting');
      expect(stable(world)).toBe('v1');
      world.run(20);
      world.broken.delete('v1');
      world.until('the shares of the step are back', () => world.weights()['v1'] === 50);
      world.command('promote', 'v2');
      promoted(world);
    },
  },
  {
    name: 'stable-broken-for-good-does-not-block-a-fix',
    options: { spec: { ...CANARY, rollout: { ...CANARY.rollout, canary: { steps: STEPS.slice(0, 3) } } } },
    run: (world) => {
      healthy(world);
      world.settle();
      world.broken.add('v1');
      world.until('v1 does not answer', () => world.readyPods(world.revisionOf('v1') ?? '') === 0);
      world.settle();
      world.model('v2');
      world.until('the fix takes all', () => world.weights()['v2'] === 100);
      promoted(world);
    },
  },
  {
    name: 'a-second-fix-while-stable-is-broken',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      world.broken.add('v1');
      world.until('the candidate takes all', () => world.weights()['v2'] === 100);
      world.model('v3');
      world.until('v2 became the stable one', () => stable(world) === 'v2');
      waitsFor(world, 'v3');
      world.command('promote', 'v3');
      promoted(world, 'v3');
    },
  },
  {
    name: 'scaling-during-a-canary',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      world.edit({ replicas: 10 });
      world.until('5 canary pods', () => world.readyPods(world.revisionOf('v2') ?? '') === 5 && world.readyPods(world.revisionOf('v1') ?? '') === 10);
      world.settle();
      world.edit({ replicas: 2 });
      world.until('1 canary pod', () => world.readyPods(world.revisionOf('v2') ?? '') === 1 && world.readyPods(world.revisionOf('v1') ?? '') === 2);
      world.settle();
      world.command('promote', 'v2');
      promoted(world);
    },
  },
  {
    name: 'scaled-to-zero-during-a-canary',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      world.edit({ replicas: 0 });
      world.until('no pods', () => [...world.deployments.values()].every((each) => each.pods.length === 0));
      world.settle();
      expect(world.status?.phase).toBe('Paused');
      expect(world.state()).toBe('Waiting');
      world.command('promote', 'v2');
      world.run(3);
      expect(world.status?.rollout?.lastCommand?.result).toBe('Ignored');
      world.edit({ replicas: 2 });
      world.until('shares are back', () => world.weights()['v2'] === 50);
      world.command('promote', 'v2', '#again');
      promoted(world);
    },
  },
  {
    name: 'pause-and-resume',
    options: { spec: CANARY },
    run: (world) => {
      begun(world);
      reason(world, 'StepPause');
      world.run(5);
      world.rollout({ paused: true });
      world.until('Paused', () => world.status?.phase === 'Paused');
      world.run(120);
      expect(world.state()).toBe('Waiting');
      expect(world.weights()).toEqual({ v1: 90, v2: 10 });
      world.rollout({ paused: false });
      world.run(5);
      expect(world.status?.rollout?.step).toBe(1);
      reason(world, 'AwaitingPromotion');
      world.rollout({ paused: true });
      world.run(3);
      world.command('promote', 'v2');
      world.run(3);
      expect(world.status?.rollout?.lastCommand?.result).toBe('Ignored');
      world.rollout({ paused: false });
      world.run(3);
      world.command('promote', 'v2', ':4');
      promoted(world);
    },
  },
  {
    name: 'paused-before-an-edit',
    options: { spec: CANARY },
    run: (world) => {
      healthy(world);
      world.settle();
      world.rollout({ paused: true });
      world.model('v2');
      world.run(10);
      world.settle();
      expect(world.state()).toBe('Idle');
      expect(world.status?.phase).toBe('Paused');
      expect(world.deployments.size).toBe(1);
      world.rollout({ paused: false });
      reason(world, 'AwaitingPromotion');
      world.model('v1');
      promoted(world, 'v1');
    },
  },
  {
    name: 'edits-of-rollout-count-from-the-next-one',
    options: { spec: CANARY },
    run: (world) => {
      begun(world);
      reason(world, 'StepPause');
      world.rollout({ canary: { steps: [{ setWeight: 30 }] } });
      reason(world, 'AwaitingPromotion');
      expect(world.weights()).toEqual({ v1: 50, v2: 50 });
      world.command('promote', 'v2');
      promoted(world);
      world.model('v3');
      world.until('30 %', () => world.status?.rollout?.weight === 30);
      promoted(world, 'v3');
    },
  },
  {
    name: 'promote-full',
    options: { spec: CANARY },
    run: (world) => {
      begun(world);
      reason(world, 'StepPause');
      world.command('promote', 'v2', ':full');
      promoted(world);
    },
  },
  {
    name: 'stale-commands',
    options: { spec: CANARY },
    run: (world) => {
      healthy(world);
      world.command('promote', 'v1');
      world.run(3);
      expect(world.status?.rollout?.lastCommand).toMatchObject({ verb: 'promote', result: 'Ignored' });
      world.model('v2');
      reason(world, 'AwaitingPromotion');
      world.command('abort', 'v1');
      world.run(3);
      expect(world.status?.rollout?.lastCommand).toMatchObject({ verb: 'abort', result: 'Ignored' });
      world.command('promote', 'v2', ':2');
      world.run(3);
      expect(world.status?.rollout?.lastCommand?.message).toContain('step 4');
      world.command('retry', 'v2');
      world.run(3);
      world.settle();
      expect(world.state()).toBe('Waiting');
      world.command('promote', 'v2', ':4');
      promoted(world);
    },
  },
];

const BLUE_GREEN_SCENARIOS: Scenario[] = [
  {
    name: 'blue-green-and-back-within-the-delay',
    options: { spec: blueGreen(false) },
    run: (world) => {
      begun(world);
      reason(world, 'AwaitingPromotion');
      world.settle();
      expect(world.weights()).toEqual({ v1: 100 });
      expect(world.writtenEntry()?.preview).toBe(world.revisionOf('v2'));
      expect(world.status?.previewUrl).toBe('http://sentiment-preview.default.svc.cluster.local');
      expect(world.readyPods(world.revisionOf('v2') ?? '')).toBe(2);
      world.command('promote', 'v2');
      world.until('v2 is active', () => stable(world) === 'v2');
      expect(world.readyPods(world.revisionOf('v1') ?? '')).toBe(2);
      const before = world.now;
      world.model('v1');
      world.until('v1 is active again', () => stable(world) === 'v1' && world.weights()['v1'] === 100);
      expect(world.now - before).toBeLessThan(30_000);
      world.settle(200);
      promoted(world, 'v1');
      world.until('v2 is gone', () => world.deployments.size === 1, 120);
      world.settle();
    },
  },
  {
    name: 'blue-green-with-auto-promotion',
    options: { spec: blueGreen(true) },
    run: (world) => {
      begun(world);
      world.until('v2 is active', () => stable(world) === 'v2');
      expect(world.status?.rollout?.previous).toBe(world.revisionOf('v1'));
      world.until('v1 is gone', () => world.deployments.size === 1, 120);
      promoted(world);
    },
  },
  {
    name: 'blue-green-abort-of-the-preview',
    options: { spec: blueGreen(false) },
    run: (world) => {
      begun(world);
      reason(world, 'AwaitingPromotion');
      world.command('abort', 'v2');
      rejected(world);
      expect(world.writtenEntry()?.preview).toBe(world.revisionOf('v1'));
    },
  },
  {
    name: 'blue-green-active-dies-after-the-switch',
    options: { spec: blueGreen(true) },
    run: (world) => {
      begun(world);
      world.until('v2 is active', () => stable(world) === 'v2');
      world.broken.add('v2');
      world.until('the former one stands in', () => world.weights()['v1'] === 100);
      world.run(90);
      expect(world.readyPods(world.revisionOf('v1') ?? '')).toBe(2);
      world.broken.delete('v2');
      world.until('v2 serves again', () => world.weights()['v2'] === 100);
      world.until('v1 is gone', () => world.deployments.size === 1, 120);
      promoted(world);
    },
  },
];

const ROLLING_SCENARIOS: Scenario[] = [
  {
    name: 'rolling-update',
    options: { spec: ROLLING },
    run: (world) => {
      begun(world);
      const most = (): number => [...world.deployments.values()].reduce((sum, each) => sum + each.replicas, 0);
      world.until('v2 is stable', () => {
        expect(most()).toBeLessThanOrEqual(5);
        return stable(world) === 'v2';
      });
      promoted(world);
    },
  },
  {
    name: 'rolling-update-of-one',
    options: { spec: { ...ROLLING, replicas: 1 } },
    run: (world) => {
      begun(world);
      promoted(world);
    },
  },
  {
    name: 'rolling-update-abort-half-way',
    options: { spec: ROLLING },
    run: (world) => {
      begun(world);
      world.until('half way', () => world.weights()['v2'] === 50);
      world.command('abort', 'v2');
      rejected(world);
    },
  },
  {
    name: 'rolling-update-gets-stuck',
    options: { spec: ROLLING },
    run: (world) => {
      begun(world);
      world.until('half way', () => world.weights()['v2'] === 50);
      world.broken.add('v2');
      rejected(world);
    },
  },
  {
    name: 'scaling-during-a-rolling-update',
    options: { spec: ROLLING },
    run: (world) => {
      begun(world);
      world.until('a quarter', () => world.weights()['v2'] === 25);
      world.edit({ replicas: 8 });
      world.run(6);
      world.edit({ replicas: 3 });
      promoted(world);
    },
  },
];

const FIRST_SCENARIOS: Scenario[] = [
  {
    name: 'first-revision-fails-then-recovers',
    options: { spec: CANARY },
    run: (world) => {
      world.broken.add('v1');
      world.until('Stalled', () => condition(world, 'Stalled') === 'True');
      expect(world.status?.phase).toBe('Degraded');
      expect(condition(world, 'Ready')).toBe('False');
      expect(world.status?.conditions?.find((each) => each.type === 'Stalled')?.message).toContain('saved_model.pb is cut short');
      world.run(60);
      world.broken.delete('v1');
      promoted(world, 'v1');
    },
  },
  {
    name: 'first-revision-fails-then-is-corrected',
    options: { spec: CANARY },
    run: (world) => {
      world.broken.add('v1');
      world.until('the cause is named', () => world.status?.summary?.reason === 'ModelParseFailed');
      world.model('v2');
      promoted(world);
      expect(world.deployments.size).toBe(1);
    },
  },
  {
    name: 'undo',
    options: { spec: { ...CANARY, rollout: { strategy: 'Canary', canary: { steps: [{ setWeight: 50 }] } } } },
    run: (world) => {
      begun(world);
      promoted(world);
      world.model('v1');
      promoted(world, 'v1');
      expect(world.revisions.size).toBe(2);
      expect(world.status?.revisions?.map((each) => each.sequence)).toEqual([1, 2]);
    },
  },
  {
    name: 'history-is-pruned',
    options: { spec: { replicas: 1, rollout: { revisionHistoryLimit: 1 } } },
    run: (world) => {
      healthy(world);
      for (const version of ['v2', 'v3', 'v4']) {
        world.model(version);
        promoted(world, version);
      }
      expect([...world.revisions.values()].map((each) => each.record.modelVersion)).toEqual(['v3', 'v4']);
      world.model('v1');
      promoted(world, 'v1');
      expect([...world.revisions.values()].map((each) => each.sequence)).toEqual([4, 5]);
    },
  },
  {
    name: 'pinned-digest',
    options: { spec: { replicas: 1 } },
    run: (world) => {
      healthy(world);
      world.settle();
      expect(world.status?.revisions?.[0]?.digest).toBe('a'.repeat(64));
      world.changedBytes.add('v1');
      world.killPods('v1');
      world.until('PackageChanged', () => world.status?.summary?.reason === 'PackageChanged');
      expect(condition(world, 'Stalled')).toBe('True');
      world.settle();
      expect(world.status?.revisions?.[0]?.digest).toBe('a'.repeat(64));
    },
  },
];

const WORLD_SCENARIOS: Scenario[] = [
  {
    name: 'pods-are-refused-in-mid-canary',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      world.refused.add('v3');
      world.model('v3');
      world.until('the refusal is told', () => world.status?.summary?.reason === 'InvalidPodTemplate');
      world.command('promote', 'v2');
      world.run(20);
      expect(world.weights()).toEqual({ v1: 50, v2: 50 });
      expect(condition(world, 'Ready')).toBe('True');
      expect(condition(world, 'Stalled')).toBe('True');
      expect(world.status?.phase).toBe('Degraded');
      world.model('v4');
      waitsFor(world, 'v4');
      world.command('promote', 'v4');
      promoted(world, 'v4');
      expect(world.status?.revisionSequence).toBe(3);
    },
  },
  {
    name: 'the-first-pods-are-refused',
    options: { spec: CANARY },
    run: (world) => {
      world.refused.add('v1');
      world.until('the refusal is told', () => world.status?.summary?.reason === 'InvalidPodTemplate');
      expect(world.status?.phase).toBe('Degraded');
      expect(world.revisions.size).toBe(0);
      world.model('v2');
      promoted(world);
    },
  },
  {
    name: 'a-router-does-not-answer',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      const [router] = world.routers;
      if (router !== undefined) router.reachable = false;
      world.story.happens('router-0 does not answer any more');
      world.command('abort', 'v2');
      world.until('RollingBack', () => world.state() === 'RollingBack');
      world.run(100);
      expect(world.state()).toBe('RollingBack');
      expect(world.readyPods(world.revisionOf('v2') ?? '')).toBe(2);
      expect(world.status?.conditions?.find((each) => each.type === 'RoutesReady')?.reason).toBe('RouterUnreachable');
      if (router !== undefined) router.reachable = true;
      world.story.happens('router-0 answers again');
      rejected(world);
    },
  },
  {
    name: 'routers-restart-during-a-canary',
    options: { spec: CANARY },
    run: (world) => {
      begun(world);
      reason(world, 'StepPause');
      for (const router of world.routers) {
        router.ready = false;
        delete router.entry;
      }
      world.story.happens('both routers restart');
      world.run(30);
      expect(condition(world, 'Ready')).toBe('False');
      for (const router of world.routers) router.ready = true;
      world.story.happens('both routers are ready again');
      reason(world, 'AwaitingPromotion');
      world.command('promote', 'v2');
      promoted(world);
    },
  },
  {
    name: 'clock-jumps',
    options: { spec: CANARY },
    run: (world) => {
      begun(world);
      reason(world, 'StepPause');
      world.now -= 3_600_000;
      world.story.happens('the clock is set back by an hour');
      reason(world, 'AwaitingPromotion');
      world.now += 7_200_000;
      world.story.happens('the clock is set forward by two hours');
      world.settle();
      expect(world.state()).toBe('Waiting');
      world.command('promote', 'v2');
      promoted(world);
    },
  },
  {
    name: 'children-removed-by-hand-come-back',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      world.settle();
      world.children.delete('ConfigMap/sentiment-route');
      world.children.delete('Service/sentiment');
      world.deployments.delete(world.revisionOf('v2') ?? '');
      world.story.happens('somebody deletes the route ConfigMap, the Service and the Deployment of v2');
      world.until('all of it is back', () => world.children.has('Service/sentiment') && world.readyPods(world.revisionOf('v2') ?? '') === 2 && world.weights()['v2'] === 50);
      world.command('promote', 'v2');
      promoted(world);
    },
  },
  {
    name: 'the-status-is-lost',
    options: { spec: CANARY },
    run: (world) => {
      begun(world);
      reason(world, 'StepPause');
      world.status = undefined;
      world.statusVersion += 1;
      world.story.happens('the status is lost');
      world.until('a rollout from the stable revision in the routes', () => world.status?.rollout?.stable === world.revisionOf('v1') && world.status?.rollout?.candidate !== undefined);
      reason(world, 'AwaitingPromotion');
      world.command('promote', 'v2');
      promoted(world);
    },
  },
  {
    name: 'operator-upgrade-in-mid-canary',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      world.settle();
      const records = JSON.stringify([...world.revisions]);
      const writes = world.writes;
      world.config = { ...world.config, images: { server: 'slipway.local/server:2', router: 'slipway.local/router:2' } };
      world.story.happens('the operator is upgraded and brings newer images');
      world.run(10);
      expect(world.writes).toBe(writes);
      expect(JSON.stringify([...world.revisions])).toBe(records);
      world.command('promote', 'v2');
      promoted(world);
    },
  },
  {
    name: 'a-stale-plan-dies',
    options: { spec: CANARY },
    run: (world) => {
      toThePause(world);
      world.settle();
      const old = world.observe();
      const decidedFrom = world.statusVersion;
      world.command('promote', 'v2');
      promoted(world);
      if (old === undefined) throw new Error('nothing observed');
      old.isvc.metadata.annotations = { 'serving.slipway.dev/abort': old.isvc.status?.rollout?.candidate ?? '' };
      const writes = world.writes;
      expect(world.carryOut(world.planned(old), decidedFrom)).toBe('stale');
      expect(world.writes).toBe(writes);
      world.story.happens('a deposed leader tries to carry out an abort it decided on before; its plan dies at the status');
      promoted(world);
    },
  },
];

export const SCENARIOS: Scenario[] = [...CANARY_SCENARIOS, ...BLUE_GREEN_SCENARIOS, ...ROLLING_SCENARIOS, ...FIRST_SCENARIOS, ...WORLD_SCENARIOS];
export { CANARY, healthy, promoted, rejected, stable };
