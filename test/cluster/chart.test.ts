// The chart without a node: lint, each fixtures/chart/NAME.values.yaml renders to NAME.out.yaml, a real API server takes every object,
// wrong values are refused with words, and the rights are exactly those that the operator and the routers use.
// Refresh the renders with: vitest run --project cluster test/cluster/chart.test.ts -u
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { dump, load, loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensurePrograms } from '../../tools/cluster/binaries.ts';
import type { KubeObject, ResourceType } from '@slipway/kube';
import { FLAGS } from '../../operator/src/config.ts';
import { root, startControlPlane } from './support/control-plane.ts';
import type { ControlPlane } from './support/control-plane.ts';

const REVIEWS: ResourceType = { group: 'authorization.k8s.io', version: 'v1', kind: 'SubjectAccessReview', plural: 'subjectaccessreviews', namespaced: false };
const run = promisify(execFile);
const chart = path.join(root, 'charts/slipway');
const folder = path.join(import.meta.dirname, 'fixtures/chart');
const cases = readdirSync(folder).filter((file) => file.endsWith('.values.yaml'));

let helm: string;
beforeAll(async () => {
  ({ helm } = await ensurePrograms(['helm'], { report: (line) => console.error(line) }));
});

const template = async (...args: string[]): Promise<string> => (await run(helm, ['template', 'slipway', chart, '--namespace', 'slipway-system', ...args])).stdout;

interface Rendered {
  kind: string;
  metadata: { name: string; namespace?: string };
}

describe('helm', () => {
  it('lints', async () => {
    const { stdout } = await run(helm, ['lint', '--strict', chart, '--values', path.join(folder, 'default.values.yaml')]);
    expect(stdout).toContain('0 chart(s) failed');
  });

  it.each(cases)('renders %s', async (file) => {
    const text = await template('--values', path.join(folder, file));
    // The CRD is generated, long and checked elsewhere; that it is there, and kept, is what counts here.
    const objects = (loadAll(text) as Rendered[]).filter(Boolean).map((object) => (object.kind === 'CustomResourceDefinition' ? { ...object, spec: '(as in crds/)' } : object));
    const shown = objects.map((object) => dump(object, { lineWidth: 160, noRefs: true })).join('---\n');
    await expect(shown).toMatchFileSnapshot(path.join(folder, file.replace('.values.yaml', '.out.yaml')));
  });

  it('has the CRD of crds/ in it, word for word', async () => {
    const objects = loadAll(await template('--values', path.join(folder, 'default.values.yaml'))) as { kind?: string; spec?: unknown }[];
    const plain = load(readFileSync(path.join(root, 'crds/inferenceservices.serving.slipway.dev.yaml'), 'utf8')) as { spec: unknown };
    expect(objects.find((object) => object.kind === 'CustomResourceDefinition')?.spec).toEqual(plain.spec);
  });

  it('makes the ServiceMonitor of the operator where the cluster has its CRD', async () => {
    const values = ['--values', path.join(folder, 'default.values.yaml')];
    expect(await template(...values)).not.toContain('kind: ServiceMonitor');
    expect(await template(...values, '--api-versions', 'monitoring.coreos.com/v1/ServiceMonitor')).toContain('kind: ServiceMonitor');
  });

  it.each([
    [['--set', 'logLevel=info'], 'set images.registry'],
    [['--set', 'images.registry=a', '--set', 'router.replicas=0'], 'router/replicas'],
    [['--set', 'images.registry=a', '--set', 'rooter.replicas=2'], "'rooter' not allowed"],
    [['--set', 'images.registry=a', '--set', 'operator.replica=2'], "'replica' not allowed"],
    [['--set', 'images.registry=a', '--set', 'logLevel=loud'], 'logLevel'],
  ])('refuses %j with %s', async (args, words) => {
    await expect(template(...args)).rejects.toThrow(words);
  });

  it('sets no variable that the operator does not read', async () => {
    const objects = loadAll(await template('--values', path.join(folder, 'everything.values.yaml'))) as { kind?: string; spec?: { template: { spec: { containers: { env: { name: string }[] }[] } } } }[];
    const deployment = objects.find((object) => object.kind === 'Deployment');
    const known = Object.values(FLAGS).map((flag) => flag.env);
    for (const { name } of deployment?.spec?.template.spec.containers[0]?.env ?? []) expect(known).toContain(name);
  });
});

describe('on a real API server', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
    const namespaces = ['slipway-system', 'reviews', 'shop', 'other'].map((name) => ({
      apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'pod-security.kubernetes.io/warn': 'restricted', 'pod-security.kubernetes.io/enforce': 'restricted' } },
    }));
    expect((await plane.kubectl(['apply', '-f', '-'], namespaces.map((object) => dump(object)).join('---\n'))).code).toBe(0);
    const installed = await template('--values', path.join(folder, 'default.values.yaml'));
    expect(await plane.kubectl(['apply', '--server-side', '--force-conflicts', '--validate=strict', '-f', '-'], installed)).toMatchObject({ code: 0, stderr: '' });
  });
  afterAll(async () => {
    await plane.stop();
  });

  it.each(cases)('every object of %s is taken, without a warning of Pod Security', async (file) => {
    const text = await template('--values', path.join(folder, file), '--set', 'serviceMonitor.enabled=false');
    expect(await plane.kubectl(['apply', '--server-side', '--force-conflicts', '--validate=strict', '--dry-run=server', '-f', '-'], text)).toMatchObject({ code: 0, stderr: '' });
  });

  /** Whether the API server lets the service account `namespace:name` do that; resource is `plural[.group][/subresource]`, `[:name]` names one object. */
  async function may(account: string, verb: string, resource: string, namespace: string): Promise<boolean> {
    const [, plural, group = '', subresource = '', name = ''] = /^([a-z]+)(?:\.([a-z0-9.]+))?(?:\/([a-z]+))?(?::(.+))?$/.exec(resource) ?? [];
    const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', metadata: { name: '' }, spec: { user: `system:serviceaccount:${account}`, resourceAttributes: { verb, group, resource: plural, subresource, name, namespace } } };
    const answer: KubeObject = await plane.client.create<KubeObject>(REVIEWS, review);
    return (answer['status'] as { allowed: boolean }).allowed;
  }

  const operator = 'slipway-system:slipway-operator';
  it.each([
    ['list', 'inferenceservices.serving.slipway.dev'], ['patch', 'inferenceservices.serving.slipway.dev/status'], ['create', 'deployments.apps'], ['patch', 'deployments.apps'],
    ['create', 'controllerrevisions.apps'], ['delete', 'controllerrevisions.apps'], ['watch', 'pods'], ['watch', 'endpointslices.discovery.k8s.io'], ['create', 'events.events.k8s.io'], ['list', 'events.events.k8s.io'],
    ['bind', 'clusterroles.rbac.authorization.k8s.io:slipway-router'], ['get', 'namespaces'],
  ])('the operator may %s %s', async (verb, resource) => {
    expect(await may(operator, verb, resource, 'shop')).toBe(true);
  });

  it.each([
    ['get', 'secrets'], ['list', 'secrets'], ['get', 'pods/log'], ['create', 'pods/exec'], ['delete', 'pods'], ['create', 'pods'], ['patch', 'inferenceservices.serving.slipway.dev'], ['delete', 'inferenceservices.serving.slipway.dev'],
    ['patch', 'controllerrevisions.apps'], ['bind', 'clusterroles.rbac.authorization.k8s.io:cluster-admin'], ['create', 'clusterroles.rbac.authorization.k8s.io'], ['escalate', 'clusterroles.rbac.authorization.k8s.io'],
    ['delete', 'customresourcedefinitions.apiextensions.k8s.io'], ['get', 'leases.coordination.k8s.io'],
  ])('the operator may not %s %s', async (verb, resource) => {
    expect(await may(operator, verb, resource, 'shop')).toBe(false);
  });

  it('the operator elects its leader in its own namespace only', async () => {
    expect(await may(operator, 'create', 'leases.coordination.k8s.io', 'slipway-system')).toBe(true);
    expect(await may(operator, 'update', 'leases.coordination.k8s.io:slipway-operator', 'slipway-system')).toBe(true);
    expect(await may(operator, 'update', 'leases.coordination.k8s.io:another', 'slipway-system')).toBe(false);
  });

  it('the operator can bind routers to the chart role and to no other, on the API server itself', async () => {
    const binding = (clusterRole: string): string =>
      dump({
        apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'slipway-router', namespace: 'shop' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: clusterRole }, subjects: [{ kind: 'ServiceAccount', name: 'slipway-router', namespace: 'shop' }],
      });
    const as = ['apply', '--server-side', '--dry-run=server', '--as=system:serviceaccount:slipway-system:slipway-operator', '-f', '-'];
    expect((await plane.kubectl(as, binding('slipway-router'))).code).toBe(0);
    expect((await plane.kubectl(as, binding('cluster-admin'))).stderr).toContain('forbidden');
  });

  it('with watchNamespaces the operator sees those namespaces and no other', async () => {
    const text = await template('--values', path.join(folder, 'everything.values.yaml'), '--set', 'fullnameOverride=narrow,crds.install=false,serviceMonitor.enabled=false');
    expect(await plane.kubectl(['apply', '--server-side', '-f', '-'], text)).toMatchObject({ code: 0, stderr: '' });
    const narrow = 'slipway-system:narrow-operator';
    expect(await may(narrow, 'list', 'pods', 'shop')).toBe(true);
    expect(await may(narrow, 'get', 'namespaces:shop', 'shop')).toBe(true);
    expect(await may(narrow, 'list', 'pods', 'other')).toBe(false);
  });

  it('routers may read routes and endpoints of their namespace, and nothing else', async () => {
    expect((await plane.kubectl(['create', 'rolebinding', 'slipway-router', '-n', 'shop', '--clusterrole=slipway-router', '--serviceaccount=shop:slipway-router'])).code).toBe(0);
    const router = 'shop:slipway-router';
    for (const resource of ['configmaps', 'endpointslices.discovery.k8s.io']) for (const verb of ['list', 'watch']) expect(await may(router, verb, resource, 'shop')).toBe(true);
    for (const [verb, resource, namespace] of [['get', 'configmaps', 'shop'], ['list', 'configmaps', 'other'], ['get', 'secrets', 'shop'], ['patch', 'configmaps', 'shop'], ['list', 'pods', 'shop']] as const) expect(await may(router, verb, resource, namespace)).toBe(false);
  });

  it.each([['view', 'get', true], ['view', 'patch', false], ['edit', 'patch', true], ['admin', 'delete', true]] as const)('whoever has %s may %s InferenceServices: %s', async (role, verb, allowed) => {
    // Without the controller that aggregates roles, the rules of the role itself are what can be asked for.
    const account = `${role}er`;
    await plane.kubectl(['create', 'rolebinding', `${account}-${verb}`, '-n', 'shop', `--clusterrole=slipway-${role}`, `--serviceaccount=shop:${account}`]);
    expect(await may(`shop:${account}`, verb, 'inferenceservices.serving.slipway.dev', 'shop')).toBe(allowed);
  });
});
