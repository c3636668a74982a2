import { describe, expect, it } from 'vitest';
import type { Model } from './model.ts';
import { Entry, Registry } from './registry.ts';

function ready(name: string, version: string, takes: 'tensors' | 'text' = 'tensors', aliases: string[] = []): Entry {
  const entry = new Entry(name, version, aliases);
  entry.phase = 'Ready';
  entry.model = { spec: { name, version, takes } } as unknown as Model;
  return entry;
}
function registry(...entries: Entry[]): Registry {
  const made = new Registry({ behindRouter: false });
  for (const entry of entries) made.put(entry);
  return made;
}
const wanted = (name?: string, version?: string, takes: 'tensors' | 'text' = 'tensors'): Parameters<Registry['select']>[0] => ({ name, version, takes });
const code = (run: () => unknown): unknown => {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('which version answers', () => {
  const table = registry(ready('a', 'v2'), ready('a', 'v10'), ready('b', '1', 'text', ['bee']));

  it('the named one, else the highest, else the default that was set', () => {
    expect(table.select(wanted('a', 'v2')).version).toBe('v2');
    expect(table.select(wanted('a')).version).toBe('v10');
    table.setDefault('a', 'v2');
    expect(table.select(wanted('a')).version).toBe('v2');
    table.setDefault('a', undefined);
    expect(table.select(wanted('a')).version).toBe('v10');
    expect(code(() => { table.setDefault('a', 'v3'); })).toBe('model_not_found');
  });

  it('a ready one before a higher one that is not', () => {
    const loading = new Entry('a', 'v3');
    loading.phase = 'Loading';
    expect(registry(ready('a', 'v2'), loading).select(wanted('a')).version).toBe('v2');
    expect(registry(loading).select(wanted('a')).version).toBe('v3');
  });

  it('without a name the only one that fits', () => {
    expect(table.select(wanted(undefined, undefined, 'text')).name).toBe('b');
    expect(table.select(wanted()).name).toBe('a');
    expect(code(() => registry(ready('a', '1'), ready('c', '1')).select(wanted()))).toBe('model_name_required');
    expect(code(() => registry().select(wanted()))).toBe('model_name_required');
  });

  it('without a name none yet, while one that may fit is still coming', () => {
    const coming = (name: string): Entry => new Entry(name, '1');
    expect(code(() => registry(ready('a', '1'), coming('c')).select(wanted()))).toBe('model_not_ready');
    expect(code(() => registry(coming('a'), coming('c')).select(wanted()))).toBe('model_not_ready');
    expect(code(() => registry(ready('a', '1'), ready('b', '1'), coming('c')).select(wanted()))).toBe('model_name_required');
    expect(registry(ready('a', '1', 'text'), coming('c')).select(wanted()).name).toBe('c');
    const failed = coming('c');
    failed.phase = 'Failed';
    expect(code(() => registry(ready('a', '1'), failed).select(wanted()))).toBe('model_name_required');
    const starting = registry();
    starting.settling = true;
    expect([code(() => starting.select(wanted())), code(() => starting.select(wanted('a')))]).toEqual(['model_not_ready', 'model_not_ready']);
    starting.settling = false;
    expect([code(() => starting.select(wanted())), code(() => starting.select(wanted('a')))]).toEqual(['model_name_required', 'model_not_found']);
  });

  it('aliases, and what is unknown', () => {
    expect(table.select(wanted('bee', undefined, 'text')).name).toBe('b');
    expect(code(() => table.select(wanted('nope')))).toBe('model_not_found');
    expect(code(() => table.select(wanted('a', 'v9')))).toBe('model_not_found');
    const behind = new Registry({ behindRouter: true });
    behind.put(ready('a', '1'));
    expect(code(() => behind.select(wanted('a', '2')))).toBe('model_version_elsewhere');
    expect(code(() => behind.select(wanted('b')))).toBe('model_not_found');
  });
});

describe('leases', () => {
  it('keep a version until the last one is given back', async () => {
    const entry = ready('a', '1');
    const table = registry(entry);
    const [first, second] = [await table.lease(wanted('a')), await table.lease(wanted('a'))];
    table.remove(entry);
    let unused = false;
    const waiting = entry.unused().then(() => { unused = true; });
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await Promise.resolve();
    expect([entry.leases, unused]).toEqual([1, false]);
    second[Symbol.dispose]();
    await waiting;
    expect(unused).toBe(true);
    expect(code(() => table.select(wanted('a')))).toBe('model_not_found');
  });

  it('are not given for what is not ready', () => {
    for (const [phase, expected] of [['Loading', 'model_not_ready'], ['WarmingUp', 'model_not_ready'], ['Failed', 'model_failed']] as const) {
      const entry = new Entry('a', '1');
      entry.phase = phase;
      expect(code(() => registry(entry).lease(wanted('a')))).toBe(expected);
      expect(entry.leases).toBe(0);
    }
  });

  it('removing an entry that was replaced leaves the new one', () => {
    const [old, fresh] = [ready('a', '1'), ready('a', '1')];
    const table = registry(old);
    expect(table.put(fresh)).toBe(old);
    table.remove(old);
    expect(table.find('a', '1')).toBe(fresh);
  });
});
