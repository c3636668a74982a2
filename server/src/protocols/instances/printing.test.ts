// Answers of large items are printed straight from their numbers: to the byte what JSON makes of the tree of predictions.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DType, PostprocessingStep } from '@slipway/api';
import { InferenceError } from '../../inference/errors.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import { layoutOf, sizeOf, type Tensor } from '../../inference/tensor.ts';
import type { CallResult } from '../../pipeline/call.ts';
import { postprocess } from '../../pipeline/postprocess.ts';
import { indented } from '../torchserve/codec.ts';
import { FORMATS, type Protocol, type Wish } from './formats.ts';

const DTYPES: readonly DType[] = ['float32', 'float64', 'float16', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'bool', 'string'];

function elementOf(dtype: DType): fc.Arbitrary<unknown> {
  const { kind, bytes, min = 0, max = 0 } = layoutOf(dtype);
  if (kind === 'string') return fc.oneof(fc.string({ unit: 'binary', maxLength: 5 }), fc.constantFrom('"', 'a,b', '[]', '{"x":1}', '\\'), fc.uint8Array({ maxLength: 4 }));
  if (kind === 'bool') return fc.constantFrom(0, 1);
  if (kind === 'float') return fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e30, max: 1e30 }), fc.constantFrom(-0, 1e21, 5e-7));
  return bytes === 8 ? fc.bigInt({ min: dtype === 'int64' ? -(2n ** 62n) : 0n, max: 2n ** 62n }) : fc.integer({ min, max });
}

/** @param rows of all outputs but scalars */
const tensorOf = (name: string, rows: number): fc.Arbitrary<Tensor> =>
  fc.tuple(fc.constantFrom(...DTYPES), fc.oneof(fc.constant([]), fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }).map((rest) => [rows, ...rest]))).chain(([dtype, shape]) =>
    fc.array(elementOf(dtype), { minLength: sizeOf(shape), maxLength: sizeOf(shape) }).map((elements) => {
      const data = layoutOf(dtype).make(elements.length) as unknown[];
      elements.forEach((element, at) => (data[at] = element));
      return { name, dtype, shape, data: data as Tensor['data'] };
    }));

const STEPS: readonly PostprocessingStep[][] = [[], [{ softmax: {} }], [{ sigmoid: {} }], [{ threshold: { value: 0.5 } }], [{ topK: { k: 2 } }], [{ labels: ['no', 'yes'] }]];

const resultOf = (outputs: Tensor[], more: Partial<ServingSpec> = {}): { small: () => CallResult; large: CallResult } => {
  const spec: ServingSpec = { name: 'm', version: '1', format: 'saved-model', signature: { inputs: [], outputs: [] }, takes: 'tensors', numeric: [], postprocessing: [], maxInt64: 1, explanation: 'none', baseline: {}, ...more };
  const timings = { preprocess: 0, queue: 0, batch: 0, compute: 0, postprocess: 0 };
  const shared = { single: false, outputs };
  return {
    small: () => ({ spec, timings, results: [{ ...shared, ...postprocess(spec, outputs, false), deferred: false }] }),
    large: { spec, timings, results: [{ ...shared, predictions: [], deferred: true }] },
  };
};

const WISHES: readonly [Protocol, Wish][] = [
  ['kserve-v1', { accept: '' }],
  ['vertex', { accept: '' }],
  ['azure', { accept: '' }],
  ['sagemaker', { accept: '' }],
  ['sagemaker', { accept: 'text/csv' }],
  ...(['one', 'list', 'predictions'] as const).map((shape): [Protocol, Wish] => ['torchserve', { accept: '', shape }]),
];

describe('a large item', () => {
  it('is printed as a small one, whatever its outputs are', () => {
    const outputs = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.uniqueArray(fc.constantFrom('y', 'z', '10', '2', 'a"b'), { minLength: 1, maxLength: 3 })).chain(([rows, names]) => fc.tuple(...names.map((name) => tensorOf(name, rows))));
    fc.assert(
      fc.property(outputs, fc.constantFrom(...STEPS), fc.constantFrom('tensors', 'text'), (tensors, postprocessing, takes) => {
        const { small, large } = resultOf(tensors, { postprocessing, takes: takes });
        const tree = small();
        for (const [protocol, wish] of WISHES) expect(FORMATS[protocol].print(large, wish)).toEqual(FORMATS[protocol].print(tree, wish));
      }),
      { numRuns: 500 },
    );
  });

  it('is what its rows are as JSON', () => {
    const tensor: Tensor = { name: 'y', dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, -0, 0.5, 1e21) };
    const print = (protocol: Protocol, wish: Wish): string => FORMATS[protocol].print(resultOf([tensor]).large, wish).body;
    const rows = [[1, 0], [0.5, Math.fround(1e21)]];
    expect(print('kserve-v1', { accept: '' })).toBe(JSON.stringify({ predictions: rows }));
    expect(print('azure', { accept: '' })).toBe(JSON.stringify(rows));
    expect(print('torchserve', { accept: '', shape: 'list' })).toBe(JSON.stringify(rows, null, 2));
    expect(print('torchserve', { accept: '', shape: 'one' })).toBe(JSON.stringify(rows[0], null, 2));
    expect(print('sagemaker', { accept: 'text/csv' })).toBe(`1,0\n0.5,${String(Math.fround(1e21))}\n`);
    expect(FORMATS['azure'].print(resultOf([{ ...tensor, shape: [], data: Float32Array.of(7) }]).small(), { accept: '' }).body).toBe('[7]');
  });

  it('that holds what is no number is refused, with its place', () => {
    const tensor: Tensor = { name: 'y', dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, NaN) };
    for (const [protocol, wish] of WISHES) {
      expect(() => FORMATS[protocol].print(resultOf([tensor]).large, wish)).toThrow(InferenceError);
      expect(() => FORMATS[protocol].print(resultOf([tensor]).large, wish)).toThrow('outputs.y[1][1] is NaN');
    }
  });
});

it('JSON on lines is as JSON.stringify lays it out', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    expect(indented(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
  }));
});
