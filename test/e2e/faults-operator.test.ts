// Operators that are not what they believe: a leader that slept past its Lease, two that lead at once, one whose clock jumps by an hour.
// Whatever they do, the release takes exactly the steps that were asked for, and no request fails.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Aftermath } from './support/aftermath.ts';
import { HandOperator } from './support/hand-operator.ts';
import { signalPod } from './support/processes.ts';
import type { Pod } from './support/processes.ts';
import { canaryOf, Release } from './support/release.ts';
import { RouteWatch } from './support/route-watch.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const world = new World();
const namespace = 'e2e-faults-operator';
const name = 'sentiment';
const release = new Release({ world, name, namespace, rate: 50 });
const aftermath = new Aftermath(world, namespace);
const HOUR = 3_600_000;

let routes = new RouteWatch(world.access, namespace);
let byHand: HandOperator | undefined;
let asleep: Pod | undefined;

const scaleOperators = (replicas: number): Promise<string> => world.kubectl('scale', 'deployment', '-n', world.access.releaseNamespace, '-l', 'app.kubernetes.io/component=operator', `--replicas=${replicas}`);

/** A record of the routes from now on. */
async function watchRoutes(): Promise<RouteWatch> {
  routes.stop();
  routes = new RouteWatch(world.access, namespace);
  await routes.start();
  return routes;
}

/** The rollout took exactly the steps that were asked for, and nobody was ever given another share. */
function expectSteps(version: string): void {
  expect(routes.weights).toEqual([0, 20, 60, 100]);
  expect(routes.sharesOf(version).filter((share) => ![0, 20, 60, 100].includes(share))).toEqual([]);
}

describe('operators that are not what they believe', () => {
  beforeAll(async () => {
    await world.namespace(namespace);
    await release.startWith(canaryOf(20, 60), 1);
    await aftermath.begin();
  });
  afterEach(async () => {
    release.killLoad();
    routes.stop();
    if (asleep !== undefined) signalPod(asleep, 'SIGCONT');
    asleep = undefined;
    await byHand?.stop();
    byHand = undefined;
  });
  afterAll(async () => {
    await scaleOperators(2);
    await world.kubectl('delete', 'namespace', namespace, '--wait=false', '--ignore-not-found');
  });

  it('a leader that sleeps past its Lease is replaced, and moves nothing backwards when it wakes up', async () => {
    await watchRoutes();
    await release.startLoad();
    await release.setModel('v2');
    await release.waitingAt(20);
    asleep = await world.leader();
    signalPod(asleep, 'SIGSTOP');
    await release.promote();
    await release.waitingAt(60);
    const successor = (await world.leader()).metadata.name;
    expect(successor).not.toBe(asleep.metadata.name);
    const sleeper = asleep;
    signalPod(sleeper, 'SIGCONT');
    asleep = undefined;
    await until('it knows that it lost the Lease', async () => (await world.kubectl('logs', '-n', world.access.releaseNamespace, sleeper.metadata.name)).includes('leadership lost'));
    await release.promote();
    const isvc = await release.healthy();
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
    expectSteps('v2');
    expect((await world.leader()).metadata.name).toBe(successor);
    await aftermath.noOrphans(isvc);
    await aftermath.atRest();
  });

  it('two operators that both lead all the time do what one does', async () => {
    byHand = await HandOperator.start(world, { lease: 'another-lease', identity: 'by-hand' });
    await watchRoutes();
    await release.startLoad();
    await release.setModel('v1');
    await release.waitingAt(20, 'v1');
    await release.promote();
    await release.waitingAt(60, 'v1');
    await release.promote();
    const isvc = await release.healthy();
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
    expectSteps('v1');
    await aftermath.noOrphans(isvc);
    await aftermath.atRest();
  });

  it('a clock that jumps by an hour, either way, neither cuts a pause short, nor makes it endless, nor ends a rollout', async () => {
    const PAUSE_MS = 15_000;
    await scaleOperators(0);
    byHand = await HandOperator.start(world, { identity: 'by-hand' });
    await world.kubectl('patch', 'isvc', name, '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec: { rollout: { canary: { steps: [20, 60].flatMap((setWeight) => [{ setWeight }, { pause: { duration: `${PAUSE_MS / 1000}s` } }]) } } } }));
    await watchRoutes();
    await release.startLoad();
    await release.setModel('v2');
    await release.until('warming', (isvc) => isvc.status?.rollout?.state === 'Warming');
    byHand.jump(HOUR);
    await release.waitingAt(20);
    const at20 = performance.now();
    byHand.jump(HOUR);
    await release.until('at 60', (isvc) => isvc.status?.rollout?.weight === 60);
    const at60 = performance.now();
    await release.waitingAt(60);
    byHand.jump(-3 * HOUR);
    const isvc = await release.healthy();
    const at100 = performance.now();
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
    expectSteps('v2');
    expect(at60 - at20).toBeGreaterThan(PAUSE_MS / 2);
    expect(at100 - at60).toBeGreaterThan(PAUSE_MS / 2);
    await aftermath.noOrphans(isvc);
    await byHand.stop();
    byHand = undefined;
    await scaleOperators(2);
    await until('an installed operator leads again', async () => (await world.leader()).metadata.name);
    await aftermath.atRest();
    await aftermath.memoryAsBefore();
  });
});
