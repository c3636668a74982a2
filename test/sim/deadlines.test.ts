// No wait but a person's goes on for ever as "Progressing": whatever never comes, progressDeadline turns it into something that is told,
// and bytes of a download that still arrive put it off.
import { describe, expect, it } from 'vitest';
import { REASONS } from '@slipway/api';
import type { Observed } from '../../operator/src/types.ts';
import { World } from './world.ts';

const DEADLINE_S = 40;
const rollout = (strategy: Record<string, unknown>): Record<string, unknown> => ({ replicas: 3, rollout: { ...strategy, progressDeadline: `${DEADLINE_S}s` } });
const CANARY = rollout({ strategy: 'Canary', canary: { steps: [{ setWeight: 30 }, { pause: { duration: '5s' } }, { setWeight: 60 }] } });
const ROLLING = rollout({ strategy: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } });
const BLUE_GREEN = rollout({ strategy: 'BlueGreen', blueGreen: { autoPromote: true } });
const STRATEGIES = [['Canary', CANARY], ['RollingUpdate', ROLLING], ['BlueGreen', BLUE_GREEN]] as const;

const condition = (world: World, type: string) => world.status?.conditions?.find((each) => each.type === type);
const progressing = (world: World): boolean => condition(world, 'Progressing')?.status === 'True';

/** From now on no pod of that version gets ready, and nobody knows why. */
function neverReady(world: World, version: string, from = 0): void {
  const before = world.between;
  world.between = () => {
    before?.();
    const pods = world.deployments.get(world.revisionOf(version) ?? '')?.pods ?? [];
    for (const pod of pods.slice(from)) if (!pod.ready) pod.readyAfter = undefined;
  };
}

function silence(world: World): void {
  for (const router of world.routers) router.reachable = false;
}

function served(spec: Record<string, unknown>): World {
  const world = new World({ spec });
  world.until('v1 serves', () => condition(world, 'Ready')?.status === 'True' && world.state() === 'Idle');
  return world;
}

/** Seconds for which the status says without a break that something moves, while nothing does. */
function longestProgress(world: World, seconds: number): number {
  let run = 0;
  let longest = 0;
  for (let n = 0; n < seconds; n += 1) {
    world.tick();
    run = progressing(world) ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

/** Each rollout state has its own deadline, and a canary passes a few before it gets stuck. */
const SLACK_S = 30;

describe.each(STRATEGIES)('%s', (_, spec) => {
  it('ends when the pods of the candidate never get ready', () => {
    const world = served(spec);
    world.model('v2');
    neverReady(world, 'v2');
    expect(longestProgress(world, 200)).toBeLessThanOrEqual(DEADLINE_S + SLACK_S);
    expect(world.status).toMatchObject({ phase: 'Degraded', rollout: { state: 'Rejected', cause: { reason: 'ProgressDeadlineExceeded' } } });
    expect(condition(world, 'Ready')?.status).toBe('True');
  });

  it('ends when the candidate gets some pods and never the others', () => {
    const world = served(spec);
    world.model('v2');
    neverReady(world, 'v2', 1);
    expect(longestProgress(world, 300)).toBeLessThanOrEqual(DEADLINE_S + SLACK_S);
    expect(world.status?.rollout).toMatchObject({ state: 'Rejected' });
  });

  it.each(['Shifting', 'Promoting'])('ends when the routers never acknowledge, from %s on', (state) => {
    const world = served(spec);
    world.model('v2');
    world.until(state, () => world.state() === state || world.state() === 'Idle');
    silence(world);
    const longest = longestProgress(world, 200);
    expect(longest).toBeLessThanOrEqual(DEADLINE_S + SLACK_S);
    expect(progressing(world)).toBe(false);
    expect(world.status?.phase).not.toBe('Progressing');
  });

  it('a rejected candidate stays rejected, though its cause is gone, until somebody retries', () => {
    const world = served(spec);
    world.broken.add('v2');
    world.model('v2');
    world.until('Rejected', () => world.state() === 'Rejected');
    world.broken.delete('v2');
    const { revisions: recorded } = world;
    const known = recorded.size;
    world.run(600);
    expect([world.state(), recorded.size]).toEqual(['Rejected', known]);
    expect(condition(world, 'Stalled')).toMatchObject({ status: 'True', reason: 'ProgressDeadlineExceeded' });
    world.command('retry', 'v2');
    world.until('v2 is stable', () => world.versionOf(world.status?.rollout?.stable ?? '') === 'v2');
  });

  it('bytes that arrive put the deadline off; when they stop, it comes', () => {
    const world = served(spec);
    world.model('v2');
    neverReady(world, 'v2');
    let bytes = 0;
    let flowing = true;
    const observe = world.observe.bind(world);
    world.observe = (): Observed | undefined => {
      const observed = observe();
      for (const revision of observed?.revisions.filter((each) => world.versionOf(each.name) === 'v2') ?? [])
        revision.pods = revision.pods.map(({ state: _state, ...pod }) => ({ ...pod, containers: [{ name: 'fetch', init: true, ready: false, restarts: 0, running: true }], progress: { phase: 'Downloading', bytesDone: bytes, bytesTotal: 1e9, bytesPerSecond: flowing ? 1e6 : 0, attempt: 1 } }));
      return observed;
    };
    world.run(5);
    const writes = world.writes;
    for (let n = 0; n < 10 * DEADLINE_S; n += 1) {
      bytes += 1e6;
      world.tick();
    }
    expect(world.state()).toBe('Warming');
    expect(condition(world, 'Progressing')).toMatchObject({ status: 'True', reason: 'Downloading', message: expect.stringMatching(/of 1000 MB \(\d+%\) at 1\.0 MB\/s$/) as string });
    expect(world.writes - writes, 'a few notes for each deadline, not one for each byte').toBeLessThan(10 * 11 + 20);
    flowing = false;
    expect(longestProgress(world, 2 * DEADLINE_S)).toBeLessThanOrEqual(1.2 * DEADLINE_S);
    expect(world.state()).toBe('Rejected');
  });
});

describe('without a stable revision', () => {
  it.each([['pods that never get ready', (world: World) => neverReady(world, 'v1')], ['routers that never answer', silence], ['routers that are never ready', (world: World) => world.routers.forEach((router) => { router.ready = false; })]])('%s are told, and still waited for', (_, trouble) => {
    const world = new World({ spec: CANARY });
    trouble(world);
    expect(longestProgress(world, 200)).toBeLessThanOrEqual(DEADLINE_S + SLACK_S);
    expect(condition(world, 'Stalled')?.status).toBe('True');
    expect(world.status?.phase).toBe('Degraded');
    world.between = undefined;
    for (const router of world.routers) Object.assign(router, { ready: true, reachable: true });
    for (const { pods } of world.deployments.values()) for (const pod of pods) pod.readyAfter = 3;
    world.until('it recovers by itself', () => world.status?.phase === 'Healthy');
  });
});

describe('while nothing is rolled out', () => {
  it('pods that do not come back after a crash, nobody knows why, are called late', () => {
    const world = served(CANARY);
    neverReady(world, 'v1');
    world.killPods('v1', 1);
    expect(longestProgress(world, 300)).toBeLessThanOrEqual(DEADLINE_S + 5);
    expect(condition(world, 'Stalled')).toMatchObject({ status: 'True', reason: 'ProgressDeadlineExceeded', message: expect.stringContaining(REASONS.ProgressDeadlineExceeded.advice) as string });
    expect(world.status).toMatchObject({ phase: 'Degraded', summary: { ready: '2/3', reason: 'ProgressDeadlineExceeded' } });
    const { writes } = world;
    world.run(100);
    expect(world.writes, 'and then nothing moves in the status').toBe(writes);
    world.between = undefined;
    for (const { pods } of world.deployments.values()) for (const pod of pods) pod.readyAfter = 3;
    world.until('it recovers by itself', () => world.status?.phase === 'Healthy');
    expect(condition(world, 'Stalled')?.status).toBe('False');
  });

  it('a router that is left behind is named, though the URL answers', () => {
    const world = served(CANARY);
    const [router] = world.routers;
    world.stepRouter = () => undefined;
    world.edit({ traffic: { timeout: '7s' } });
    world.run(30);
    expect(world.status).toMatchObject({ phase: 'Degraded', summary: { reason: 'RouterBehind' } });
    expect(condition(world, 'RoutesReady')?.message).toContain(`router ${router?.name} serves routes number`);
    expect([condition(world, 'Ready')?.status, condition(world, 'Progressing')?.status]).toEqual(['True', 'False']);
  });
});

it('a pause of a person goes on for ever', () => {
  const world = served(rollout({ strategy: 'Canary', canary: { steps: [{ setWeight: 30 }, { pause: {} }] } }));
  world.model('v2');
  world.until('Waiting', () => world.state() === 'Waiting');
  world.run(1_000);
  expect(world.status).toMatchObject({ phase: 'Paused', rollout: { state: 'Waiting' } });
});
