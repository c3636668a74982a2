// The operator's shell against a real API server without controllers or nodes: what it writes, what it leaves alone, what it repairs.
// Whatever needs pods is in test/e2e.
import { CONFIG_MAPS, CONTROLLER_REVISIONS, CUSTOM_RESOURCE_DEFINITIONS, DEPLOYMENTS, EVENTS, POD_DISRUPTION_BUDGETS, ROLE_BINDINGS, SERVICES, isNotFound, manualClock, systemClock } from '@slipway/kube';
import type { Client, KubeObject, RequestReport, ResourceType } from '@slipway/kube';
import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../operator/src/config.ts';
import { createOperator } from '../../operator/src/operator.ts';
import type { Operator } from '../../operator/src/operator.ts';
import { createWithWarnings } from '../../operator/src/observe/warnings.ts';
import { createEventRecorder } from '../../operator/src/runtime/events.ts';
import { createLog } from '../../operator/src/runtime/log.ts';
import { INFERENCE_SERVICES, SERVICE_MONITORS } from '../../operator/src/runtime/managed-types.ts';
import { createMetrics } from '../../operator/src/runtime/metrics.ts';
import { startApiServer } from '../support/apiserver.ts';
import type { ApiServer } from '../support/apiserver.ts';
import { until } from '../../tools/cluster/wait.ts';
import { clientFor, namespaceFor } from '../support/kube-client.ts';

let server: ApiServer;
let client: Client;
let namespace: string;
let running: { operator: Operator; client: Client; requests: RequestReport[]; port: number } | undefined;

beforeAll(async () => {
  server = await startApiServer();
  ({ client } = await clientFor(server));
  const crd = load(await readFile(new URL('../../crds/inferenceservices.serving.slipway.dev.yaml', import.meta.url), 'utf8')) as KubeObject;
  await client.create(CUSTOM_RESOURCE_DEFINITIONS, crd);
  await until(() => client.list(INFERENCE_SERVICES).then(() => true, () => false), { timeoutMs: 15_000, otherwise: () => 'the CRD is not served' });
});
beforeEach(async () => {
  namespace = await namespaceFor(client, 'runtime');
});
afterEach(stop);
afterAll(async () => {
  await client?.close();
  await server?.stop();
});

async function start(identity = 'one'): Promise<NonNullable<typeof running>> {
  const flags = { 'server-image': 'server:1', 'router-image': 'router:1', 'watch-namespaces': namespace, 'lease-namespace': namespace, identity, 'admin-port': '0' };
  const config = loadConfig(Object.entries(flags).map(([name, value]) => `--${name}=${value}`), {});
  const { client: own, requests } = await clientFor(server);
  const log = createLog({ level: 'silent', component: 'operator', instance: identity });
  const operator = createOperator({ config, client: own, leaseClient: own, clock: systemClock, random: Math.random, log, metrics: createMetrics() });
  running = { operator, client: own, requests, port: await operator.start() };
  return running;
}

async function stop(): Promise<void> {
  await running?.operator.stop();
  await running?.client.close();
  running = undefined;
}

const isvc = (name: string, spec: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'serving.slipway.dev/v1alpha1',
  kind: 'InferenceService',
  metadata: { name, namespace },
  spec: { model: { storageUri: 'https://example.invalid/model.tar.gz' }, ...spec },
});
interface Status {
  phase?: string;
  observedGeneration?: number;
  conditions?: { type: string; status: string; reason: string; message: string }[];
}
const get = async (type: ResourceType, name: string): Promise<KubeObject | undefined> =>
  client.get<KubeObject>({ type, namespace, name }).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
const found = (type: ResourceType, name: string): Promise<KubeObject> =>
  expect.poll(() => get(type, name), { timeout: 30_000 }).toBeDefined().then(async () => (await get(type, name)) as KubeObject);
const condition = async (name: string, type: string) => ((await get(INFERENCE_SERVICES, name))?.['status'] as Status | undefined)?.conditions?.find((c) => c.type === type);
/** The Deployment of the only revision of an InferenceService. */
const deploymentOf = async (name: string): Promise<KubeObject> => {
  const ofIt = { namespace, labelSelector: `serving.slipway.dev/inferenceservice=${name}` };
  await expect.poll(async () => (await client.list(DEPLOYMENTS, ofIt)).items.length, { timeout: 30_000 }).toBe(1);
  return (await client.list<KubeObject>(DEPLOYMENTS, ofIt)).items[0] as KubeObject;
};
const writes = (requests: RequestReport[]): RequestReport[] => requests.filter(({ verb, resource }) => !['get', 'list', 'watch'].includes(verb) && !['leases', 'events'].includes(resource));
/** Resolves once the operator has written nothing for `ms` milliseconds. */
async function quiet(requests: RequestReport[], ms: number): Promise<void> {
  let last = performance.now();
  let count = writes(requests).length;
  await expect
    .poll(
      () => {
        if (writes(requests).length !== count) [last, count] = [performance.now(), writes(requests).length];
        return performance.now() - last >= ms;
      },
      { timeout: 40_000, interval: 50 },
    )
    .toBe(true);
}

describe('the operator on a real API server', () => {
  it('makes everything, then writes nothing more while nothing changes', async () => {
    const { requests, port } = await start();
    await client.create(INFERENCE_SERVICES, isvc('plain'));
    await deploymentOf('plain');
    await found(CONFIG_MAPS, 'plain-route');
    await found(DEPLOYMENTS, 'slipway-router');
    await quiet(requests, 1_500);
    const before = writes(requests).length;
    await client.patch({ type: INFERENCE_SERVICES, namespace, name: 'plain' }, { metadata: { labels: { touched: 'yes' } } }, { type: 'merge' });
    await quiet(requests, 1_500);
    expect(writes(requests).slice(before), 'a pass over an unchanged world').toEqual([]);
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(metrics).toMatch(/slipway_operator_leader 1/);
    expect(metrics).toMatch(/slipway_operator_reconcile_total\{kind="inferenceservice",result="Settle"\} \d+/);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  });

  it('a restart writes nothing', async () => {
    await start('before');
    await client.create(INFERENCE_SERVICES, isvc('again'));
    await deploymentOf('again');
    await found(CONFIG_MAPS, 'again-route');
    await quiet(running?.requests ?? [], 1_000);
    await stop();
    const { requests, port } = await start('after');
    await expect.poll(async () => await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(), { timeout: 30_000 }).toMatch(/reconcile_total\{kind="inferenceservice",result="Settle"\} [1-9]/);
    await quiet(requests, 1_500);
    expect(writes(requests)).toEqual([]);
  });

  it('a restart repairs what was changed while nobody looked', async () => {
    await start('before');
    await client.create(INFERENCE_SERVICES, isvc('meanwhile'));
    const deployment = await deploymentOf('meanwhile');
    const name = deployment.metadata.name;
    const ref = { type: DEPLOYMENTS, namespace, name };
    await quiet(running?.requests ?? [], 1_000);
    await stop();
    await client.patch(ref, { spec: { replicas: 0, template: { spec: { containers: [{ name: 'server', image: 'else:1' }] } } } }, { type: 'strategic' });
    await client.patch({ type: SERVICES, namespace, name }, { spec: { selector: { 'serving.slipway.dev/revision': 'other' } } }, { type: 'merge' });
    await client.patch({ type: CONFIG_MAPS, namespace, name: 'meanwhile-route' }, { data: null }, { type: 'merge' });
    await start('after');
    const restored = { replicas: 1, template: { spec: { containers: [{ name: 'server', image: 'server:1' }] } } };
    await expect.poll(async () => (await client.get<KubeObject>(ref))['spec'], { timeout: 30_000 }).toMatchObject(restored);
    await expect.poll(async () => (await client.get<KubeObject>({ type: SERVICES, namespace, name }))['spec'], { timeout: 30_000 }).toMatchObject({ selector: { 'serving.slipway.dev/revision': name } });
    await expect.poll(async () => (await client.get<KubeObject>({ type: CONFIG_MAPS, namespace, name: 'meanwhile-route' }))['data'], { timeout: 30_000 }).toBeDefined();
  });

  it('brings back what was edited, stripped of its labels, or deleted by hand', async () => {
    const { requests } = await start();
    await client.create(INFERENCE_SERVICES, isvc('repair'));
    const deployment = await deploymentOf('repair');
    const ref = { type: DEPLOYMENTS, namespace, name: deployment.metadata.name };
    await quiet(requests, 500);

    await client.patch(ref, { spec: { replicas: 0, template: { spec: { containers: [{ name: 'server', image: 'else:1' }] } } } }, { type: 'strategic' });
    const restored = { replicas: 1, template: { spec: { containers: [{ name: 'server', image: 'server:1' }] } } };
    await expect.poll(async () => (await client.get<KubeObject>(ref))['spec'], { timeout: 30_000 }).toMatchObject(restored);

    const service = { type: SERVICES, namespace, name: deployment.metadata.name };
    await client.patch(service, { spec: { selector: { 'serving.slipway.dev/revision': 'other' } } }, { type: 'merge' });
    await expect.poll(async () => (await client.get<KubeObject>(service))['spec'], { timeout: 30_000 }).toMatchObject({ selector: { 'serving.slipway.dev/revision': deployment.metadata.name } });

    const label = 'app.kubernetes.io/managed-by';
    await client.patch(ref, { metadata: { labels: { [label]: null } } }, { type: 'merge' });
    await expect.poll(async () => (await client.get<KubeObject>(ref)).metadata.labels?.[label], { timeout: 30_000 }).toBe('slipway');

    await client.delete(ref);
    const again = await found(DEPLOYMENTS, deployment.metadata.name);
    expect(again.metadata.uid).not.toBe(deployment.metadata.uid);

    await client.delete({ type: DEPLOYMENTS, namespace, name: 'slipway-router' });
    await found(DEPLOYMENTS, 'slipway-router');

    // Of these only metadata is watched; that somebody else set a field of ours shows there.
    await client.patch({ type: POD_DISRUPTION_BUDGETS, namespace, name: 'slipway-router' }, { spec: { maxUnavailable: '100%' } }, { type: 'merge' });
    await expect.poll(async () => (await get(POD_DISRUPTION_BUDGETS, 'slipway-router'))?.['spec'], { timeout: 30_000 }).toMatchObject({ maxUnavailable: 1 });
    await client.patch({ type: ROLE_BINDINGS, namespace, name: 'slipway-router' }, { subjects: [] }, { type: 'merge' });
    await expect.poll(async () => (await get(ROLE_BINDINGS, 'slipway-router'))?.['subjects'], { timeout: 30_000 }).toHaveLength(1);
  });

  it('writes a deleted record again as it was, and ends what belongs to a record that was lost while nobody looked', async () => {
    await start();
    await client.create(INFERENCE_SERVICES, isvc('records'));
    const deployment = await deploymentOf('records');
    const { name } = deployment.metadata;
    const record = { type: CONTROLLER_REVISIONS, namespace, name };
    const before = await client.get<KubeObject>(record);
    await client.delete(record);
    await expect.poll(async () => (await get(CONTROLLER_REVISIONS, name))?.metadata.uid ?? before.metadata.uid, { timeout: 30_000 }).not.toBe(before.metadata.uid);
    const again = await client.get<KubeObject>(record);
    expect([again['revision'], again['data']]).toEqual([before['revision'], before['data']]);
    expect((await found(DEPLOYMENTS, name)).metadata.uid).toBe(deployment.metadata.uid);

    await stop();
    await client.delete(record);
    await client.patch({ type: INFERENCE_SERVICES, namespace, name: 'records' }, { spec: { model: { storageUri: 'https://example.invalid/other.tar.gz' } } }, { type: 'merge' });
    await start();
    await expect.poll(() => get(DEPLOYMENTS, name), { timeout: 30_000 }).toBeUndefined();
    await expect.poll(() => get(SERVICES, name), { timeout: 30_000 }).toBeUndefined();
    expect((await deploymentOf('records')).metadata.name).not.toBe(name);
  });

  it('leaves a foreign object of the same name untouched and says so until it is gone', async () => {
    const foreign = await client.create<KubeObject>(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'taken-route', namespace }, data: { mine: 'yes' } });
    await start();
    await client.create(INFERENCE_SERVICES, isvc('taken'));
    await expect.poll(async () => (await condition('taken', 'Stalled'))?.reason, { timeout: 30_000 }).toBe('NameTaken');
    expect((await condition('taken', 'Stalled'))?.message).toMatch(/taken-route/);
    expect((await get(CONFIG_MAPS, 'taken-route'))?.metadata.resourceVersion).toBe(foreign.metadata.resourceVersion);
    await client.delete({ type: CONFIG_MAPS, namespace, name: 'taken-route' });
    await expect.poll(async () => (await condition('taken', 'Stalled'))?.status, { timeout: 30_000 }).toBe('False');
    expect((await get(CONFIG_MAPS, 'taken-route'))?.metadata.ownerReferences?.[0]?.name).toBe('taken');
  });

  it("a pod template that the API server refuses makes no revision, is told in its words, and is forgotten by an edit", async () => {
    await start();
    await client.create(INFERENCE_SERVICES, isvc('refused', { podTemplate: { volumes: [{ name: 'Not_A_Name', emptyDir: {} }] } }));
    await expect.poll(async () => (await condition('refused', 'Stalled'))?.reason, { timeout: 30_000 }).toBe('InvalidPodTemplate');
    expect((await condition('refused', 'Stalled'))?.message).toMatch(/Not_A_Name/);
    const revisions: ResourceType = { group: 'apps', version: 'v1', kind: 'ControllerRevision', plural: 'controllerrevisions', namespaced: true };
    expect((await client.list(revisions, { namespace })).items).toEqual([]);
    await client.patch({ type: INFERENCE_SERVICES, namespace, name: 'refused' }, { spec: { podTemplate: null } }, { type: 'merge' });
    await deploymentOf('refused');
    await expect.poll(async () => (await condition('refused', 'Stalled'))?.status, { timeout: 30_000 }).toBe('False');
  });

  it('a ServiceMonitor appears when its CRD does', async () => {
    await start();
    await client.create(INFERENCE_SERVICES, isvc('watched', { monitoring: { serviceMonitor: { enabled: true } } }));
    await expect.poll(async () => (await condition('watched', 'MonitoringReady'))?.reason, { timeout: 30_000 }).toBe('MonitorCrdMissing');
    await client.create(CUSTOM_RESOURCE_DEFINITIONS, openDefinition(SERVICE_MONITORS));
    await found(SERVICE_MONITORS, 'watched');
    await expect.poll(async () => (await condition('watched', 'MonitoringReady'))?.status, { timeout: 30_000 }).toBe('True');
    await client.delete({ type: CUSTOM_RESOURCE_DEFINITIONS, name: 'servicemonitors.monitoring.coreos.com' });
    await expect.poll(async () => (await condition('watched', 'MonitoringReady'))?.reason, { timeout: 30_000 }).toBe('MonitorCrdMissing');
  });

  it('ServiceMonitors that cannot be listed are named, and nothing waits for them; they are followed once they can', async () => {
    const definition = openDefinition(SERVICE_MONITORS);
    const [v1] = (definition['spec'] as { versions: Record<string, unknown>[] }).versions;
    const versions = [{ ...v1, storage: false }, { ...v1, name: 'v2', storage: true }];
    await client.create(CUSTOM_RESOURCE_DEFINITIONS, { ...definition, spec: { ...(definition['spec'] as object), versions } });
    const stored: ResourceType = { ...SERVICE_MONITORS, version: 'v2' };
    const other = { apiVersion: 'monitoring.coreos.com/v2', kind: 'ServiceMonitor', metadata: { name: 'somebody-elses', namespace } };
    await expect.poll(() => client.create(stored, other).then(() => true, () => false), { timeout: 30_000 }).toBe(true);
    const conversion = (patch: Record<string, unknown>): Promise<unknown> => client.patch({ type: CUSTOM_RESOURCE_DEFINITIONS, name: definition.metadata.name }, { spec: { conversion: patch } }, { type: 'merge' });
    try {
      await conversion({ strategy: 'Webhook', webhook: { clientConfig: { url: 'https://127.0.0.1:9/convert' }, conversionReviewVersions: ['v1'] } });
      await expect.poll(() => client.list(SERVICE_MONITORS, { namespace }).then(() => '', (error: Error) => error.message), { timeout: 30_000 }).toContain('conversion webhook');
      await start();
      await client.create(INFERENCE_SERVICES, isvc('unlisted', { monitoring: { serviceMonitor: { enabled: true } } }));
      await expect.poll(async () => (await condition('unlisted', 'MonitoringReady'))?.reason, { timeout: 60_000 }).toBe('MonitorFailed');
      expect((await condition('unlisted', 'MonitoringReady'))?.message).toMatch(/the API server does not list servicemonitors: .*conversion webhook/);
      await deploymentOf('unlisted');
      await conversion({ strategy: 'None', webhook: null });
      await expect.poll(async () => (await condition('unlisted', 'MonitoringReady'))?.status, { timeout: 60_000 }).toBe('True');
    } finally {
      await conversion({ strategy: 'None', webhook: null });
      await client.delete({ type: CUSTOM_RESOURCE_DEFINITIONS, name: definition.metadata.name });
    }
  });

  it('the routers go with the last InferenceService of the namespace', async () => {
    await start();
    await client.create(INFERENCE_SERVICES, isvc('last'));
    await found(DEPLOYMENTS, 'slipway-router');
    await client.delete({ type: INFERENCE_SERVICES, namespace, name: 'last' });
    await expect.poll(() => get(DEPLOYMENTS, 'slipway-router'), { timeout: 30_000 }).toBeUndefined();
  });

  it('a second operator waits, and goes on where the first ended', async () => {
    const first = await start('first');
    await client.create(INFERENCE_SERVICES, isvc('handed'));
    await deploymentOf('handed');
    running = undefined;
    const second = await start('second');
    expect(writes(second.requests)).toEqual([]);
    await first.operator.stop();
    await first.client.close();
    await client.create(INFERENCE_SERVICES, isvc('handed-too'));
    await deploymentOf('handed-too');
  });

  it('says what happened in events, once', async () => {
    await start();
    await client.create(INFERENCE_SERVICES, isvc('told'));
    await deploymentOf('told');
    const events = async (): Promise<KubeObject[]> => (await client.list<KubeObject>(EVENTS, { namespace })).items.filter((e) => (e['regarding'] as { name?: string }).name === 'told');
    await expect.poll(async () => (await events()).length, { timeout: 30_000 }).toBeGreaterThan(0);
    const all = await events();
    expect(all[0]).toMatchObject({ reportingController: 'slipway-operator', reportingInstance: 'one', regarding: { kind: 'InferenceService' } });
    expect(new Set(all.map((e) => `${String(e['reason'])} ${String(e['note'])}`)).size).toBe(all.length);
  });
});

describe('events', () => {
  const regarding = (name: string): KubeObject => ({ ...isvc(name), metadata: { name, namespace, uid: `uid-of-${name}` } });
  const eventsOf = async (name: string): Promise<KubeObject[]> => (await client.list<KubeObject>(EVENTS, { namespace, fieldSelector: `regarding.name=${name}` })).items;
  const recorder = () => {
    const clock = manualClock(Date.now());
    const metrics = createMetrics();
    const log = createLog({ level: 'silent', component: 'operator', instance: 'one' });
    return { clock, metrics, events: createEventRecorder({ client, clock, log, metrics, controller: 'slipway-operator', instance: 'one' }) };
  };

  it('equal ones become a series whose count is written now and then', async () => {
    const { clock, events } = recorder();
    const note = { type: 'Warning', reason: 'SecretMissing', message: 'create it' } as const;
    for (let i = 0; i < 5; i++) events.record(regarding('series'), note);
    await events.flush();
    expect((await eventsOf('series')).map((e) => e['series'])).toEqual([expect.objectContaining({ count: 2 })]);
    await clock.advance(30_000);
    events.record(regarding('series'), note);
    await events.flush();
    const [only, ...others] = await eventsOf('series');
    expect(others).toEqual([]);
    expect(only).toMatchObject({ series: { count: 6 }, reason: 'SecretMissing', note: 'create it', type: 'Warning' });
    await clock.advance(6 * 60_000);
    events.record(regarding('series'), note);
    await events.flush();
    expect(await eventsOf('series')).toHaveLength(2);
  });

  it('a talkative object is cut short, and others are not', async () => {
    const { metrics, events } = recorder();
    for (let i = 0; i < 40; i++) events.record(regarding('loud'), { type: 'Normal', reason: 'Progress', message: `step ${i}` });
    events.record(regarding('calm'), { type: 'Normal', reason: 'Progress', message: 'x' });
    await events.flush();
    expect(await eventsOf('loud')).toHaveLength(25);
    expect(await eventsOf('calm')).toHaveLength(1);
    expect((await metrics.expose()).text).toContain('slipway_operator_events_dropped_total{cause="RateLimit"} 15');
  });

  it("the kubelet's warnings about a silent pod are found", async () => {
    const kubeletEvent = (name: string, reason: string, message: string, lastTimestamp: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', name: 'p', namespace, uid: 'uid-of-p' },
      type: 'Warning',
      reason,
      message,
      lastTimestamp,
      source: { component: 'kubelet' },
    });
    const core: ResourceType = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };
    await client.create(core, kubeletEvent('e2', 'FailedMount', 'newer', '2026-01-01T00:01:00Z'));
    await client.create(core, kubeletEvent('e1', 'FailedMount', 'older', '2026-01-01T00:00:00Z'));
    await client.create(core, kubeletEvent('e3', 'Unhealthy', 'probe failed', '2026-01-01T00:00:00Z'));
    const pod = { name: 'p', uid: 'uid-of-p', ready: false, deleting: false, phase: 'Pending', createdAt: 0, containers: [] };
    const withWarnings = createWithWarnings(client, systemClock);
    const [silent, young, ready] = await withWarnings([pod, { ...pod, createdAt: 99_000 }, { ...pod, ready: true }], namespace, 100_000);
    expect(silent?.warnings).toEqual({ FailedMount: 'newer', Unhealthy: 'probe failed' });
    expect([young?.warnings, ready?.warnings]).toEqual([undefined, undefined]);
  });
});

/** A CRD of that type without a schema. */
function openDefinition(type: ResourceType): KubeObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${type.plural}.${type.group}` },
    spec: {
      group: type.group,
      scope: 'Namespaced',
      names: { kind: type.kind, plural: type.plural, singular: type.kind.toLowerCase() },
      versions: [{ name: type.version, served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }],
    },
  };
}
