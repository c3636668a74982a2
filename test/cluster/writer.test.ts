// Making objects whose names nobody asked about beforehand, against a real API server: a free name costs one request, a foreign object of any kind
// stays untouched, one of ours that a cache does not show is applied over.
import { FIELD_MANAGER } from '@slipway/api';
import { CONFIG_MAPS, CONTROLLER_REVISIONS, DEPLOYMENTS, NETWORK_POLICIES, POD_DISRUPTION_BUDGETS, ROLE_BINDINGS, SERVICES, SERVICE_ACCOUNTS, systemClock } from '@slipway/kube';
import type { Client, KubeObject, RequestReport, ResourceType } from '@slipway/kube';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createOwnWrites } from '../../operator/src/runtime/own-writes.ts';
import { NameTakenError, createWriter } from '../../operator/src/runtime/writer.ts';
import type { Writer } from '../../operator/src/runtime/writer.ts';
import { startApiServer } from '../support/apiserver.ts';
import type { ApiServer } from '../support/apiserver.ts';
import { clientFor, namespaceFor } from '../support/kube-client.ts';

let server: ApiServer;
let client: Client;
let requests: RequestReport[];
let namespace: string;
let writer: Writer;

beforeAll(async () => {
  server = await startApiServer();
  ({ client, requests } = await clientFor(server));
  // Its cache shows nothing, ever: each write is one to a name that may be free.
  const ownWrites = createOwnWrites(() => true, systemClock);
  writer = createWriter({ client, cached: () => undefined, isLeader: () => true, ownWrites });
});
beforeEach(async () => {
  namespace = await namespaceFor(client, 'writer');
});
afterAll(async () => {
  await client?.close();
  await server?.stop();
});

const OURS = 'ours';
const scope = { key: 'key', owns: (object: KubeObject): boolean => object.metadata.labels?.['owner'] === OURS };

const podTemplate = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
const SPECS: [ResourceType, Record<string, unknown>][] = [
  [CONFIG_MAPS, { data: { ours: 'yes' } }],
  [SERVICES, { spec: { ports: [{ port: 80 }] } }],
  [SERVICE_ACCOUNTS, { automountServiceAccountToken: false }],
  [POD_DISRUPTION_BUDGETS, { spec: { maxUnavailable: 1 } }],
  [NETWORK_POLICIES, { spec: { podSelector: {} } }],
  [DEPLOYMENTS, { spec: { selector: { matchLabels: { a: 'b' } }, template: podTemplate } }],
  [ROLE_BINDINGS, { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }, subjects: [] }],
];

const named = (type: ResourceType, body: Record<string, unknown>, owner: string): KubeObject =>
  ({ apiVersion: type.group === '' ? type.version : `${type.group}/${type.version}`, kind: type.kind, metadata: { name: 'it', namespace, labels: { owner } }, ...body });

it.each(SPECS)('of kind $kind', async (type, body) => {
  const ref = { type, namespace, name: 'it' };
  const ours = named(type, body, OURS);

  requests.length = 0;
  expect(await writer.apply(scope, { object: ours })).toBe(true);
  expect(requests.map(({ verb, code }) => `${verb} ${code}`), 'a free name').toEqual(['apply 201']);

  await client.apply(type, { ...ours, metadata: { ...ours.metadata, annotations: { by: 'hand' } } }, { fieldManager: FIELD_MANAGER, force: true });
  expect(await writer.apply(scope, { object: ours }), 'one of ours, edited').toBe(true);
  expect((await client.get<KubeObject>(ref)).metadata.annotations?.['by']).toBeUndefined();

  await client.delete(ref);
  const foreign = await client.create(type, named(type, body, 'somebody'));
  await expect(writer.apply(scope, { object: ours })).rejects.toThrow(NameTakenError);
  // Without a single field in common an apply would meet no conflict: only the version tells.
  const { labels: _none, ...bare } = ours.metadata;
  await expect(writer.apply(scope, { object: { apiVersion: ours.apiVersion, kind: ours.kind, metadata: bare } })).rejects.toThrow(NameTakenError);
  expect((await client.get<KubeObject>(ref)).metadata).toMatchObject({ uid: foreign.metadata.uid, resourceVersion: foreign.metadata.resourceVersion });
});

it('a record that is made once', async () => {
  const record = named(CONTROLLER_REVISIONS, { revision: 1, data: {} }, OURS);
  requests.length = 0;
  await writer.createOnce(scope, record);
  expect(requests.map(({ verb, code }) => `${verb} ${code}`)).toEqual(['create 201']);
  await writer.createOnce(scope, record);
  await client.delete({ type: CONTROLLER_REVISIONS, namespace, name: 'it' });
  await client.create(CONTROLLER_REVISIONS, named(CONTROLLER_REVISIONS, { revision: 1, data: {} }, 'somebody'));
  await expect(writer.createOnce(scope, record)).rejects.toThrow(NameTakenError);
});
