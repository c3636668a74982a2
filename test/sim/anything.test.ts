// Whatever people and the world do, in any order: the invariants hold in every tick, and once the world is well again the
// release that the spec asks for comes to its end. Sequences are found by fast-check from fixed seeds.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from './random.ts';
import { World } from './world.ts';

const VERSIONS = ['v1', 'v2', 'v3', 'v4'] as const;
const version = fc.constantFrom(...VERSIONS);

const STRATEGIES: Record<string, unknown>[] = [
  { strategy: 'Canary', canary: { steps: [{ setWeight: 10 }, { pause: { duration: '10s' } }, { setWeight: 60 }, { pause: {} }] }, progressDeadline: '40s' },
  { strategy: 'Canary', canary: { steps: [{ pause: { duration: '5s' } }, { setWeight: 100 }, { setWeight: 20 }, { setWeight: 0 }] }, progressDeadline: '40s' },
  { strategy: 'BlueGreen', blueGreen: { autoPromote: false, scaleDownDelay: '15s' }, progressDeadline: '40s' },
  { strategy: 'BlueGreen', blueGreen: { autoPromote: true, scaleDownDelay: '30s' }, progressDeadline: '40s' },
  { strategy: 'RollingUpdate', rollingUpdate: { maxSurge: '50%' }, progressDeadline: '40s' },
  { strategy: 'RollingUpdate', progressDeadline: '40s', revisionHistoryLimit: 0 },
];

type Act = (world: World) => void;

/** Something that a person, a node or a clock may do. */
const act: fc.Arbitrary<[string, Act]> = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 12 }).map((n): [string, Act] => [`${n} s pass`, (world) => world.run(n)]) },
  { weight: 4, arbitrary: version.map((v): [string, Act] => [`model ${v}`, (world) => world.model(v)]) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('promote' as const, 'abort' as const, 'retry' as const), version, fc.constantFrom('', ':full', ':2', ':4', '#x')).map(([verb, v, suffix]): [string, Act] => [`${verb} ${v}${suffix}`, (world) => world.command(verb, v, suffix)]) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 7 }).map((n): [string, Act] => [`replicas ${n}`, (world) => world.edit({ replicas: n })]) },
  { weight: 2, arbitrary: fc.boolean().map((paused): [string, Act] => [`paused ${paused}`, (world) => world.rollout({ paused })]) },
  { weight: 1, arbitrary: fc.constantFrom(...STRATEGIES).map((rollout): [string, Act] => [`strategy ${JSON.stringify(rollout)}`, (world) => world.edit({ rollout })]) },
  { weight: 2, arbitrary: version.map((v): [string, Act] => [`${v} breaks`, (world) => void world.broken.add(v)]) },
  { weight: 2, arbitrary: version.map((v): [string, Act] => [`${v} is well`, (world) => void world.broken.delete(v)]) },
  { weight: 3, arbitrary: fc.tuple(version, fc.integer({ min: 1, max: 4 })).map(([v, n]): [string, Act] => [`${n} of ${v} die`, (world) => world.killPods(v, n)]) },
  { weight: 2, arbitrary: fc.tuple(fc.integer({ min: 0, max: 1 }), fc.boolean()).map(([n, reachable]): [string, Act] => [`router ${n} reachable ${reachable}`, (world) => void Object.assign(world.routers[n] ?? {}, { reachable })]) },
  { weight: 2, arbitrary: fc.tuple(fc.integer({ min: 0, max: 1 }), fc.boolean()).map(([n, ready]): [string, Act] => [`router ${n} ready ${ready}`, (world) => restart(world, n, ready)]) },
  { weight: 1, arbitrary: fc.integer({ min: -4000, max: 4000 }).map((s): [string, Act] => [`the clock jumps ${s} s`, (world) => void (world.now += s * 1000)]) },
  { weight: 1, arbitrary: fc.constantFrom('ConfigMap/sentiment-route', 'Service/sentiment', 'PodDisruptionBudget/sentiment').map((key): [string, Act] => [`${key} is deleted`, (world) => void world.children.delete(key)]) },
);

/** A router that comes back has nothing, and is ready only once it listens again. */
function restart(world: World, n: number, ready: boolean): void {
  const router = world.routers[n];
  if (router === undefined) return;
  if (!ready) delete router.entry;
  router.ready = ready;
  if (ready) world.stepRouter(router);
}

function heal(world: World): void {
  world.broken.clear();
  for (const router of world.routers) {
    router.reachable = true;
    router.ready = true;
    world.stepRouter(router);
  }
  world.edit({ replicas: 3, rollout: { ...world.rawSpec.rollout, paused: false } });
}

/** Somebody does what the status asks a human to do. */
function help(world: World, nth: number): void {
  const { state, candidate, reason } = world.status?.rollout ?? {};
  const target = candidate === undefined ? '' : world.versionOf(candidate);
  if (state === 'Rejected') world.command('retry', target, `#${nth}`);
  else if (reason === 'AwaitingPromotion') world.command('promote', target, `#${nth}`);
}

function comesToItsEnd(world: World): void {
  heal(world);
  const wanted = (world.rawSpec.model as { version: string }).version;
  const done = (): boolean => world.status?.phase === 'Healthy' && world.versionOf(world.status.rollout?.stable ?? '') === wanted && world.status.observedGeneration === world.generation;
  for (let n = 0; n < 60 && !done(); n += 1) {
    help(world, n);
    world.run(10);
  }
  world.until(`${wanted} is out`, done, 1);
  world.settle();
  expect(world.weights()).toEqual({ [wanted]: 100 });
  expect(world.readyPods(world.revisionOf(wanted) ?? '')).toBe(3);
}

describe.each(STRATEGIES.map((rollout, n) => [n, rollout] as const))('strategy %i', (n, rollout) => {
  it('survives anything, in order and out of order', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(fc.array(act, { minLength: 3, maxLength: 25 }), fc.integer({ min: 0, max: 40 }), (acts, order) => {
        const world = new World({ spec: { replicas: 3, rollout }, ...(order === 0 ? {} : { random: seeded(order) }) });
        for (const [, each] of acts) {
          each(world);
          world.tick();
        }
        comesToItsEnd(world);
      }),
      { seed: 20_260_101 + n, numRuns: 100 },
    );
  });
});
