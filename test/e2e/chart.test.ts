// The chart on the real cluster: what an operator upgrade and an uninstall do to serving pods (nothing).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from './support/isvc.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const world = new World();
const namespace = 'e2e-chart';

interface Pod {
  metadata: { name: string; uid: string };
}

const serving = async (): Promise<string[]> =>
  (await world.list<Pod>('pods', namespace, '-l', 'app.kubernetes.io/component=server')).map((pod) => pod.metadata.uid).sort();

const { chart, release, releaseNamespace } = world.access;
const helm = (verb: string, ...args: string[]): Promise<string> => world.helm(verb, release, ...args, '-n', releaseNamespace, '--wait', '--timeout', '180s');

describe('the chart', () => {
  beforeAll(async () => {
    await world.namespace(namespace);
    await world.apply(manifest({ name: 'classifier', namespace, model: 'classifier/v1' }));
    await world.healthy('classifier', namespace);
  });
  afterAll(async () => {
    await world.deleteNamespace(namespace);
  });

  it('upgrades the operator without changing a serving pod or a revision', async () => {
    const before = await serving();
    const revisions = await world.kubectl('get', 'controllerrevisions', '-n', namespace, '-o', 'name');
    const generation = (await world.isvc('classifier', namespace)).metadata.generation;
    await helm('upgrade', chart, '--reuse-values', '--set', 'logLevel=debug');
    const isvc = await world.healthy('classifier', namespace);
    expect(isvc.metadata.generation).toBe(generation);
    expect(await serving()).toEqual(before);
    expect(await world.kubectl('get', 'controllerrevisions', '-n', namespace, '-o', 'name')).toBe(revisions);
  });

  it('leaves CRDs, InferenceServices and traffic running when it is uninstalled, and takes over again', async () => {
    const before = await serving();
    const values = await world.helm('get', 'values', release, '-n', releaseNamespace, '-o', 'json');
    await helm('uninstall');
    await until('the operator is gone', async () => (await world.list('pods', releaseNamespace)).length === 0);
    const answer = await world.post(`${await world.clusterIp('classifier', namespace)}/predict`, { modelName: 'classifier', inputs: [[1, 2, 3, 4, 5]] });
    expect(answer.status).toBe(200);
    expect(await serving()).toEqual(before);
    const sets = Object.entries(flat(JSON.parse(values) as Record<string, unknown>)).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    await helm('install', chart, ...sets);
    await world.kubectl('scale', 'isvc', 'classifier', '-n', namespace, '--replicas=2');
    await world.isvcUntil('2/2', 'classifier', namespace, (isvc) => isvc.status?.summary?.ready === '2/2');
    expect(await serving()).toEqual(expect.arrayContaining(before));
  });
});

/** `{a: {b: 1}}` as `{'a.b': '1'}`, the way helm --set wants it. */
function flat(values: Record<string, unknown>, prefix = ''): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]): [string, string][] =>
      value !== null && typeof value === 'object' ? Object.entries(flat(value as Record<string, unknown>, `${prefix}${key}.`)) : [[prefix + key, String(value)]],
    ),
  );
}
