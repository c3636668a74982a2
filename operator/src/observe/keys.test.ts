// Which keys look again when something changes: as few as possible, and never too few.
import { LABELS, PORTS_KEY, ROUTER_PORTS_CONFIGMAP, childLabels, revisionLabels, routerLabels } from '@slipway/api';
import type { Change, KubeObject } from '@slipway/kube';
import { describe, expect, it } from 'vitest';
import type { Caches } from './caches.ts';
import { keysFor } from './keys.ts';

const object = (kind: string, name: string, fields: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace: 'n', ...metadata },
  ...fields,
});
const isvc = (name: string, fields: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}) => object('InferenceService', name, fields, { uid: `uid-${name}`, generation: 1, ...metadata });
const caches = { inferenceServices: { byIndex: () => [isvc('a'), isvc('b')] } } as unknown as Caches;
const keys = (change: Change): string[] => keysFor(change, caches).sort();
const updated = (before: KubeObject, after: KubeObject): Change => ({ type: 'Updated', before, object: after });

describe('keys of a change', () => {
  it('an InferenceService concerns itself; its namespace only if that may matter there', () => {
    expect(keys({ type: 'Added', object: isvc('a') })).toEqual(['n', 'n/a']);
    expect(keys(updated(isvc('a'), isvc('a', { status: { phase: 'Healthy' } })))).toEqual(['n/a']);
    expect(keys(updated(isvc('a'), isvc('a', { spec: { replicas: 2 } }, { generation: 2 })))).toEqual(['n/a']);
    expect(keys(updated(isvc('a'), isvc('a', { spec: { traffic: { timeout: '90s' } } }, { generation: 2 })))).toEqual(['n', 'n/a']);
    expect(keys(updated(isvc('a'), isvc('a', { status: { ports: { public: 1, preview: 2 } } })))).toEqual(['n', 'n/a']);
    expect(keys(updated(isvc('a'), isvc('a', {}, { deletionTimestamp: 'now' })))).toEqual(['n', 'n/a']);
    expect(keys({ type: 'Deleted', object: isvc('a'), before: isvc('a') })).toEqual(['n', 'n/a']);
  });

  it('a child concerns its owner, by reference or label, even when somebody took the label away', () => {
    const ownerReferences = [{ apiVersion: 'x', kind: 'InferenceService', name: 'a', uid: 'u' }];
    expect(keys({ type: 'Added', object: object('Deployment', 'a-1', {}, { ownerReferences }) })).toEqual(['n/a']);
    expect(keys({ type: 'Added', object: object('Pod', 'a-1-x', {}, { labels: revisionLabels('a', 'a-1') }) })).toEqual(['n/a']);
    const bare = object('Service', 'a');
    expect(keys({ type: 'Deleted', object: bare, before: object('Service', 'a', {}, { labels: childLabels('a') }) })).toEqual(['n/a']);
    expect(keys({ type: 'Added', object: bare })).toEqual([]);
  });

  const router = (ready: boolean, podIP = '1.1.1.1', metadata: Record<string, unknown> = {}) =>
    object('Pod', 'r', { status: { podIP, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] } }, { labels: routerLabels(), ...metadata });

  it('a router concerns every route of its namespace when it becomes ready or not, moves or goes', () => {
    expect(keys(updated(router(true), router(true)))).toEqual(['n']);
    expect(keys(updated(router(false), router(true)))).toEqual(['n', 'n/a', 'n/b']);
    expect(keys(updated(router(true), router(true, '2.2.2.2')))).toEqual(['n', 'n/a', 'n/b']);
    expect(keys(updated(router(true), router(true, '1.1.1.1', { deletionTimestamp: 'now' })))).toEqual(['n', 'n/a', 'n/b']);
    expect(keys({ type: 'Deleted', object: router(true), before: router(true) })).toEqual(['n', 'n/a', 'n/b']);
    expect(keys(updated(object('Deployment', 'slipway-router', {}, { labels: routerLabels() }), object('Deployment', 'slipway-router', {}, { labels: routerLabels() })))).toEqual(['n']);
  });

  it('new ports concern only those who got them', () => {
    const ports = (allocated: Record<string, unknown>, text?: string) =>
      object('ConfigMap', ROUTER_PORTS_CONFIGMAP, { data: { [PORTS_KEY]: text ?? JSON.stringify({ allocated, released: [] }) } }, { labels: { ...routerLabels(), [LABELS.name]: 'slipway-router' } });
    const a = { 'uid-a': { public: 1, preview: 2 } };
    expect(keys({ type: 'Added', object: ports(a) })).toEqual(['n', 'n/a']);
    expect(keys(updated(ports(a), ports({ ...a, 'uid-b': { public: 3, preview: 4 } })))).toEqual(['n', 'n/b']);
    expect(keys(updated(ports(a), ports({}, '{broken')))).toEqual(['n', 'n/a']);
    expect(keys({ type: 'Deleted', object: ports(a), before: ports(a) })).toEqual(['n', 'n/a']);
  });
});
