// What `plan` foresees for real services: the operator's own planner is run ahead until nothing moves, and the report tells it.
import { readFileSync } from 'node:fs';
import type { KubeObject } from '@slipway/kube';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { plain } from '../text.ts';
import { neededBy, quotaLines } from './capacity.ts';
import { changesOf, withoutDropped } from './diff.ts';
import { imagesOf, observedOf, parsedService } from './facts.ts';
import type { Surroundings } from './facts.ts';
import { foresee, podsOf } from './foresee.ts';
import type { Foresight } from './foresee.ts';
import { planView, reportOf } from './report.ts';
import type { PlanInput } from './report.ts';

const AT = Date.parse('2026-01-01T00:00:00Z');
const CONFIG = { images: { server: 'slipway.local/server:1', router: 'slipway.local/router:1' }, clusterDomain: 'cluster.local' };
const NOTHING: Surroundings = { revisions: [], deployments: [], children: [], monitors: false };
const RESOURCES = { requests: { cpu: '100m', memory: '200Mi' }, limits: { memory: '1Gi' } };
const CANARY = { strategy: 'Canary', canary: { steps: [{ setWeight: 25 }, { pause: { duration: '1h' } }, { setWeight: 50 }, { pause: {} }] } };

const manifest = (spec: Record<string, unknown>, more: Record<string, unknown> = {}): KubeObject => ({ apiVersion: 'serving.slipway.dev/v1alpha1', kind: 'InferenceService', metadata: { name: 'scorer', namespace: 'models', uid: 'u1' }, spec: { model: { storageUri: 'file:///models/sentiment/v1', version: 'v1' }, resources: RESOURCES, ...spec }, ...more });

function foreseen(raw: KubeObject, around = NOTHING): { foresight: Foresight; pods: Record<string, number> } {
  const isvc = parsedService(raw);
  if ('invalid' in isvc) throw new Error(isvc.invalid);
  const observed = observedOf(isvc, around, AT);
  return { foresight: foresee(observed, CONFIG), pods: podsOf(observed) };
}

/** A service that is rolled out, as the cluster would have it. */
function settled(spec: Record<string, unknown>): { raw: KubeObject; around: Surroundings } {
  const { foresight } = foreseen(manifest(spec));
  const [stable = ''] = Object.keys(foresight.after);
  const owned = (object: KubeObject, uid: string): KubeObject => ({ ...object, metadata: { ...object.metadata, uid, ownerReferences: [{ apiVersion: '', kind: '', name: '', uid: 'u1' }] } });
  const applied = [...foresight.applied.values()].map((object, n) => owned(object, `o${n}`));
  const of = (...kinds: string[]): KubeObject[] => applied.filter(({ kind }) => kinds.includes(kind));
  const weights = [{ revision: stable, weight: 100 }];
  const entry = JSON.parse(Object.values((of('ConfigMap').find(({ metadata }) => metadata.name === 'scorer-route')?.['data'] as Record<string, string>))[0] ?? '{}') as { sequence: number };
  const status = { phase: 'Healthy', rollout: { state: 'Idle', stable }, revisionSequence: 1, route: { sequence: entry.sequence, acknowledged: entry.sequence, hash: 'h', weights }, traffic: [{ revision: stable, modelVersion: 'v1', weight: 100 }] };
  const around = { revisions: of('ControllerRevision'), deployments: of('Deployment'), children: of('Service', 'ConfigMap', 'PodDisruptionBudget'), monitors: false };
  return { raw: manifest(spec, { status }), around };
}

const input = (more: Partial<PlanInput>): PlanInput => ({ name: 'scorer', namespace: 'models', exists: true, changes: [], foresight: undefined, pods: {}, present: new Set(), wanted: new Map(), quotas: [], checks: [], remarks: [], ...more });
const edited = ({ raw }: { raw: KubeObject }, spec: Record<string, unknown>): KubeObject => ({ ...raw, spec: { ...(raw['spec'] as object), ...spec } });
const V2 = { model: { storageUri: 'file:///models/sentiment/v2', version: 'v2' } };

describe('the planner run ahead', () => {
  it('a new service: its objects, and straight to everything', () => {
    const { foresight } = foreseen(manifest({ replicas: 2 }));
    expect(foresight.moments.map(({ words }) => words.replace(/scorer-\w+/, 'it'))).toEqual(['it gets 2 ready pods', '100% of the traffic to it']);
    expect([...foresight.applied.keys()].map((key) => key.replace(/-[0-9a-f]{10}/, '-*')).toSorted()).toEqual(['ConfigMap/scorer-*-package', 'ConfigMap/scorer-route', 'ControllerRevision/scorer-*', 'Deployment/scorer-*', 'PodDisruptionBudget/scorer', 'Service/scorer', 'Service/scorer-*']);
    expect(Object.values(foresight.after)).toEqual([2]);
  });

  it('a canary: each step with its pods, through the pauses, to the end', () => {
    const live = settled({ replicas: 4, rollout: CANARY });
    const { foresight, pods } = foreseen(edited(live, V2), live.around);
    const words = foresight.moments.map(({ words: text, pods: all, waits }) => `${Object.values(all).reduce((sum, each) => sum + each, 0)} ${waits ? 'WAITS ' : ''}${text.replaceAll(foresight.created ?? '?', 'v2')}`);
    expect(words).toEqual([
      '5 v2 gets 1 ready pod',
      '5 25% of the traffic to v2',
      '5 v2 gets 25% at step 2, for 3600 s',
      '6 v2 gets 2 ready pods',
      '6 50% of the traffic to v2',
      '6 WAITS v2 gets 50% at step 4, until you promote or abort it',
      '8 v2 gets 4 ready pods',
      '8 100% of the traffic to v2',
    ]);
    expect(foresight.after).toEqual({ [foresight.created ?? '']: 4 });
    expect(foresight.removed.toSorted().map((key) => key.replace(/-[0-9a-f]{10}/, '-*'))).toEqual(['Deployment/scorer-*', 'Service/scorer-*']);
    const report = reportOf(input({ foresight, pods, quotas: [quota('8', '7'), quota('9', '5')] }));
    expect([report.capacity.now['pods'], report.capacity.peak['pods'], report.capacity.after['pods']]).toEqual([4, 8, 4]);
    expect(report.capacity.peak['requests.memory']).toBe(8 * 200 * 2 ** 20);
    expect(report.quota).toMatchObject([{ used: 7, more: 4, allowed: false }, { used: 5, more: 4, allowed: true }]);
    expect(report.verdict).toBe('refused');
  });

  it('blue-green keeps the old one for a while; a rolling update goes by its surge', () => {
    const blue = settled({ replicas: 2, rollout: { strategy: 'BlueGreen', blueGreen: { autoPromote: true, scaleDownDelay: '5m' } } });
    const green = foreseen(edited(blue, V2), blue.around).foresight;
    expect(green.moments.at(-1)?.words).toMatch(/^scorer-\w+ is kept to switch back to$/);
    expect(Object.values(green.after)).toEqual([2]);
    const rolling = settled({ replicas: 3, rollout: { strategy: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } });
    const { foresight } = foreseen(edited(rolling, V2), rolling.around);
    expect(Math.max(...foresight.moments.map(({ pods }) => Object.values(pods).reduce((sum, each) => sum + each, 0)))).toBe(4);
  });

  it('the same spec changes nothing; a held one does not begin', () => {
    const live = settled({ replicas: 2 });
    const same = foreseen(live.raw, live.around);
    expect([same.foresight.moments, same.foresight.created, same.foresight.removed]).toEqual([[], undefined, []]);
    const held = foreseen(edited(live, { ...V2, rollout: { paused: true } }), live.around);
    expect(held.foresight.held?.reason).toBe('Paused');
    expect(reportOf(input({ foresight: held.foresight }))).toMatchObject({ verdict: 'held' });
  });

  it('images come from the newest record', () => {
    expect(imagesOf(settled({}).around.revisions)).toEqual({ server: 'slipway.local/server:1', router: 'slipway.local/router:1' });
    expect(imagesOf([])).toBeUndefined();
  });
});

const quota = (hard: string, used: string): KubeObject => ({ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q' }, spec: { hard: { pods: hard } }, status: { hard: { pods: hard }, used: { pods: used } } });

describe('capacity', () => {
  it('counts an init container where it asks for more, and a limit as the request', () => {
    const { foresight } = foreseen(manifest({ resources: { limits: { memory: '1Gi', cpu: '2' } } }));
    expect(neededBy(foresight.after, foresight.records)).toMatchObject({ pods: 1, 'requests.memory': 2 ** 30, 'requests.cpu': 2, 'limits.memory': 2 ** 30 });
  });
  it('leaves out quotas that count only some pods', () => {
    const scoped = { ...quota('1', '1'), spec: { scopes: ['BestEffort'], hard: { pods: '1' } } };
    expect(quotaLines([scoped], {}, { pods: 5 })).toEqual([]);
  });
});

describe('the difference of specs', () => {
  it('names leaves', () => {
    expect(changesOf({ a: { b: 1, c: [1, 2] }, d: 1 }, { a: { b: 2, c: [1] }, e: { f: 1 } })).toEqual([{ field: 'a.b', before: 1, after: 2 }, { field: 'a.c[1]', before: 2 }, { field: 'd', before: 1 }, { field: 'e.f', after: 1 }]);
  });
  it('drops what the last applied file had and this one has not', () => {
    expect(withoutDropped({ a: 1, b: 2, c: { d: 1, e: 2 } }, { b: 2, c: { e: 2 } }, { a: 1, c: { d: 1 } })).toEqual({ a: 1, c: { d: 1 } });
  });
});

it('the report for people fits the terminal and says everything', async () => {
  const live = settled({ replicas: 2, rollout: CANARY });
  const raw = edited(live, V2);
  const { foresight, pods } = foreseen(raw, live.around);
  const wanted = foreseen(live.raw, live.around).foresight.applied;
  const report = reportOf(input({ foresight, pods, changes: changesOf(live.raw['spec'], raw['spec']), present: new Set([...live.around.revisions, ...live.around.deployments, ...live.around.children].map((each) => `${each.kind}/${each.metadata.name}`)), wanted, quotas: [quota('10', '2')], checks: [{ what: 'InferenceService scorer', accepted: true }, { what: 'a pod of scorer', accepted: false, message: 'exceeded quota' }], remarks: ['you may not list events'] }));
  const lines = planView(report, 80).map(plain);
  for (const each of lines) expect([...each].length).toBeLessThanOrEqual(80);
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('../testdata/canary.plan.txt');
});

it('reads what was written for the test as a whole', () => {
  const { service } = load(readFileSync(new URL('../testdata/paused.yaml', import.meta.url), 'utf8')) as { service: KubeObject };
  expect(parsedService(service)).not.toHaveProperty('invalid');
  expect(parsedService({ ...service, spec: { model: {} } })).toHaveProperty('invalid');
});
