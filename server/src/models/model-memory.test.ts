import { describe, expect, it, vi } from 'vitest';
import { ModelMemory, type Resident } from './model-memory.ts';

interface Fake extends Resident {
  lastUsed: number;
  idle: boolean;
}

/** Models of which this test says when they are idle and when they are gone. */
function make(limitBytes: number, more: { waitMs?: number; keepMs?: number } = {}): { memory: ModelMemory; evicted: string[]; gone: () => void } {
  const evicted: string[] = [];
  const ends: (() => void)[] = [];
  const evict = (resident: Resident): Promise<void> => {
    evicted.push(resident.name);
    (resident as Fake).idle = false;
    return new Promise((resolve) => ends.push(resolve));
  };
  return { memory: new ModelMemory({ limitBytes, keepMs: 0, waitMs: 60_000, ...more, evict }), evicted, gone: () => { ends.shift()?.(); } };
}

const model = (name: string, lastUsed: number, idle = true): Fake => ({ name, version: '1', lastUsed, idle });
const settled = async (promise: Promise<unknown>): Promise<boolean> => Promise.race([promise.then(() => true, () => true), new Promise<boolean>((resolve) => setTimeout(() => { resolve(false); }, 10))]);

describe('the memory of models', () => {
  it('the least recently used idle ones give way, only as many as are needed, and only once they are gone', async () => {
    const { memory, evicted, gone } = make(100);
    for (const [name, used] of [['a', 3], ['b', 1], ['c', 2]] as const) await memory.take(model(name, used), () => 30);
    const next = memory.take(model('d', 9), () => 50);
    expect(evicted).toEqual(['b', 'c']);
    expect(memory.used).toBe(90);
    gone();
    expect(await settled(next)).toBe(false);
    gone();
    await next;
    expect([memory.used, evicted]).toEqual([80, ['b', 'c']]);
  });

  it('never one in use; its end is waited for', async () => {
    const { memory, evicted, gone } = make(100);
    const busy = model('busy', 1, false);
    await memory.take(busy, () => 80);
    const next = memory.take(model('next', 2), () => 40);
    expect(await settled(next)).toBe(false);
    expect(evicted).toEqual([]);
    busy.idle = true;
    memory.poke();
    expect(evicted).toEqual(['busy']);
    gone();
    await next;
    expect(memory.used).toBe(40);
  });

  it('refuses, with a time to come back, what finds everything in use; those behind it go on', async () => {
    const { memory } = make(100, { waitMs: 20 });
    await memory.take(model('busy', 1, false), () => 80);
    const large = memory.take(model('large', 2), () => 40);
    const small = memory.take(model('small', 2), () => 20);
    await expect(large).rejects.toMatchObject({ code: 'memory_exhausted', retryAfterSeconds: 1, message: expect.stringContaining('all in use') as string });
    await small;
    expect(memory.used).toBe(100);
  });

  it('refuses for good what could never fit', async () => {
    const { memory } = make(100);
    await expect(memory.take(model('huge', 1), () => 101)).rejects.toMatchObject({ reason: 'OutOfMemory' });
  });

  it('serves in order of arrival: a small one does not overtake a large one for ever', async () => {
    const { memory, gone } = make(100);
    await memory.take(model('a', 1), () => 60);
    const large = memory.take(model('large', 2), () => 90);
    const small = memory.take(model('small', 3), () => 10);
    expect(await settled(small)).toBe(false);
    gone();
    await Promise.all([large, small]);
    expect(memory.used).toBe(100);
  });

  it('what turns out larger, or is loaded regardless, makes others give way', async () => {
    const { memory, evicted, gone } = make(100);
    await memory.take(model('a', 1), () => 50);
    const b = await memory.take(model('b', 2, false), () => 40);
    memory.settle(b, 60);
    expect(evicted).toEqual(['a']);
    gone();
    await vi.waitFor(() => { expect(memory.used).toBe(60); });
    const eager = memory.book(model('eager', 3, false), 80);
    expect(memory.used).toBe(140);
    memory.free(eager);
    expect(memory.used).toBe(60);
  });

  it('one that was used just now stays for a moment', async () => {
    const { memory, evicted, gone } = make(100, { keepMs: 60 });
    await memory.take(model('a', performance.now()), () => 80);
    const next = memory.take(model('b', 0), () => 40);
    expect(evicted).toEqual([]);
    await vi.waitFor(() => { expect(evicted).toEqual(['a']); });
    gone();
    await next;
  });
});
