// The whole operator against a real API server behind a proxy that misbehaves: an InferenceService that is created, edited or deleted
// during a fault becomes what it would have become without it; restarts of the API server and of etcd; faults in any order; no leak.
import { CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS, DEPLOYMENTS, createClient, createTransport, isAlreadyExists, kubeconfigConnection } from '@slipway/kube';
import type { Client, KubeObject, ResourceType } from '@slipway/kube';
import { readFile } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../operator/src/config.ts';
import { createOperator } from '../../operator/src/operator.ts';
import { createLog } from '../../operator/src/runtime/log.ts';
import { CHILD_TYPES, INFERENCE_SERVICES } from '../../operator/src/runtime/managed-types.ts';
import { createMetrics } from '../../operator/src/runtime/metrics.ts';
import { until } from '../../tools/cluster/wait.ts';
import { startApiServer } from '../support/apiserver.ts';
import type { ApiServer } from '../support/apiserver.ts';
import { countingClock } from '../support/counting-clock.ts';
import type { CountingClock } from '../support/counting-clock.ts';
import { FAULTS, startFaultyProxy } from '../support/faulty-proxy.ts';
import type { FaultyProxy } from '../support/faulty-proxy.ts';
import { clientFor, namespaceFor } from '../support/kube-client.ts';
import { seeded } from '../sim/random.ts';

/** Generous: the machine may be busy, and a back-off grows with its fault. */
const soon = (is: () => Promise<boolean> | boolean, what: () => string): Promise<true> => until(is, { timeoutMs: 150_000, everyMs: 200, otherwise: () => `not in time: ${what()}` });
/** A watch without a byte for so long is opened anew; in the product it is more than the bookmarks' minute. */
const INACTIVITY_MS = 2_500;

let server: ApiServer;
let admin: Client;
beforeAll(async () => {
  server = await startApiServer();
  ({ client: admin } = await clientFor(server));
  const crd = load(await readFile(new URL('../../crds/inferenceservices.serving.slipway.dev.yaml', import.meta.url), 'utf8')) as KubeObject;
  await admin.create(CUSTOM_RESOURCE_DEFINITIONS, crd);
  await soon(() => admin.list(INFERENCE_SERVICES).then(() => true, () => false), () => 'the CRD is served');
});
afterAll(async () => {
  await admin?.close();
  await server?.stop();
});

interface World {
  namespace: string;
  proxy: FaultyProxy;
  clock: CountingClock;
  create(name: string): Promise<void>;
  edit(name: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Resolves once every InferenceService has what it needs, status and cache are up to date, and nothing more is written. */
  converged(): Promise<void>;
  /** Ends everything and expects no connection and no timer to be left. */
  close(): Promise<void>;
}

const bare = (type: ResourceType): boolean => type.group !== 'monitoring.coreos.com';
const isvc = (namespace: string, name: string): KubeObject => ({
  apiVersion: 'serving.slipway.dev/v1alpha1', kind: 'InferenceService', metadata: { name, namespace }, spec: { model: { storageUri: 'https://example.invalid/model.tar.gz' } },
});

async function clientThrough(kubeconfig: string, clock: CountingClock, timeoutMs: number): Promise<Client> {
  const connection = await kubeconfigConnection({ path: kubeconfig, clock });
  const client = createClient(createTransport({ connection, clock, userAgent: 'slipway-operator', timeoutMs }));
  return { ...client, watch: (type, options) => client.watch(type, { ...options, inactivityMs: INACTIVITY_MS }) };
}

async function world(name: string): Promise<World> {
  const namespace = await namespaceFor(admin, name.replaceAll(/[^a-z0-9]+/g, '-').slice(0, 30));
  const proxy = await startFaultyProxy(server);
  const clock = countingClock();
  const flags = { 'server-image': 'server:1', 'router-image': 'router:1', 'watch-namespaces': namespace, 'lease-namespace': namespace, identity: 'one', 'admin-port': '0' };
  const config = loadConfig(Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`), {});
  const client = await clientThrough(proxy.kubeconfig, clock, 3_000);
  const leaseClient = await clientThrough(proxy.kubeconfig, clock, 3_000);
  const log = createLog({ level: 'silent', component: 'operator', instance: 'one' });
  const operator = createOperator({ config, client, leaseClient, clock, random: Math.random, log, metrics: createMetrics() });
  const port = await operator.start();
  const cached = async (): Promise<Record<string, number>> => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return Object.fromEntries([...text.matchAll(/slipway_operator_cached_objects\{resource="(\w+)"\} (\d+)/g)].map(([, resource, count]) => [resource, Number(count)]));
  };
  const missing = async (): Promise<string | undefined> => {
    const services = (await admin.list<KubeObject>(INFERENCE_SERVICES, { namespace })).items;
    const deployments = (await admin.list<KubeObject>(DEPLOYMENTS, { namespace })).items.map(({ metadata }) => metadata.labels?.['serving.slipway.dev/inferenceservice']);
    const routes = (await admin.list<KubeObject>(CONFIG_MAPS, { namespace })).items.map(({ metadata }) => metadata.name);
    for (const { metadata, status } of services) {
      if ((status as { observedGeneration?: number } | undefined)?.observedGeneration !== metadata.generation) return `${metadata.name} is not observed`;
      if (!deployments.includes(metadata.name)) return `${metadata.name} has no Deployment`;
      if (!routes.includes(`${metadata.name}-route`)) return `${metadata.name} has no route`;
    }
    return difference(await cached(), namespace);
  };
  const writes = (): number => proxy.asked.filter(({ method, url }) => method !== 'GET' && !/\/(leases|events)\b/.test(url)).length;
  const converged = async (): Promise<void> => {
    let [last, count, why] = [performance.now(), writes(), 'nothing yet' as string | undefined];
    await soon(async () => {
      // While the API server itself comes back, nothing can be told.
      why = await missing().catch(String);
      if (why !== undefined || writes() !== count) [last, count] = [performance.now(), writes()];
      return performance.now() - last >= 700;
    }, () => why ?? 'it goes on writing');
  };
  return {
    namespace, proxy, clock, converged,
    create: async (service) => void (await soon(() => admin.create(INFERENCE_SERVICES, isvc(namespace, service)).then(() => true, isAlreadyExists), () => `${service} can be created`)),
    edit: async (service) => void (await admin.patch({ type: INFERENCE_SERVICES, namespace, name: service }, { spec: { replicas: 2 } }, { type: 'merge' })),
    remove: async (service) => admin.delete({ type: INFERENCE_SERVICES, namespace, name: service }),
    close: async () => {
      await operator.stop();
      await client.close();
      await leaseClient.close();
      await soon(() => proxy.connections === 0 && clock.pending === 0, () => `${proxy.connections} connections and ${clock.pending} timers are left`).finally(() => proxy.stop());
    },
  };
}

/** The first resource of which the operator holds more or fewer objects than there are. */
async function difference(cached: Record<string, number>, namespace: string): Promise<string | undefined> {
  for (const type of [INFERENCE_SERVICES, ...CHILD_TYPES.filter(bare)]) {
    const labelSelector = type === INFERENCE_SERVICES ? undefined : 'app.kubernetes.io/managed-by=slipway';
    const { length } = (await admin.list(type, { namespace, labelSelector })).items;
    if (cached[type.plural] !== length) return `${cached[type.plural]} of ${length} ${type.plural} are in the cache`;
  }
  return undefined;
}

vi.setConfig({ maxConcurrency: 20, testTimeout: 300_000 });

describe.concurrent('an operator behind a faulty proxy', () => {
  it.each(Object.entries(FAULTS))('%s', async (name, fault) => {
    const { proxy, ...here } = await world(`op ${name}`);
    try {
      await here.create('before');
      await here.create('doomed');
      await here.converged();
      const [asked, began] = [proxy.asked.length, performance.now()];
      proxy.inject(fault);
      await here.create('during');
      await here.edit('before');
      await here.remove('doomed');
      await soon(() => proxy.struck >= 3 && performance.now() - began > 2_000, () => `the fault struck ${proxy.struck} times`);
      // A dozen watches, the Lease and three keys, each with its own back-off from 0.2 s on; unchecked, each would ask hundreds of times a second.
      const perSecond = (proxy.asked.length - asked) / ((performance.now() - began) / 1000);
      expect(perSecond, 'requests per second').toBeLessThan(120);
      proxy.heal();
      await here.create('after');
      await here.converged();
    } finally {
      proxy.heal();
      await here.close();
    }
  });
});

describe('an operator that lives through everything', () => {
  it('faults in any order, then a restart of the API server, then one of etcd; it holds no more memory than before', async () => {
    const seed = Date.now() % 1_000_000;
    console.info(`seed ${seed}`);
    const random = seeded(seed);
    const { proxy, ...here } = await world('any order');
    const kinds = Object.entries(FAULTS).filter(([name]) => name !== 'half-open');
    const round = async (): Promise<void> => {
      const [, fault] = kinds[Math.floor(random() * kinds.length)] ?? ['', { kind: 'reset' }];
      proxy.inject(fault);
      await here.edit('kept').catch(() => undefined);
      const service = `s-${Math.floor(random() * 1e6)}`;
      await here.create(service);
      if (random() < 0.5) await soon(() => proxy.struck > 0, () => `seed ${seed}: ${fault.kind} did not strike`);
      proxy.heal();
      await here.remove(service);
    };
    try {
      await here.create('kept');
      for (let i = 0; i < 4; i++) await round();
      await here.converged();
      const before = heapUsed();
      for (let i = 0; i < 8; i++) await round();
      await server.kill('apiserver');
      await server.revive('apiserver');
      await here.create('after-api-server');
      await here.converged();
      await server.kill('etcd');
      await server.revive('etcd');
      await here.create('after-etcd');
      await here.converged();
      // A cache that is kept twice, or a list-watch that is, would hold megabytes; what is asked for is counted, and that is small.
      expect(heapUsed() - before).toBeLessThan(12 * 1024 * 1024);
    } finally {
      proxy.heal();
      await here.close();
    }
  });
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
