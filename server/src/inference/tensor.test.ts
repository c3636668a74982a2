import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, concatRows, fits, LAYOUTS, rowsOf, sizeOf, sliceRows, type Tensor } from './tensor.ts';

const float = (rows: number, width: number, from = 0): Tensor => ({ name: 'x', dtype: 'float32', shape: [rows, width], data: Float32Array.from({ length: rows * width }, (_, index) => index + from) });

describe('rows', () => {
  it('stacking what was sliced gives the same tensor', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 6 }), (rows, width, cut) => {
        const whole = float(rows, width);
        const at = Math.min(cut, rows);
        const parts = [sliceRows(whole, 0, at), sliceRows(whole, at, rows)].filter((part) => rowsOf(part) > 0);
        expect(concatRows(parts)).toEqual(whole);
      }),
    );
  });

  it('a slice of numbers is a view, of strings a list', () => {
    const whole = float(3, 2);
    expect((sliceRows(whole, 1, 2).data as Float32Array).buffer).toBe((whole.data as Float32Array).buffer);
    const words: Tensor = { name: 'w', dtype: 'string', shape: [3], data: ['a', 'b', 'c'] };
    expect(sliceRows(words, 1, 3)).toEqual({ ...words, shape: [2], data: ['b', 'c'] });
    expect(concatRows([words, words]).data).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('nothing cannot be stacked', () => {
    expect(() => concatRows([])).toThrow(RangeError);
  });
});

describe('layouts', () => {
  it('hold as many bytes as they say', () => {
    for (const [dtype, layout] of Object.entries(LAYOUTS)) {
      if (layout === undefined || dtype === 'string') continue;
      const tensor = { name: 'x', dtype: dtype as Tensor['dtype'], shape: [3], data: layout.make(3) };
      expect(bytesOf(tensor), dtype).toBe(3 * layout.bytes);
    }
  });

  it('strings weigh what they hold', () => {
    expect(bytesOf({ name: 's', dtype: 'string', shape: [2], data: ['abc', new Uint8Array(10)] })).toBe(16 + 6 + 16 + 10);
  });
});

describe('shapes', () => {
  it('fit where -1 is anything', () => {
    expect(fits([4, 5], [-1, 5])).toBe(true);
    expect(fits([4, 6], [-1, 5])).toBe(false);
    expect(fits([4], [-1, 5])).toBe(false);
    expect(sizeOf([])).toBe(1);
  });
});
