import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../inference/tensor.ts';
import { MemoryBudget } from '../pipeline/memory-budget.ts';
import { keyOf } from './key.ts';
import { ResponseCache, type CacheLimits } from './response-cache.ts';

const tensor = (values: readonly number[], name = 'y'): Tensor => ({ name, dtype: 'float32', shape: [values.length], data: Float32Array.from(values) });
const numbers = (outputs: readonly (readonly Tensor[])[] | undefined): number[] | undefined => outputs === undefined ? undefined : Array.from(outputs[0]?.[0]?.data as Float32Array);
/** What an entry of one tensor of one number costs. */
const COST = 512 + 256 + 4;

function make(limits: Partial<CacheLimits> = {}, limitBytes = 1e9): { cache: ResponseCache; memory: MemoryBudget; clock: { now: number } } {
  const clock = { now: 0 };
  const memory = new MemoryBudget({ limitBytes, resident: () => 0, maxAgeMs: 1e9 });
  return { cache: new ResponseCache({ maxBytes: 1e6, maxEntries: 100, ttlMs: 0, ...limits }, memory, () => clock.now), memory, clock };
}

describe('the response cache', () => {
  it('gives a copy of every bit, whatever becomes of the others', () => {
    const { cache } = make();
    const weird = [NaN, -0, Infinity, 1e-45];
    const given = [[tensor(weird)]];
    cache.put('a', given);
    (given[0]?.[0]?.data as Float32Array).fill(7);
    const first = cache.get('a');
    expect(numbers(first)).toEqual([NaN, -0, Infinity, Math.fround(1e-45)]);
    (first?.[0]?.[0]?.data as Float32Array).fill(8);
    expect(numbers(cache.get('a'))).toEqual([NaN, -0, Infinity, Math.fround(1e-45)]);
    expect(cache.get('b')).toBeUndefined();
  });

  it('forgets what was not used for longest, by entries and by bytes', () => {
    for (const limits of [{ maxEntries: 2 }, { maxBytes: 2 * COST }]) {
      const { cache } = make(limits);
      cache.put('a', [[tensor([1])]]);
      cache.put('b', [[tensor([2])]]);
      cache.get('a');
      cache.put('c', [[tensor([3])]]);
      expect(['a', 'b', 'c'].map((key) => numbers(cache.get(key)))).toEqual([[1], undefined, [3]]);
      cache.put('huge', [[tensor(Array.from({ length: 1e6 }, () => 0))]]);
      expect(cache.get('huge')).toBeUndefined();
      expect(cache.entries).toBe(2);
    }
  });

  it('forgets what is too old', () => {
    const { cache, memory, clock } = make({ ttlMs: 10 });
    cache.put('a', [[tensor([1])]]);
    clock.now = 9;
    expect(numbers(cache.get('a'))).toEqual([1]);
    clock.now = 10;
    expect(cache.get('a')).toBeUndefined();
    expect([cache.bytes, memory.held]).toEqual([0, 0]);
  });

  it('is counted in the memory budget, takes nothing that is not there, and gives way to a call', () => {
    const { cache, memory } = make({}, 3 * COST);
    for (const key of ['a', 'b', 'c', 'd']) cache.put(key, [[tensor([1])]]);
    expect([cache.entries, memory.held]).toEqual([3, 3 * COST]);
    memory.admit(2 * COST)();
    expect([cache.entries, memory.held]).toEqual([1, COST]);
    expect(cache.get('c')).toBeDefined();
    expect(() => memory.admit(4 * COST)).toThrow(expect.objectContaining({ code: 'exceeds_memory_budget' }) as Error);
    cache.close();
    cache.put('e', [[tensor([1])]]);
    expect([cache.entries, cache.bytes, memory.held]).toEqual([0, 0, 0]);
  });

  it('never holds more than it may, and knows how much that is', () => {
    const operation = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), size: fc.integer({ min: 0, max: 300 }), get: fc.boolean() });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const { cache, memory } = make({ maxBytes: 3000, maxEntries: 3 });
        for (const { key, size, get } of operations) {
          if (get) cache.get(key);
          else cache.put(key, [[tensor(Array.from({ length: size }, () => 1))]]);
          expect(cache.bytes).toBeLessThanOrEqual(3000);
          expect(cache.entries).toBeLessThanOrEqual(3);
          expect(memory.held).toBe(cache.bytes);
        }
        cache.close();
        expect(memory.held).toBe(0);
      }),
    );
  });
});

describe('the key of a call', () => {
  it('is the same for equal inputs, by their bits', async () => {
    const view = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    expect(await keyOf([[tensor([1, 2])]])).toBe(await keyOf([[{ ...tensor([1, 2]), data: view }]]));
    const large = Array.from({ length: 50_000 }, (_, index) => index);
    expect(await keyOf([[tensor(large)]])).toBe(await keyOf([[tensor(large)]]));
    expect(await keyOf([[tensor(large)]])).not.toBe(await keyOf([[tensor([...large.slice(1), 0])]]));
  });

  it('differs where anything differs', async () => {
    const base = tensor([1, 2]);
    const text = (...data: (string | Uint8Array)[]): Tensor => ({ name: 's', dtype: 'string', shape: [data.length], data });
    const calls: Tensor[][][] = [
      [[base]],
      [[tensor([1, 3])]],
      [[tensor([1, 2], 'z')]],
      [[{ ...base, shape: [1, 2] }]],
      [[{ ...base, dtype: 'int32', data: new Int32Array((base.data as Float32Array).buffer) }]],
      [[base], [base]],
      [[base, base]],
      [[tensor([0])]],
      [[tensor([-0])]],
      [[text('ab', 'c')]],
      [[text('a', 'bc')]],
      [[text(new TextEncoder().encode('ab'), 'c')]],
    ];
    const keys = await Promise.all(calls.map((call) => keyOf(call)));
    expect(new Set(keys).size).toBe(calls.length);
  });
});
