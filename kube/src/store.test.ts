// The cache: changes told once, indexes that follow, what a list no longer names is gone.
import { describe, expect, it } from 'vitest';
import { createStore } from './store.ts';
import type { Change, KubeObject } from './types.ts';

const cm = (name: string, resourceVersion: string, label = 'x', namespace = 'n'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, resourceVersion, labels: { of: label } },
});
const setup = () => {
  const store = createStore<KubeObject>({ label: (object) => [object.metadata.labels?.['of'] ?? ''] });
  const told: string[] = [];
  store.onChange((change: Change) => told.push(`${change.type} ${change.object.metadata.name}@${change.object.metadata.resourceVersion}`));
  return { store, told };
};

describe('store', () => {
  it('is synced only after the last page', async () => {
    const { store } = setup();
    store.take({ type: 'Begin' });
    store.take({ type: 'Items', items: [cm('a', '1')] });
    expect(store.hasSynced).toBe(false);
    store.take({ type: 'Listed', resourceVersion: '5' });
    expect(store.hasSynced).toBe(true);
    await store.whenSynced();
    expect(store.hasSeen('5')).toBe(true);
    expect(store.hasSeen('6')).toBe(false);
    expect(store.hasSeen('10')).toBe(false);
  });

  it('a new list tells only differences, and removes what it does not name', () => {
    const { store, told } = setup();
    store.take({ type: 'Begin' });
    store.take({ type: 'Items', items: [cm('a', '1'), cm('b', '2'), cm('c', '3')] });
    store.take({ type: 'Listed', resourceVersion: '3' });
    told.length = 0;
    store.take({ type: 'Begin' });
    store.take({ type: 'Items', items: [cm('a', '1')] });
    store.take({ type: 'Items', items: [cm('b', '7'), cm('d', '8')] });
    expect(store.size).toBe(4);
    store.take({ type: 'Listed', resourceVersion: '9' });
    expect(told).toEqual(['Updated b@7', 'Added d@8', 'Deleted c@3']);
    expect([...store.all()].map((o) => o.metadata.name).sort()).toEqual(['a', 'b', 'd']);
  });

  it('a relist that breaks off in the middle removes nothing', () => {
    const { store, told } = setup();
    store.take({ type: 'Begin' });
    store.take({ type: 'Items', items: [cm('a', '1'), cm('b', '2')] });
    store.take({ type: 'Listed', resourceVersion: '2' });
    told.length = 0;
    store.take({ type: 'Begin' });
    store.take({ type: 'Items', items: [cm('a', '1')] });
    store.take({ type: 'Begin' });
    store.take({ type: 'Items', items: [cm('a', '1'), cm('b', '2')] });
    store.take({ type: 'Listed', resourceVersion: '4' });
    expect(told).toEqual([]);
  });

  it('indexes follow an object that changes its value or goes', () => {
    const { store } = setup();
    store.take({ type: 'Upsert', object: cm('b', '1', 'red') });
    store.take({ type: 'Upsert', object: cm('a', '2', 'red') });
    expect(store.byIndex('label', 'red').map((o) => o.metadata.name)).toEqual(['a', 'b']);
    store.take({ type: 'Upsert', object: cm('b', '3', 'blue') });
    expect(store.byIndex('label', 'red').map((o) => o.metadata.name)).toEqual(['a']);
    store.take({ type: 'Remove', object: cm('b', '4', 'blue') });
    expect(store.byIndex('label', 'blue')).toEqual([]);
    expect(() => store.byIndex('nope', 'x')).toThrow(RangeError);
  });

  it('a deletion tells the last state when the watch told it', () => {
    const { store, told } = setup();
    store.take({ type: 'Upsert', object: cm('a', '1') });
    store.take({ type: 'Remove', object: cm('a', '2') });
    store.take({ type: 'Remove', object: cm('a', '2') });
    expect(told).toEqual(['Added a@1', 'Deleted a@2']);
    expect(store.get('n', 'a')).toBeUndefined();
  });
});
