// The API client against a real API server: what it promises about apply, preconditions, paging, watching and discovery is what
// Kubernetes really does.
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  NAMESPACES,
  createInformer,
  isAlreadyExists,
  isApplyConflict,
  isConflict,
  isForbidden,
  isInvalid,
  isNotFound,
  isServed,
  isTerminating,
  systemClock,
  watchDefinition,
} from '@slipway/kube';
import type { Client, KubeObject, ResourceType } from '@slipway/kube';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApiServer } from '../support/apiserver.ts';
import type { ApiServer } from '../support/apiserver.ts';
import { clientFor, namespaceFor } from '../support/kube-client.ts';

/** Generous: the machine may be busy. */
const SOON = { timeout: 15_000 };

let server: ApiServer;
let client: Client;
let namespace: string;

beforeAll(async () => {
  server = await startApiServer();
  ({ client } = await clientFor(server));
  namespace = await namespaceFor(client, 'kube');
});
afterAll(async () => {
  await client?.close();
  await server?.stop();
});

const map = (name: string, data: Record<string, string>, metadata: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, ...metadata },
  data,
});
const ref = (name: string) => ({ type: CONFIG_MAPS, namespace, name });
const failure = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => expect.fail('it was accepted'),
    (error: unknown) => error,
  );
const mine = { fieldManager: 'mine', force: false };
const forced = { fieldManager: 'mine', force: true };
const version = (object: KubeObject): string => object.metadata.resourceVersion ?? '';

describe('server-side apply', () => {
  it('creates, changes, removes what is left out, and writes nothing the second time', async () => {
    const made = await client.apply(CONFIG_MAPS, map('applied', { a: '1', b: '2' }), mine);
    const same = await client.apply(CONFIG_MAPS, map('applied', { a: '1', b: '2' }), mine);
    expect(version(same)).toBe(version(made));
    const less = await client.apply(CONFIG_MAPS, map('applied', { a: '1' }), mine);
    expect(less['data']).toEqual({ a: '1' });
  });

  it('without force a claim of another manager is an apply conflict; with force it is taken over', async () => {
    await client.apply(CONFIG_MAPS, map('claimed', { a: '1' }), { fieldManager: 'other', force: false });
    const error = await failure(client.apply(CONFIG_MAPS, map('claimed', { a: '2' }), mine));
    expect(isApplyConflict(error)).toBe(true);
    const taken = await client.apply(CONFIG_MAPS, map('claimed', { a: '2' }), forced);
    expect(taken['data']).toEqual({ a: '2' });
  });

  it('a resourceVersion in the intent is a precondition', async () => {
    const made = await client.apply(CONFIG_MAPS, map('versioned', { a: '1' }), mine);
    await client.apply(CONFIG_MAPS, map('versioned', { a: '2' }), mine);
    const error = await failure(client.apply(CONFIG_MAPS, map('versioned', { a: '3' }, { resourceVersion: version(made) }), forced));
    expect(isConflict(error)).toBe(true);
    expect(isApplyConflict(error)).toBe(false);
    expect((await client.get<KubeObject>(ref('versioned')))['data']).toEqual({ a: '2' });
  });

  it('a uid in the intent meets only that incarnation, and creates nothing when it is gone', async () => {
    const made = await client.apply(CONFIG_MAPS, map('incarnation', { a: '1' }), mine);
    const uid = made.metadata.uid;
    await client.delete(ref('incarnation'));
    expect(isConflict(await failure(client.apply(CONFIG_MAPS, map('incarnation', { a: '2' }, { uid }), forced)))).toBe(true);
    expect(isNotFound(await failure(client.get(ref('incarnation'))))).toBe(true);
    await client.apply(CONFIG_MAPS, map('incarnation', { a: 'new' }), mine);
    const replaced = await failure(client.apply(CONFIG_MAPS, map('incarnation', { a: '2' }, { uid }), forced));
    expect(isConflict(replaced)).toBe(true);
    expect(isInvalid(replaced)).toBe(false);
  });

  it('a dry run is judged like the real thing and changes nothing', async () => {
    const deployment = (spec: unknown): KubeObject => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'dry', namespace }, spec });
    const labels = { app: 'x' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    await client.apply(DEPLOYMENTS, deployment({ selector: { matchLabels: labels }, template }), { ...mine, dryRun: true });
    expect(isNotFound(await failure(client.get({ type: DEPLOYMENTS, namespace, name: 'dry' })))).toBe(true);
    const wrong = [
      { selector: { matchLabels: labels }, template: { ...template, spec: { containers: [{ name: 'c', image: 'i', nonsense: 1 }] } } },
      { selector: { matchLabels: labels }, template: { ...template, spec: { containers: [{ name: 'C_', image: 'i' }] } } },
      { replicas: 'many', selector: { matchLabels: labels }, template },
    ];
    for (const spec of wrong) {
      const error = await failure(client.apply(DEPLOYMENTS, deployment(spec), { ...mine, dryRun: true }));
      expect(isInvalid(error), String(error)).toBe(true);
      expect(String(error)).toMatch(/nonsense|C_|replicas/);
    }
  });

  it('the status subresource is apart from the rest', async () => {
    const labels = { app: 'status' };
    const spec = { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } } };
    const made = await client.apply<KubeObject>(DEPLOYMENTS, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'status', namespace }, spec }, mine);
    const intent = (resourceVersion: string): KubeObject => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'status', namespace, resourceVersion }, status: { replicas: 7 } });
    const told = await client.applyStatus(DEPLOYMENTS, intent(version(made)), forced);
    expect(told['status']).toMatchObject({ replicas: 7 });
    expect(told['spec']).toMatchObject({ replicas: 1 });
    expect(told.metadata.generation).toBe(made.metadata.generation);
    expect(isConflict(await failure(client.applyStatus(DEPLOYMENTS, { ...intent(version(made)), status: { replicas: 8 } }, forced)))).toBe(true);
  });
});

describe('other verbs', () => {
  it('create meets what is there, replace and patch what changed', async () => {
    const made = await client.create(CONFIG_MAPS, map('plain', { a: '1' }));
    expect(isAlreadyExists(await failure(client.create(CONFIG_MAPS, map('plain', {}))))).toBe(true);
    const patched = await client.patch<KubeObject>(ref('plain'), { data: { b: '2' } }, { type: 'merge' });
    expect(patched['data']).toEqual({ a: '1', b: '2' });
    expect(isConflict(await failure(client.replace(CONFIG_MAPS, { ...made, data: {} })))).toBe(true);
    await client.replace(CONFIG_MAPS, { ...patched, data: { c: '3' } });
  });

  it('delete honours uid and resourceVersion', async () => {
    const made = await client.create(CONFIG_MAPS, map('doomed', {}));
    expect(isConflict(await failure(client.delete(ref('doomed'), { uid: 'another' })))).toBe(true);
    expect(isConflict(await failure(client.delete(ref('doomed'), { resourceVersion: '1' })))).toBe(true);
    await client.delete(ref('doomed'), { uid: made.metadata.uid, resourceVersion: version(made) });
    expect(isNotFound(await failure(client.delete(ref('doomed'))))).toBe(true);
  });

  it('metadata alone comes without data', async () => {
    await client.create(CONFIG_MAPS, map('slim', { a: 'x'.repeat(10_000) }));
    const slim = await client.get<KubeObject>(ref('slim'), { metadataOnly: true });
    expect(slim.metadata.name).toBe('slim');
    expect(slim['data']).toBeUndefined();
    const none = await client.list(CONFIG_MAPS, { namespace, metadataOnly: true, labelSelector: 'no=such' });
    expect(none.items).toEqual([]);
  });

  it('a terminating namespace is told from other refusals', async () => {
    const gone = await namespaceFor(client, 'terminating');
    await client.delete({ type: NAMESPACES, name: gone });
    const error = await failure(client.create(CONFIG_MAPS, { ...map('late', {}), metadata: { name: 'late', namespace: gone } }));
    expect([isForbidden(error), isTerminating(error)]).toEqual([true, true]);
  });
});

describe('following a collection', () => {
  const follow = (options: { pageLimit?: number; labelSelector?: string; metadataOnly?: boolean }) => {
    const informer = createInformer<KubeObject>({ client, type: CONFIG_MAPS, namespace, clock: systemClock, random: Math.random, ...options });
    const told: string[] = [];
    informer.onChange(({ type, object }) => told.push(`${type} ${object.metadata.name}`));
    informer.start();
    return { informer, told, [Symbol.asyncDispose]: () => informer.stop() };
  };

  it('pages through a long list and sees what happens afterwards, by label', async () => {
    const labels = { of: 'paging' };
    await Promise.all(Array.from({ length: 120 }, (_, i) => client.create(CONFIG_MAPS, map(`page-${i}`, {}, { labels }))));
    await using followed = follow({ pageLimit: 50, labelSelector: 'of=paging' });
    const { informer, told } = followed;
    await informer.cache.whenSynced();
    expect(informer.cache.size).toBe(120);
    told.length = 0;
    const changed = await client.patch<KubeObject>(ref('page-7'), { data: { a: '1' } }, { type: 'merge' });
    await expect.poll(() => informer.cache.hasSeen(version(changed)), SOON).toBe(true);
    expect(informer.cache.get(namespace, 'page-7')).toMatchObject({ kind: 'ConfigMap', data: { a: '1' } });
    expect(informer.cache.get(namespace, 'page-7')?.metadata.managedFields).toBeUndefined();
    await client.delete(ref('page-8'));
    await client.patch(ref('page-9'), { metadata: { labels: { of: 'other' } } }, { type: 'merge' });
    await expect.poll(() => told, SOON).toEqual(['Updated page-7', 'Deleted page-8', 'Deleted page-9']);
  });

  it('metadata-only objects carry their own kind and no data', async () => {
    await using followed = follow({ metadataOnly: true, labelSelector: 'of=meta' });
    await followed.informer.cache.whenSynced();
    await client.create(CONFIG_MAPS, map('meta', { a: '1' }, { labels: { of: 'meta' } }));
    await expect.poll(() => followed.told, SOON).toEqual(['Added meta']);
    const object = followed.informer.cache.get(namespace, 'meta');
    expect(object?.kind).toBe('ConfigMap');
    expect(object?.['data']).toBeUndefined();
  });
});

describe('discovery', () => {
  const WIDGETS: ResourceType = { group: 'example.com', version: 'v1', kind: 'Widget', plural: 'widgets', namespaced: true };
  const definition: KubeObject = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { kind: 'Widget', plural: 'widgets', singular: 'widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }],
    },
  };
  const DEFINITIONS: ResourceType = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', plural: 'customresourcedefinitions', namespaced: false };

  it('sees a type come and go', async () => {
    expect(await isServed(client, CONFIG_MAPS)).toBe(true);
    expect(await isServed(client, WIDGETS)).toBe(false);
    const watch = watchDefinition(WIDGETS, { client, clock: systemClock, random: Math.random });
    const told: string[] = [];
    watch.onChange(({ type }) => told.push(type));
    watch.start();
    try {
      await watch.cache.whenSynced();
      await client.create(DEFINITIONS, definition);
      await expect.poll(() => isServed(client, WIDGETS), SOON).toBe(true);
      expect(told[0]).toBe('Added');
      await client.delete({ type: DEFINITIONS, name: 'widgets.example.com' });
      await expect.poll(() => told.at(-1), SOON).toBe('Deleted');
      await expect.poll(() => isServed(client, WIDGETS), SOON).toBe(false);
    } finally {
      await watch.stop();
    }
  });
});
