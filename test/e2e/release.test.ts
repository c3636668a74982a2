// Releases under load on the real node: canary to the end, abort, blue-green and back, router restart, scaling.
// Failed means an error, a 5xx, a wrong body, or no answer in 30 s. Zero are allowed.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isTrue, weightOf } from './support/isvc.ts';
import { canaryOf, candidateOf, EXAMPLE, Release } from './support/release.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const world = new World();
const namespace = 'e2e-release';
const name = 'sentiment';
const release = new Release({ world, name, namespace, rate: 200 });
const ROUTERS = 2;
/** Requests by which a router's split may be off: the sequence's own error and the requests under way at a phase's edges. */
const FEW = 4;

const CANARY = canaryOf(10, 50);

describe('releases under load', () => {
  beforeAll(async () => {
    await world.namespace(namespace);
  });
  afterEach(() => {
    release.killLoad();
  });
  afterAll(async () => {
    await world.deleteNamespace(namespace);
  });

  it('a canary goes 10 -> 50 -> promoted with an exact split and no failed request', async () => {
    await release.startWith(CANARY, 2);
    const running = await release.startLoad();
    await running.pin('v1');
    await running.sent(200);
    await release.setModel('v2');
    const at10 = await release.waitingAt(10);
    const candidate = candidateOf(at10);
    await running.pin('v1', 'v2');
    await running.phase('at 10');
    await running.sent(2000);
    await running.phase('to 50');
    await release.promote();
    await release.waitingAt(50);
    await running.phase('at 50');
    await running.sent(2000);
    await running.pin('v2');
    await running.phase('to 100');
    await release.promote();
    await release.healthy();
    await running.phase('after');
    await running.sent(400);
    const report = await release.stopLoad();

    expect(report.failures).toEqual([]);
    expect(report.failed).toBe(0);
    for (const [phase, percent] of [['at 10', 10], ['at 50', 50]] as const) {
      const free = report.phases[phase]?.free ?? {};
      const total = Object.values(free).reduce((sum, n) => sum + n, 0);
      expect(total).toBeGreaterThan(800);
      expect(Math.abs((free[candidate] ?? 0) - (total * percent) / 100), `split ${phase}: ${JSON.stringify(free)}`).toBeLessThanOrEqual(ROUTERS * FEW);
      expect(Object.keys(report.phases[phase]?.pinned ?? {}).length).toBe(2);
    }
    expect(Object.keys(report.phases['after']?.free ?? {})).toEqual([candidate]);
  });

  it('an abort at 50 % returns everything to the stable revision and leaves the spec alone', async () => {
    await release.startWith(CANARY, 2);
    const running = await release.startLoad();
    await release.setModel('v2');
    const at10 = await release.waitingAt(10);
    const candidate = candidateOf(at10);
    await release.promote();
    await release.waitingAt(50);
    await running.phase('aborting');
    await release.command('abort', candidate);
    const rejected = await release.until('Rejected', (isvc) => isvc.status?.rollout?.state === 'Rejected' && weightOf(isvc, 'v1') === 100);
    await running.phase('aborted');
    await running.sent(600);
    const report = await release.stopLoad();

    expect(report.failures).toEqual([]);
    expect(Object.keys(report.phases['aborted']?.free ?? {})).toEqual([rejected.status?.rollout?.stable]);
    expect(rejected.status?.phase).toBe('Degraded');
    expect(isTrue(rejected, 'Ready')).toBe(true);
    expect(isTrue(rejected, 'Stalled')).toBe(true);
    expect(rejected.spec.model.storageUri).toBe('file:///models/sentiment/v2');
    expect(rejected.status?.rollout?.lastCommand).toMatchObject({ verb: 'abort', revision: candidate, result: 'Accepted' });
  });

  it('blue-green switches once, and back within the delay, with no failed request', async () => {
    const before = await release.startWith({ strategy: 'BlueGreen', blueGreen: { autoPromote: false, scaleDownDelay: '120s' } }, 1);
    const blue = before.status?.rollout?.stable ?? '';
    const running = await release.startLoad();
    await release.setModel('v2');
    const waiting = await release.until('waiting for promotion', (isvc) => isvc.status?.rollout?.state === 'Waiting' && isvc.status.previewUrl !== undefined);
    const green = candidateOf(waiting);
    const preview = await until('the preview answers', async () => {
      const answer = await world.post(`${await world.clusterIp(`${name}-preview`, namespace)}/predict`, { text: EXAMPLE.text });
      return answer.status === 200 ? answer : undefined;
    });
    expect(preview.headers['slipway-revision']).toBe(green);
    expect(preview.body['prediction']).toBe(EXAMPLE.expect['v2']);
    await running.phase('preview only');
    await running.sent(200);
    await running.phase('switching');
    await release.promote();
    await release.healthy();
    await running.phase('green');
    await running.sent(400);
    await running.phase('switching back');
    await release.setModel('v1');
    await release.until('blue again', (isvc) => isvc.status?.rollout?.stable === blue && weightOf(isvc, 'v1') === 100);
    await running.phase('blue');
    await running.sent(400);
    const report = await release.stopLoad();

    expect(report.failures).toEqual([]);
    expect(Object.keys(report.phases['preview only']?.free ?? {})).toEqual([blue]);
    expect(Object.keys(report.phases['green']?.free ?? {})).toEqual([green]);
    expect(Object.keys(report.phases['blue']?.free ?? {})).toEqual([blue]);
  });

  it('a rolling restart of the routers and scaling up and down lose nothing', async () => {
    await release.startWith({ strategy: 'RollingUpdate' }, 1);
    const running = await release.startLoad();
    await running.phase('restart');
    await world.kubectl('rollout', 'restart', 'deployment/slipway-router', '-n', namespace);
    await world.kubectl('rollout', 'status', 'deployment/slipway-router', '-n', namespace, '--timeout=150s');
    await running.phase('scale up');
    await release.scale(3);
    await release.until('3/3', (isvc) => isvc.status?.summary?.ready === '3/3' && isTrue(isvc, 'Ready'));
    await running.phase('scale down');
    await release.scale(1);
    await release.until('1/1', (isvc) => isvc.status?.summary?.ready === '1/1' && isTrue(isvc, 'Ready'));
    await until('two pods are gone', async () => (await world.list('pods', namespace, '-l', 'app.kubernetes.io/component=server')).length === 1);
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
    expect(report.sent).toBeGreaterThan(1000);
  });
});
