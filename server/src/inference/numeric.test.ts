import { describe, expect, it } from 'vitest';
import { applyNumericSteps } from './numeric.ts';
import type { Tensor } from './tensor.ts';

const tensor: Tensor = { name: 'x', dtype: 'float32', shape: [2, 2], data: Float32Array.of(0, 255, 51, 102) };
const apply = (step: Parameters<typeof applyNumericSteps>[1][number]): number[] => Array.from(applyNumericSteps([tensor], [step])[0]?.data as Float32Array);

describe('y = ((x / scale) - mean) / std', () => {
  it('scale is 255 when normalize is given alone, else 1', () => {
    expect(apply({ normalize: true })).toEqual([0, 1, 0.2, 0.4].map(Math.fround));
    expect(apply({ normalize: false })).toEqual([0, 255, 51, 102]);
    expect(apply({ normalize: true, scale: 51 })).toEqual([0, 5, 1, 2]);
    expect(apply({})).toEqual([0, 255, 51, 102]);
  });

  it('mean and std broadcast on the last axis', () => {
    expect(apply({ scale: 51, mean: [1, 2], std: [2, 0.5] })).toEqual([-0.5, 6, 0, 0]);
    expect(apply({ scale: 51, mean: [1], std: [2] })).toEqual([-0.5, 2, 0, 0.5]);
  });

  it('steps follow each other; other dtypes pass untouched', () => {
    expect(Array.from(applyNumericSteps([tensor], [{ scale: 51 }, { mean: [1] }])[0]?.data as Float32Array)).toEqual([-1, 4, 0, 1]);
    const words: Tensor = { name: 'w', dtype: 'string', shape: [1], data: ['a'] };
    expect(applyNumericSteps([words], [{ scale: 2 }])).toEqual([words]);
  });

  it.each([[{ std: [0] }], [{ std: [1, 0] }], [{ scale: 0 }], [{ mean: [1, 2, 3] }], [{ mean: [NaN] }], [{ scale: Infinity }]])('refuses %j', (step) => {
    expect(() => apply(step)).toThrow(expect.objectContaining({ code: 'invalid_input' }) as Error);
  });
});
