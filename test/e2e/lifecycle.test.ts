// From YAML to predictions and back to nothing, on the real node: what a platform engineer does in the first hour.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { condition, isTrue, manifest } from './support/isvc.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

interface Sample {
  request: string;
  response: string;
}

const world = new World();
const namespace = 'e2e-lifecycle';
const models = new URL('../../models/', import.meta.url);
const json = (path: string): Record<string, unknown> => JSON.parse(readFileSync(new URL(path, models), 'utf8')) as Record<string, unknown>;
const sample = (model: string, name: string): Sample => ({ request: `${model}/samples/${name}.request.json`, response: `${model}/samples/${name}.response.json` });

type Meta = { metadata: { name: string; uid: string; ownerReferences?: { kind: string; uid: string }[] } };

/** Compares what a model must answer; numbers within float32 noise, timings and ids left out. */
function expectAnswer(got: Record<string, unknown>, want: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(want)) {
    if (/Ms$|^request/.test(key)) continue;
    expectClose(got[key], value, key);
  }
}

function expectClose(got: unknown, want: unknown, where: string): void {
  if (typeof want === 'number') expect(got as number, where).toBeCloseTo(want, 4);
  else if (Array.isArray(want)) want.forEach((one, i) => expectClose((got as unknown[])[i], one, `${where}[${i}]`));
  else if (want !== null && typeof want === 'object') for (const [key, value] of Object.entries(want)) expectClose((got as Record<string, unknown>)[key], value, `${where}.${key}`);
  else expect(got, where).toEqual(want);
}

describe('an InferenceService', () => {
  beforeAll(async () => {
    await world.namespace(namespace);
    await world.apply(manifest({ name: 'classifier', namespace, model: 'classifier/v1', replicas: 1 }));
    await world.kubectl('wait', '--for=condition=Ready', 'isvc/classifier', '-n', namespace, '--timeout=150s');
    // The node's proxy learns of a Service by itself, and on a busy machine a moment later.
    const url = await world.clusterIp('classifier', namespace, 80);
    await until('the node leads to the Service', async () => (await world.inside('curl', '-s', '-m', '2', '-o', '/dev/null', '-w', '%{http_code}', `${url}/health`)) !== '');
  });
  afterAll(async () => {
    await world.deleteNamespace(namespace);
  });

  it('answers as the model itself does, on every usual port of its Service', async () => {
    const { request, response } = sample('classifier/v1', 'many');
    for (const port of [80, 3000, 8501]) {
      const url = await world.clusterIp('classifier', namespace, port);
      const answer = await world.post(`${url}/predict`, json(request));
      expect(answer.status).toBe(200);
      expect(answer.headers['slipway-revision']).toMatch(/^classifier-/);
      expect(answer.headers['slipway-model-version']).toBe('v1');
      expect(answer.headers['x-request-id']).toBeTruthy();
      expectAnswer(answer.body, json(response));
    }
  });

  it('shows the columns people look at', async () => {
    const text = await world.kubectl('get', 'isvc', '-n', namespace);
    const [head = '', row = ''] = text.split('\n');
    expect(head.split(/\s+/).filter(Boolean)).toEqual(['NAME', 'URL', 'READY', 'PHASE', 'CANARY', 'WEIGHT', 'STEP', 'REASON', 'VERSION', 'AGE']);
    expect(row).toMatch(/^classifier\s+http:\/\/classifier\.e2e-lifecycle\.svc\S*\s+1\/1\s+Healthy\s+v1\s/);
  });

  it('says what happened in events', async () => {
    const events = await until('there are events', async () => {
      const text = await world.kubectl('get', 'events.v1.events.k8s.io', '-n', namespace, '-o', 'jsonpath={range .items[?(@.regarding.kind=="InferenceService")]}{.reason}{"\\n"}{end}');
      return text.trim() === '' ? undefined : text.trim().split('\n');
    });
    expect(events.length).toBeGreaterThan(0);
  });

  it('can be read by its name inside a pod network: DNS, Service, router', async () => {
    const pods = await world.list<Meta & { status: { phase: string } }>('pods', namespace, '-l', 'app.kubernetes.io/component=router');
    expect(pods).toHaveLength(2);
    const script = `fetch('http://classifier.${namespace}.svc.cluster.local/models').then(r => r.text()).then(t => console.log(t))`;
    const text = await world.kubectl('exec', '-n', namespace, pods[0]?.metadata.name ?? '', '--', 'node', '-e', script);
    expect(JSON.parse(text)).toMatchObject({ models: [{ name: 'classifier', version: 'v1', warmupComplete: true }] });
  });

  it('puts children back that somebody deletes or changes', async () => {
    const isvc = await world.isvc('classifier', namespace);
    const before = await world.get<Meta>('service', 'classifier', namespace);
    await world.kubectl('delete', 'service', 'classifier', '-n', namespace);
    await until('the Service is back', async () => (await world.get<Meta>('service', 'classifier', namespace)).metadata.uid !== before.metadata.uid);
    await world.kubectl('delete', 'poddisruptionbudget', 'classifier', '-n', namespace);
    await until('the budget is back', async () => (await world.get<Meta>('poddisruptionbudget', 'classifier', namespace)).metadata.name === 'classifier');
    const revision = isvc.status?.rollout?.stable ?? '';
    await world.kubectl('scale', 'deployment', revision, '-n', namespace, '--replicas=3');
    await until('the Deployment has one replica again', async () => (await world.get<{ spec: { replicas: number } }>('deployment', revision, namespace)).spec.replicas === 1);
    await world.kubectl('delete', 'configmap', 'classifier-route', '-n', namespace);
    await until('the route is back', async () => (await world.get<Meta>('configmap', 'classifier-route', namespace)).metadata.name === 'classifier-route');
    await world.healthy('classifier', namespace);
    const answer = await world.post(`${await world.clusterIp('classifier', namespace)}/predict`, json(sample('classifier/v1', 'one').request));
    expect(answer.status).toBe(200);
  });

  it('never touches a foreign object of the same name, says so, and goes on once it is gone', async () => {
    await world.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'taken', namespace, labels: { mine: 'yes' } }, spec: { ports: [{ port: 81 }], selector: { app: 'mine' } } });
    await world.apply(manifest({ name: 'taken', namespace, model: 'classifier/v1' }));
    const isvc = await world.isvcUntil('refusing the name', 'taken', namespace, (one) => condition(one, 'Ready')?.reason === 'NameTaken');
    expect(condition(isvc, 'Ready')?.message).toMatch(/Service.*taken/);
    const foreign = await world.get<{ spec: { ports: { port: number }[] }; metadata: { labels: Record<string, string>; ownerReferences?: unknown[] } }>('service', 'taken', namespace);
    expect(foreign.spec.ports.map((p) => p.port)).toEqual([81]);
    expect(foreign.metadata.ownerReferences).toBeUndefined();
    await world.kubectl('delete', 'service', 'taken', '-n', namespace);
    await world.healthy('taken', namespace);
    await world.kubectl('delete', 'isvc', 'taken', '-n', namespace, '--wait=true');
  });

  it('is scaled by an HPA through its scale subresource', async () => {
    await world.apply({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'classifier', namespace },
      spec: {
        scaleTargetRef: { apiVersion: 'serving.slipway.dev/v1alpha1', kind: 'InferenceService', name: 'classifier' },
        minReplicas: 2,
        maxReplicas: 3,
        metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }],
      },
    });
    await world.isvcUntil('2/2', 'classifier', namespace, (isvc) => isvc.spec.replicas === 2 && isvc.status?.summary?.ready === '2/2');
    await world.kubectl('delete', 'hpa', 'classifier', '-n', namespace);
    await world.kubectl('scale', 'isvc', 'classifier', '-n', namespace, '--replicas=1');
    await world.isvcUntil('1/1', 'classifier', namespace, (isvc) => isvc.status?.summary?.ready === '1/1');
  });

  it('names the missing Secret, and recovers when it appears', async () => {
    const base = manifest({ name: 'locked', namespace, model: 'classifier/v1' });
    await world.apply({ ...base, spec: { ...(base['spec'] as object), model: { storageUri: 's3://models/classifier', secretName: 'nobody-made-me' } } });
    const isvc = await world.isvcUntil('naming the Secret', 'locked', namespace, (one) => condition(one, 'Ready')?.reason === 'SecretMissing');
    expect(condition(isvc, 'Ready')?.message).toContain('nobody-made-me');
    expect(isTrue(isvc, 'Ready')).toBe(false);
    await world.kubectl('delete', 'isvc', 'locked', '-n', namespace, '--wait=true');
  });

  it('says what is wrong with a model that is not there', async () => {
    await world.apply(manifest({ name: 'lost', namespace, model: 'classifier/v99' }));
    const isvc = await world.isvcUntil('telling why', 'lost', namespace, (one) => condition(one, 'Ready')?.reason === 'DownloadNotFound');
    expect(isvc.status?.summary?.reason).toBe('DownloadNotFound');
    await world.kubectl('delete', 'isvc', 'lost', '-n', namespace, '--wait=true');
  });

  it('leaves nothing behind when it is deleted', async () => {
    await world.kubectl('delete', 'isvc', '--all', '-n', namespace, '--wait=true');
    const kinds = 'pods,deployments,replicasets,services,configmaps,controllerrevisions,poddisruptionbudgets,serviceaccounts,rolebindings,endpointslices';
    await until(
      'only what Kubernetes itself puts into a namespace is left',
      async () => {
        const found = await world.list<Meta & { kind: string }>(kinds, namespace);
        const ours = found.filter((one) => !['kube-root-ca.crt', 'default'].includes(one.metadata.name));
        if (ours.length > 0) throw new Error(ours.map((one) => `${one.kind}/${one.metadata.name}`).join(' '));
        return true;
      },
      { timeoutMs: 150_000 },
    );
  });
});
