// The rights of the chart are minimal: an API server with an audit log sees the operator and a router live a whole life with the chart's own
// service accounts; every verb of every rule was used, and nothing was refused.
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { CONFIG_MAPS, CONTROLLER_REVISIONS, CUSTOM_RESOURCE_DEFINITIONS, DEPLOYMENTS, NETWORK_POLICIES, PODS, POD_DISRUPTION_BUDGETS, ROLE_BINDINGS, SERVICES, SERVICE_ACCOUNTS, isNotFound, systemClock } from '@slipway/kube';
import type { Clock, KubeObject, ResourceType } from '@slipway/kube';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../operator/src/config.ts';
import { createOperator } from '../../operator/src/operator.ts';
import type { Operator } from '../../operator/src/operator.ts';
import { createLog } from '../../operator/src/runtime/log.ts';
import { POD_MONITORS, SERVICE_MONITORS } from '../../operator/src/runtime/managed-types.ts';
import { createMetrics } from '../../operator/src/runtime/metrics.ts';
import { ensurePrograms } from '../../tools/cluster/binaries.ts';
import { until } from '../../tools/cluster/wait.ts';
import { clientFor } from '../support/kube-client.ts';
import { ISVCS, root, startControlPlane } from './support/control-plane.ts';
import type { ControlPlane } from './support/control-plane.ts';

const run = promisify(execFile);
const NAMESPACE = 'shop';
const OPERATOR = 'system:serviceaccount:slipway-system:slipway-operator';
const ROUTER = `system:serviceaccount:${NAMESPACE}:slipway-router`;
const POLICY = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }] };

/**
 * Rights that the API server asks for beside the request itself, so that no request names them: the first is asked for by the admission
 * plugin that is on here, for owner references that block deletion; the second for role bindings (test/cluster/chart.test.ts). `create` is asked for in the same way when an apply makes an object: then the answer is 201.
 */
const UNSEEN = new Set(['serving.slipway.dev/inferenceservices/finalizers update', 'rbac.authorization.k8s.io/clusterroles bind']);

let plane: ControlPlane;
let folder: string;
let chart: KubeObject[];
const children: ChildProcess[] = [];
const operators: { operator: Operator; close: () => Promise<void> }[] = [];

const soon = (is: () => Promise<boolean> | boolean, what: string): Promise<true> => until(is, { timeoutMs: 150_000, everyMs: 250, otherwise: () => `not in time: ${what}; refused so far: ${JSON.stringify([...refused(OPERATOR), ...refused(ROUTER)].slice(0, 5))}` });

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-rbac-test-'));
  writeFileSync(path.join(folder, 'policy.json'), JSON.stringify(POLICY));
  plane = await startControlPlane([`--audit-policy-file=${folder}/policy.json`, `--audit-log-path=${folder}/audit.log`, '--enable-admission-plugins=OwnerReferencesPermissionEnforcement']);
  const { helm } = await ensurePrograms(['helm'], { report: (line) => console.error(line) });
  const values = ['--set', 'images.registry=example.com/slipway', '--set', 'crds.install=false', '--set', 'serviceMonitor.enabled=false'];
  const { stdout } = await run(helm, ['template', 'slipway', path.join(root, 'charts/slipway'), '--namespace', 'slipway-system', ...values]);
  chart = (loadAll(stdout) as KubeObject[]).filter(Boolean);
  for (const name of ['slipway-system', NAMESPACE]) await plane.server.kubectl('create', 'namespace', name);
  expect(await plane.kubectl(['apply', '--server-side', '-f', '-'], stdout)).toMatchObject({ code: 0 });
  for (const type of [SERVICE_MONITORS, POD_MONITORS]) await plane.client.create(CUSTOM_RESOURCE_DEFINITIONS, openDefinition(type));
});
afterAll(async () => {
  for (const { close } of operators.splice(0)) await close();
  for (const child of children) child.kill('SIGKILL');
  await plane?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A CRD of that type without a schema. */
const openDefinition = (type: ResourceType): KubeObject => ({
  apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: `${type.plural}.${type.group}` },
  spec: {
    group: type.group, scope: 'Namespaced', names: { kind: type.kind, plural: type.plural, singular: type.kind.toLowerCase() },
    versions: [{ name: type.version, served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }],
  },
});

/** A kubeconfig of a service account, by a token that the API server signed. */
async function kubeconfigOf(namespace: string, account: string): Promise<string> {
  const token = (await plane.server.kubectl('create', 'token', account, '-n', namespace)).trim();
  const file = path.join(folder, `${account}.kubeconfig`);
  writeFileSync(file, readFileSync(plane.server.kubeconfig, 'utf8').replace(plane.server.token, token), { mode: 0o600 });
  return file;
}

/** As the chart writes it, for the value networkPolicy.enabled. */
const networkPolicy = { operator: { podSelector: { matchLabels: { app: 'operator' } } }, prometheus: { namespaceSelector: {}, podSelector: { matchLabels: { app: 'prometheus' } } } };

async function startOperator(identity: string, clock: Clock): Promise<() => Promise<void>> {
  const { client } = await clientFor({ kubeconfig: await kubeconfigOf('slipway-system', 'slipway-operator') });
  const flags = { 'server-image': 'server:1', 'router-image': 'router:1', 'lease-namespace': 'slipway-system', identity, 'admin-port': '0', 'network-policy': JSON.stringify(networkPolicy) };
  const config = loadConfig(Object.entries(flags).map(([name, value]) => `--${name}=${value}`), {});
  const log = createLog({ level: 'silent', component: 'operator', instance: identity });
  const operator = createOperator({ config, client, leaseClient: client, clock, random: Math.random, log, metrics: createMetrics() });
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await operator.stop();
    await client.close();
  };
  operators.push({ operator, close });
  await operator.start();
  return close;
}

const isvc = (name: string, spec: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'serving.slipway.dev/v1alpha1', kind: 'InferenceService', metadata: { name, namespace: NAMESPACE },
  spec: { model: { storageUri: 'https://example.invalid/model.tar.gz' }, monitoring: { serviceMonitor: { enabled: true } }, ...spec },
});
const patch = (name: string, spec: Record<string, unknown>): Promise<KubeObject> => plane.client.patch({ type: ISVCS, namespace: NAMESPACE, name }, { spec }, { type: 'merge' });
const all = async (type: ResourceType): Promise<KubeObject[]> => (await plane.client.list<KubeObject>(type, { namespace: NAMESPACE })).items;
const exists = (type: ResourceType, name: string): Promise<boolean> =>
  plane.client.get({ type, namespace: NAMESPACE, name }).then(() => true, (error: unknown) => {
    if (isNotFound(error)) return false;
    throw error;
  });

interface AuditEvent {
  verb: string;
  user: { username: string };
  objectRef?: { resource: string; subresource?: string; apiGroup?: string; name?: string; namespace?: string };
  responseStatus?: { code: number; message?: string };
  annotations?: Record<string, string>;
  requestURI: string;
}

const audit = (user: string): AuditEvent[] =>
  (existsSync(path.join(folder, 'audit.log')) ? readFileSync(path.join(folder, 'audit.log'), 'utf8') : '').split('\n').filter(Boolean).map((line) => JSON.parse(line) as AuditEvent).filter((event) => event.user.username === user);

const rightOf = (group: string, resource: string, verb: string): string => `${group}/${resource} ${verb}`;

/** `group/resource verb` of what was asked; an apply that made its object was asked `create` too. */
function used(user: string): Set<string> {
  return new Set(audit(user).flatMap(({ verb, objectRef, responseStatus }) => {
    if (objectRef === undefined) return [];
    const resource = objectRef.subresource === undefined ? objectRef.resource : `${objectRef.resource}/${objectRef.subresource}`;
    const verbs = verb === 'patch' && responseStatus?.code === 201 ? ['patch', 'create'] : [verb];
    return verbs.map((each) => rightOf(objectRef.apiGroup ?? '', resource, each));
  }));
}

const refused = (user: string): string[] => audit(user).filter(({ annotations }) => annotations?.['authorization.k8s.io/decision'] === 'forbid').map(({ verb, requestURI }) => `${verb} ${requestURI}`);

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

function granted(...roles: string[]): string[] {
  const rules = chart.filter(({ kind, metadata }) => kind.endsWith('Role') && roles.includes(metadata.name)).flatMap(({ rules }) => rules as Rule[]);
  return rules.flatMap(({ apiGroups, resources, verbs }) => apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => rightOf(group, resource, verb)))));
}

describe('rights', () => {
  it('of the operator and the routers: each is used, none is spare, none is missing', async () => {
    const endFirst = await startOperator('one', systemClock);
    // Without pods a rollout needs nobody's readiness.
    await plane.client.create(ISVCS, isvc('busy', { replicas: 0, rollout: { revisionHistoryLimit: 1 } }));
    await plane.client.create(ISVCS, isvc('brief', { rollout: { strategy: 'BlueGreen' } }));
    const revisionsOf = async (name: string): Promise<KubeObject[]> => (await all(CONTROLLER_REVISIONS)).filter((each) => each.metadata.labels?.['serving.slipway.dev/inferenceservice'] === name);
    await soon(async () => (await revisionsOf('busy')).length === 1 && (await exists(DEPLOYMENTS, 'slipway-router')) && (await all(NETWORK_POLICIES)).length > 1, 'the first revision');

    // Accepted by a real API server as they are; whether they are enforced is up to the network plugin.
    expect((await all(NETWORK_POLICIES)).map(({ metadata }) => metadata.name).sort()).toEqual(['slipway-router', 'slipway-server']);

    const router = await startRouter();
    await soon(() => ['/configmaps watch', 'discovery.k8s.io/endpointslices watch'].every((right) => used(ROUTER).has(right)) || router.exitCode !== null, 'the router follows its routes');
    await endRouter(router);

    // Records beyond the limit go, and pods and Services of which the record is lost.
    const [record] = await revisionsOf('busy');
    const deployment = (await all(DEPLOYMENTS)).find(({ metadata }) => metadata.name === record?.metadata.name);
    const service = (await all(SERVICES)).find(({ metadata }) => metadata.name === record?.metadata.name);
    for (const name of ['busy-old1', 'busy-old2', 'busy-old3']) await makeCopy(CONTROLLER_REVISIONS, record, name);
    await makeCopy(DEPLOYMENTS, deployment, 'busy-stray');
    await makeCopy(SERVICES, service, 'busy-stray');
    for (const right of ['apps/controllerrevisions delete', 'apps/deployments delete', '/services delete']) await soon(() => used(OPERATOR).has(right), right);
    await loseLabels();
    await patch('busy', { monitoring: { serviceMonitor: { enabled: false } } });
    await soon(async () => !(await exists(SERVICE_MONITORS, 'busy')), 'the ServiceMonitor is gone');
    // The same refusal again is one event with a count.
    for (let i = 0; i < 2; i++) {
      await patch('busy', { podTemplate: { volumes: [{ name: 'Not_A_Name', emptyDir: {} }] } });
      await soon(() => isStalled('busy', true), 'a pod template is refused');
      await patch('busy', { podTemplate: null });
      await soon(() => isStalled('busy', false), 'the pod template is fine again');
    }
    await soon(() => used(OPERATOR).has('events.k8s.io/events patch'), 'an event is counted');
    // A pod that finds no node, and one whose kubelet says nothing.
    const revision = (await all(DEPLOYMENTS)).find(({ metadata }) => metadata.labels?.['serving.slipway.dev/inferenceservice'] === 'brief');
    await makePod(revision, 'homeless', [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available: 1 Insufficient memory.' }]);
    await makePod(revision, 'silent', []);
    await soon(() => used(OPERATOR).has('/nodes list') && used(OPERATOR).has('events.k8s.io/events list'), 'questions about the two pods');

    // Another replica takes over; everything is deleted, the routers go, and later the allocation of their ports.
    await startOperator('two', systemClock);
    await endFirst();
    for (const name of ['busy', 'brief']) await plane.client.delete({ type: ISVCS, namespace: NAMESPACE, name });
    await soon(async () => !(await exists(DEPLOYMENTS, 'slipway-router')) && (await all(NETWORK_POLICIES)).length === 0, 'the routers are gone');
    await operators.at(-1)?.close();
    await startOperator('three', { ...systemClock, now: () => systemClock.now() + 11 * 60_000 });
    await soon(async () => !(await exists(CONFIG_MAPS, 'slipway-router-ports')), 'the allocation of ports is gone');

    expect(refused(OPERATOR)).toEqual([]);
    expect(refused(ROUTER)).toEqual([]);
    const seen = used(OPERATOR);
    expect(granted('slipway-operator', 'slipway-operator-cluster', 'slipway-operator-leader').filter((right) => !seen.has(right) && !UNSEEN.has(right)), 'spare rights of the operator').toEqual([]);
    expect(granted('slipway-router').filter((right) => !used(ROUTER).has(right)), 'spare rights of the routers').toEqual([]);
  }, 900_000);
});

async function startRouter(): Promise<ChildProcess> {
  const env = { PATH: process.env['PATH'], KUBECONFIG: await kubeconfigOf(NAMESPACE, 'slipway-router'), HOST: '127.0.0.1', ADMIN_PORT: '0', STATE_DIR: path.join(folder, 'state'), DRAIN_DELAY_SECONDS: '0', POD_NAMESPACE: NAMESPACE, POD_NAME: 'router-a' };
  const child = spawn(process.execPath, [path.join(root, 'router/src/main.ts')], { env, stdio: 'ignore' });
  children.push(child);
  return child;
}

async function endRouter(router: ChildProcess): Promise<void> {
  if (router.exitCode !== null || router.signalCode !== null) return;
  const ended = new Promise((resolve) => router.once('exit', resolve));
  router.kill('SIGTERM');
  await ended;
}

/** An object without its label is not in the operator's caches, so it is made again; only then somebody looks who has the name. */
async function loseLabels(): Promise<void> {
  const label = async ({ type, name }: { type: ResourceType; name: string }, value: string | null): Promise<unknown> =>
    plane.client.patch({ type, namespace: NAMESPACE, name }, { metadata: { labels: { 'app.kubernetes.io/managed-by': value } } }, { type: 'merge' });
  for (const type of [CONFIG_MAPS, SERVICES, SERVICE_ACCOUNTS, DEPLOYMENTS, POD_DISRUPTION_BUDGETS, NETWORK_POLICIES, ROLE_BINDINGS, SERVICE_MONITORS, POD_MONITORS]) {
    const { items } = await plane.client.list<KubeObject>(type, { namespace: NAMESPACE, labelSelector: 'app.kubernetes.io/managed-by=slipway' });
    const name = items[0]?.metadata.name ?? '';
    await label({ type, name }, null);
    await soon(() => used(OPERATOR).has(rightOf(type.group, type.plural, 'get')), `a look at ${type.plural}/${name}`);
    await label({ type, name }, 'slipway');
  }
}

async function isStalled(name: string, wanted: boolean): Promise<boolean> {
  const { status } = await plane.client.get<KubeObject>({ type: ISVCS, namespace: NAMESPACE, name });
  const { conditions = [] } = (status ?? {}) as { conditions?: { type: string; reason: string }[] };
  return conditions.some(({ type, reason }) => type === 'Stalled' && reason === 'InvalidPodTemplate') === wanted;
}

/** An object as the operator made it, under another name. */
async function makeCopy(type: ResourceType, object: KubeObject | undefined, name: string): Promise<void> {
  expect(object, `a ${type.kind} to copy`).toBeDefined();
  const { status: _status, metadata, ...rest } = object as KubeObject;
  const { labels, ownerReferences = [] } = metadata;
  const spec = type === SERVICES ? { spec: { selector: {}, clusterIP: 'None', ports: [{ port: 1 }] } } : {};
  await plane.client.create(type, { ...rest, ...spec, metadata: { name, namespace: NAMESPACE, labels: { ...labels, 'serving.slipway.dev/revision': name }, ownerReferences } });
}

/** Plays the scheduler: a pod of that revision with those conditions. */
async function makePod(deployment: KubeObject | undefined, name: string, conditions: unknown[]): Promise<void> {
  const labels = deployment?.metadata.labels ?? {};
  const pod = await plane.client.create<KubeObject>(PODS, { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: NAMESPACE, labels }, spec: { containers: [{ name: 'server', image: 'i', resources: { requests: { memory: '1Gi' } } }] } });
  await plane.client.replace(PODS, { ...pod, status: { phase: 'Pending', conditions } }, { subresource: 'status' });
}
