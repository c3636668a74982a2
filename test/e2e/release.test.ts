// Releases under load on the real node: canary to the end, abort, blue-green and back, router restart, scaling.
// Failed means an error, a 5xx, a wrong body, or no answer in 10 s. Zero are allowed.
import { readFileSync } from 'node:fs';
import type { InferenceService } from '@slipway/api';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Load } from '../support/load/load.ts';
import type { LoadReport } from '../support/load/protocol.ts';
import { isTrue, manifest, weightOf } from './support/isvc.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const world = new World();
const namespace = 'e2e-release';
const name = 'sentiment';
const ROUTERS = 2;
/** Requests by which a router's split may be off: the sequence's own error and the requests under way at a phase's edges. */
const FEW = 4;

const example = JSON.parse(readFileSync(new URL('./fixtures/versions-differ.json', import.meta.url), 'utf8')) as {
  text: string;
  expect: Record<string, string>;
};

let load: Load | undefined;

async function startLoad(): Promise<Load> {
  load = await world.load({
    url: await world.clusterIp(name, namespace),
    path: '/predict',
    rate: 200,
    body: { text: example.text },
    expect: example.expect,
    timeoutMs: 10_000,
  });
  return load;
}

async function stopLoad(): Promise<LoadReport> {
  const report = await load?.stop();
  load = undefined;
  if (report === undefined) throw new Error('no load was running');
  return report;
}

const annotate = (verb: string, value: string): Promise<string> =>
  world.kubectl('annotate', 'isvc', name, '-n', namespace, '--overwrite', `serving.slipway.dev/${verb}=${value}`);

const setModel = (version: string): Promise<string> =>
  world.kubectl('patch', 'isvc', name, '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec: { model: { storageUri: `file:///models/sentiment/${version}`, version } } }));

const waitingAt = (weight: number) => (isvc: InferenceService): boolean =>
  isvc.status?.rollout?.state === 'Waiting' && isvc.status.rollout.weight === weight && weightOf(isvc, 'v2') === weight;

const candidateOf = (isvc: InferenceService): string => {
  const candidate = isvc.status?.rollout?.candidate;
  if (candidate === undefined) throw new Error('there is no candidate');
  return candidate;
};

/** Ends the present pause the way the docs say: with the value that the status names. */
async function promote(): Promise<void> {
  const value = (await world.isvc(name, namespace)).status?.rollout?.promote;
  if (value === undefined) throw new Error('the rollout does not wait for promotion');
  await annotate('promote', value);
}

/** Lets `count` more requests be sent in the present phase: the arrival rate is fixed, so this is a wait on the load's own clock. */
const sendAbout = (count: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, (count / 200) * 1000));

/** Starts over with v1 and the given rollout; what a former test left is gone. */
async function startWith(rollout: Record<string, unknown>, replicas: number): Promise<InferenceService> {
  await world.kubectl('delete', 'isvc', name, '-n', namespace, '--ignore-not-found', '--wait=true');
  await world.apply(manifest({ name, namespace, model: 'sentiment/v1', replicas, rollout }));
  return await world.healthy(name, namespace);
}

const CANARY = { strategy: 'Canary', canary: { steps: [{ setWeight: 10 }, { pause: {} }, { setWeight: 50 }, { pause: {} }] } };

describe('releases under load', () => {
  beforeAll(async () => {
    await world.namespace(namespace);
  });
  afterEach(() => {
    load?.kill();
    load = undefined;
  });
  afterAll(async () => {
    await world.deleteNamespace(namespace);
  });

  it('a canary goes 10 -> 50 -> promoted with an exact split and no failed request', async () => {
    await startWith(CANARY, 2);
    const running = await startLoad();
    await running.pin('v1');
    await sendAbout(200);
    await setModel('v2');
    const at10 = await world.isvcUntil('waiting at 10 %', name, namespace, waitingAt(10));
    const candidate = candidateOf(at10);
    await running.pin('v1', 'v2');
    await running.phase('at 10');
    await sendAbout(2000);
    await running.phase('to 50');
    await promote();
    await world.isvcUntil('waiting at 50 %', name, namespace, waitingAt(50));
    await running.phase('at 50');
    await sendAbout(2000);
    await running.pin('v2');
    await running.phase('to 100');
    await promote();
    await world.healthy(name, namespace);
    await running.phase('after');
    await sendAbout(400);
    const report = await stopLoad();

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
    await startWith(CANARY, 2);
    const running = await startLoad();
    await setModel('v2');
    const at10 = await world.isvcUntil('waiting at 10 %', name, namespace, waitingAt(10));
    const candidate = candidateOf(at10);
    await promote();
    await world.isvcUntil('waiting at 50 %', name, namespace, waitingAt(50));
    await running.phase('aborting');
    await annotate('abort', candidate);
    const rejected = await world.isvcUntil('Rejected', name, namespace, (isvc) => isvc.status?.rollout?.state === 'Rejected' && weightOf(isvc, 'v1') === 100);
    await running.phase('aborted');
    await sendAbout(600);
    const report = await stopLoad();

    expect(report.failures).toEqual([]);
    expect(Object.keys(report.phases['aborted']?.free ?? {})).toEqual([rejected.status?.rollout?.stable]);
    expect(rejected.status?.phase).toBe('Degraded');
    expect(isTrue(rejected, 'Ready')).toBe(true);
    expect(isTrue(rejected, 'Stalled')).toBe(true);
    expect(rejected.spec.model.storageUri).toBe('file:///models/sentiment/v2');
    expect(rejected.status?.rollout?.lastCommand).toMatchObject({ verb: 'abort', revision: candidate, result: 'Accepted' });
  });

  it('blue-green switches once, and back within the delay, with no failed request', async () => {
    const before = await startWith({ strategy: 'BlueGreen', blueGreen: { autoPromote: false, scaleDownDelay: '120s' } }, 1);
    const blue = before.status?.rollout?.stable ?? '';
    const running = await startLoad();
    await setModel('v2');
    const waiting = await world.isvcUntil('waiting for promotion', name, namespace, (isvc) => isvc.status?.rollout?.state === 'Waiting' && isvc.status.previewUrl !== undefined);
    const green = candidateOf(waiting);
    const preview = await until('the preview answers', async () => {
      const answer = await world.post(`${await world.clusterIp(`${name}-preview`, namespace)}/predict`, { text: example.text });
      return answer.status === 200 ? answer : undefined;
    });
    expect(preview.headers['slipway-revision']).toBe(green);
    expect(preview.body['prediction']).toBe(example.expect['v2']);
    await running.phase('preview only');
    await sendAbout(200);
    await running.phase('switching');
    await promote();
    await world.healthy(name, namespace);
    await running.phase('green');
    await sendAbout(400);
    await running.phase('switching back');
    await setModel('v1');
    await world.isvcUntil('blue again', name, namespace, (isvc) => isvc.status?.rollout?.stable === blue && weightOf(isvc, 'v1') === 100);
    await running.phase('blue');
    await sendAbout(400);
    const report = await stopLoad();

    expect(report.failures).toEqual([]);
    expect(Object.keys(report.phases['preview only']?.free ?? {})).toEqual([blue]);
    expect(Object.keys(report.phases['green']?.free ?? {})).toEqual([green]);
    expect(Object.keys(report.phases['blue']?.free ?? {})).toEqual([blue]);
  });

  it('a rolling restart of the routers and scaling up and down lose nothing', async () => {
    await startWith({ strategy: 'RollingUpdate' }, 1);
    const running = await startLoad();
    await running.phase('restart');
    await world.kubectl('rollout', 'restart', 'deployment/slipway-router', '-n', namespace);
    await world.kubectl('rollout', 'status', 'deployment/slipway-router', '-n', namespace, '--timeout=150s');
    await running.phase('scale up');
    await world.kubectl('scale', 'isvc', name, '-n', namespace, '--replicas=3');
    await world.isvcUntil('3/3', name, namespace, (isvc) => isvc.status?.summary?.ready === '3/3' && isTrue(isvc, 'Ready'));
    await running.phase('scale down');
    await world.kubectl('scale', 'isvc', name, '-n', namespace, '--replicas=1');
    await world.isvcUntil('1/1', name, namespace, (isvc) => isvc.status?.summary?.ready === '1/1' && isTrue(isvc, 'Ready'));
    await until('two pods are gone', async () => (await world.list('pods', namespace, '-l', 'app.kubernetes.io/component=server')).length === 1);
    const report = await stopLoad();
    expect(report.failures).toEqual([]);
    expect(report.sent).toBeGreaterThan(1000);
  });
});
