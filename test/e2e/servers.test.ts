// Servers of every kind go through releases under load without a failed request: MLServer from PyPI, brought along by spec.runtime; ONNX after
// tfjs, in an image of its own; a server on other ports. TensorFlow Serving's labels reach the right revision meanwhile.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { load as parseYaml } from 'js-yaml';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { InferenceServiceSpec } from '@slipway/api';
import { ensureEnvironment, type EnvironmentName } from '../../tools/clients/environments.ts';
import type { LoadReport } from '../support/load/protocol.ts';
import { manifest } from './support/isvc.ts';
import { mlserverImage } from './support/mlserver-image.ts';
import { ObjectStore } from './support/object-store.ts';
import { canaryOf, candidateOf, Release, type Subject } from './support/release.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

interface Pod {
  metadata: { name: string };
  spec: { securityContext: Record<string, unknown>; containers: { name: string; image: string; env: { name: string; value?: string }[]; securityContext: Record<string, unknown> }[] };
  status: { podIP: string };
}

const world = new World();
const namespace = 'e2e-servers';
const ROUTERS = 2;
/** Requests by which a router's split may be off: the sequence's own error and the requests under way at a phase's edges. */
const FEW = 4;
/** A canary with its drain on a machine that does much else. */
const TIMEOUT_MS = 600_000;
const READINGS = [1, 2, 3, 4, 5];
const note = (text: string): void => void process.stderr.write(`e2e  ${text}\n`);
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const serversOf = (name: string): Promise<Pod[]> => world.list<Pod>('pods', namespace, '-l', `app.kubernetes.io/instance=${name},app.kubernetes.io/component=server`);
const containerOf = (pod: Pod | undefined): Pod['spec']['containers'][number] | undefined => pod?.spec.containers.find(({ name }) => name === 'server');
const envOf = (pod: Pod | undefined, variable: string): string | undefined => containerOf(pod)?.env.find(({ name }) => name === variable)?.value;

/** Runs a Python client inside the cluster's network; its lines. */
async function client(environment: EnvironmentName, script: string, ...args: string[]): Promise<string[]> {
  const { directory } = await ensureEnvironment(environment, { note });
  const printed = await world.inside('env', `PYTHONPATH=${directory}`, 'python3', fixture(`clients/${script}`), ...args);
  return printed.trim().split('\n');
}

/** `ADDRESS:PORT` of the service's gRPC. */
const grpcOf = async (name: string, port: number): Promise<string> => (await world.clusterIp(name, namespace, port)).replace('http://', '');

function expectSplit(report: LoadReport, phase: string, candidate: string, percent: number): void {
  const free = report.phases[phase]?.free ?? {};
  const total = Object.values(free).reduce((sum, n) => sum + n, 0);
  expect(total).toBeGreaterThan(400);
  expect(Math.abs((free[candidate] ?? 0) - (total * percent) / 100), `split ${phase}: ${JSON.stringify(free)}`).toBeLessThanOrEqual(ROUTERS * FEW);
}

beforeAll(async () => {
  await world.namespace(namespace);
});
afterAll(async () => {
  await world.deleteNamespace(namespace);
});

describe('MLServer, brought along', () => {
  const name = 'pump';
  const image = 'slipway.local/mlserver:e2e';
  /** Which reading counts for which state; the versions differ, so that a wrong body shows. */
  const weights: Record<string, number[][]> = { v1: [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]], v2: [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]] };
  const subject: Subject = {
    spec: (version) => ({
      model: { storageUri: `s3://models/pump-${version}`, version, secretName: 'store' },
      resources: { requests: { cpu: '150m', memory: '200Mi' }, limits: { memory: '1Gi' } },
      runtime: { image, protocol: 'mlserver', readOnlyRootFilesystem: true, env: [{ name: 'MLSERVER_PARALLEL_WORKERS', value: '0' }] },
    }),
    load: {
      path: `/v2/models/${name}/infer`,
      body: { inputs: [{ name: 'readings', shape: [1, 5], datatype: 'FP32', data: READINGS }] },
      expect: { v1: [0], v2: [2] },
      reads: 'v2',
    },
  };
  const release = new Release({ world, name, namespace, rate: 40, subject });
  let store: ObjectStore;

  beforeAll(async () => {
    await world.loadImages([await mlserverImage(image, note)]);
    store = await ObjectStore.start(world);
    await store.makeBucket('models');
    for (const [version, layer] of Object.entries(weights)) {
      await store.put('models', `pump-${version}`, {
        'runtime.py': readFileSync(fixture('mlserver/runtime.py')),
        'weights.json': JSON.stringify({ weights: layer, bias: [0, 0, 0] }),
        'model-settings.json': JSON.stringify({ implementation: 'runtime.Pump' }),
      });
    }
    await world.apply(store.secret('store', namespace));
  });
  afterEach(() => {
    release.killLoad();
  });
  afterAll(async () => {
    await world.kubectl('delete', 'isvc', name, '-n', namespace, '--ignore-not-found', '--wait=true');
    await store.stop();
  });

  it('goes 20 % -> promoted with an exact split, drains, and no request fails', { timeout: TIMEOUT_MS }, async () => {
    await release.startWith(canaryOf(20), 1);
    const [pod] = await serversOf(name);
    expect(pod?.spec.securityContext).toMatchObject({ runAsNonRoot: true });
    expect(containerOf(pod)).toMatchObject({ image, securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } });
    const running = await release.startLoad();
    await running.sent(100);
    await release.setModel('v2');
    const candidate = candidateOf(await release.waitingAt(20));
    await running.pin('v1', 'v2');
    await running.phase('at 20');
    await running.sent(1000);
    await running.phase('gRPC');
    // On the same URL, on another port of the pods.
    for (const answer of ['v1 0', 'v2 2']) {
      const [version = ''] = answer.split(' ');
      expect(await client('open-inference', 'v2_infer.py', await grpcOf(name, 8001), name, version, '3')).toEqual([answer, answer, answer]);
    }
    await running.pin('v2');
    await running.phase('to 100');
    await release.promote();
    await release.healthy();
    await until('the pod of v1 is gone', async () => (await serversOf(name)).length === 1);
    await running.phase('after');
    await running.sent(200);
    const report = await release.stopLoad();

    expect(report.failures).toEqual([]);
    expect(report.failed).toBe(0);
    expectSplit(report, 'at 20', candidate, 20);
    expect(Object.keys(report.phases['at 20']?.pinned ?? {}).length).toBe(2);
    expect(Object.keys(report.phases['after']?.free ?? {})).toEqual([candidate]);
  });

  it('tells its metrics where the table says', async () => {
    const [pod] = await serversOf(name);
    expect(await world.inside('curl', '-sSf', '-m', '10', `http://${pod?.status.podIP ?? ''}:8082/metrics`)).toMatch(/model_infer_request_success_total\{model="pump"/);
  });
});

describe('ONNX after tfjs', () => {
  const name = 'classifier';
  const yaml = (file: string): InferenceServiceSpec => (parseYaml(readFileSync(fileURLToPath(new URL(`../../models/${file}`, import.meta.url)), 'utf8')) as { spec: InferenceServiceSpec }).spec;
  const sample = (folder: string): unknown => (JSON.parse(readFileSync(fileURLToPath(new URL(`../../models/${folder}/samples/one.response.json`, import.meta.url)), 'utf8')) as { predictions: unknown }).predictions;
  const specs: Record<string, InferenceServiceSpec> = { v1: yaml('classifier/isvc.yaml'), v3: yaml('classifier-onnx/canary.yaml') };
  const subject: Subject = {
    spec: (version) => {
      const { model, rollout, resources } = specs[version] as InferenceServiceSpec;
      return { model, rollout, resources };
    },
    load: { path: '/predict', body: { modelName: name, inputs: [READINGS] }, expect: { v1: sample('classifier/v1'), v3: sample('classifier-onnx/v1') } },
  };
  const release = new Release({ world, name, namespace, rate: 100, subject });

  afterEach(() => {
    release.killLoad();
  });
  afterAll(async () => {
    await world.kubectl('delete', 'isvc', name, '-n', namespace, '--ignore-not-found', '--wait=true');
  });

  it('goes through the canary of models/classifier-onnx without a failed request; labels reach their revision in the middle of it', { timeout: TIMEOUT_MS }, async () => {
    await release.startWith({}, 2);
    const [before] = await serversOf(name);
    const running = await release.startLoad();
    await running.sent(100);
    await release.setModel('v3');
    const candidate = candidateOf(await release.waitingAt(10, 'v3'));
    await running.phase('at 10');
    await running.sent(1000);
    await running.phase('labels');
    const after = (await serversOf(name)).find((pod) => pod.metadata.name.startsWith(candidate));
    expect(containerOf(after)?.image).toMatch(/\/server-onnx:/);
    expect([before, after].map((pod) => envOf(pod, 'REVISION_NUMBER'))).toEqual(['1', '2']);

    const url = await world.clusterIp(name, namespace, 8501);
    for (const [label, version] of [['stable', 'v1'], ['canary', 'v3'], ['v3', 'v3']] as const) {
      for (let index = 0; index < 6; index++) {
        const { status, headers } = await world.post(`${url}/v1/models/${name}/labels/${label}:predict`, { instances: [READINGS] });
        expect([label, status, headers['slipway-model-version']]).toEqual([label, 200, version]);
      }
      expect(new Set(await client('tfserving', 'tfserving_label.py', await grpcOf(name, 8500), name, label, '6'))).toEqual(new Set([version]));
    }

    await running.phase('to 100');
    await release.promote();
    await release.healthy();
    await running.phase('after');
    await running.sent(200);
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
    expect(report.failed).toBe(0);
    expectSplit(report, 'at 10', candidate, 10);
    expect(Object.keys(report.phases['after']?.free ?? {})).toEqual([candidate]);
  });
});

describe('a release to a server on other ports', () => {
  const name = 'moving';

  /** Slipway's own server as somebody else's: it speaks TensorFlow Serving, so it can stand where the table puts that. */
  it('reaches either where it listens, and finds the package where TensorFlow Serving looks', async () => {
    const own = { model: { storageUri: 'file:///models/classifier/v1', version: 'v1' }, resources: { requests: { cpu: '20m', memory: '150Mi' } } };
    await world.apply(manifest({ name, namespace, model: 'classifier/v1', rollout: canaryOf(50), extra: own }));
    await world.healthy(name, namespace);
    const image = containerOf((await serversOf(name))[0])?.image ?? '';
    const env = Object.entries({ PORT: '8501', ALIAS_PORTS: '8500', MODEL_VERSION: 'v7', BEHIND_ROUTER: 'true' }).map(([variable, value]) => ({ name: variable, value }));
    const brought = { model: { storageUri: 'file:///models/classifier/v1', version: 'v7' }, runtime: { image, protocol: 'tfserving', args: [], env } };
    await world.apply(manifest({ name, namespace, model: 'classifier/v1', rollout: canaryOf(50), extra: { ...own, ...brought } }));
    const waiting = await world.isvcUntil('waiting at 50 %', name, namespace, ({ status }) => status?.rollout?.state === 'Waiting');
    const candidate = (await serversOf(name)).find((pod) => pod.metadata.name.startsWith(candidateOf(waiting)));
    expect(envOf(candidate, 'MODEL_PATH')).toBe(`/models/${name}/7`);

    const url = await world.clusterIp(name, namespace);
    for (const version of ['v1', 'v7', 'v1', 'v7']) {
      const { status, headers } = await world.post(`${url}/v1/models/${name}:predict`, { instances: [READINGS] }, { 'Slipway-Model-Version': version });
      expect([status, headers['slipway-model-version']]).toEqual([200, version]);
    }
    expect(new Set(await client('tfserving', 'tfserving_label.py', await grpcOf(name, 8500), name, '', '20'))).toEqual(new Set(['v1', 'v7']));
  });
});
