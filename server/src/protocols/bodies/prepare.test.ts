// What the body thread converts itself, and what it leaves for the engine.
import { describe, expect, it } from 'vitest';
import type { ServingSpec } from '../../inference/spec.ts';
import { prepareItem } from './prepare.ts';

const ROWS: ServingSpec = {
  name: 'm', version: '1', format: 'saved-model', signature: { inputs: [{ name: 'x', dtype: 'float32', shape: [-1, 2] }], outputs: [] }, takes: 'tensors', numeric: [{ scale: 2 }], postprocessing: [], maxInt64: 2 ** 31 - 1, explanation: 'none', baseline: {},
};

describe('prepareItem', () => {
  it('checks and converts rows', () => {
    expect(prepareItem({ inputs: [[1, 2]] }, ROWS)).toEqual({ prepared: { tensors: [{ name: 'x', dtype: 'float32', shape: [1, 2], data: Float32Array.of(0.5, 1) }], rows: 1 } });
    expect(() => prepareItem({ inputs: [[1, NaN]] }, ROWS)).toThrow('expected a finite number');
  });

  it.each([
    ['texts', { text: ['a'] }, { ...ROWS, takes: 'text' }],
    ['what a text model is sent wrongly', { inputs: [[1]] }, { ...ROWS, takes: 'text' }],
    ['pictures', { pictures: [Uint8Array.of(1)] }, ROWS],
    ['pictures in base64', { inputs: [{ b64: 'AA==' }] }, { ...ROWS, image: { name: 'x', height: 1, width: 1, channels: 1 } }],
    ['what the package reads itself', { inputs: 'anything' }, { ...ROWS, handlers: ['preprocess'] }],
  ] as const)('leaves %s', (_, item, spec) => {
    expect(prepareItem(item, spec)).toBe(item);
  });
});
