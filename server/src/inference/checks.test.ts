// validate, data contract and pictures: what is refused, and in which words.
import { describe, expect, it } from 'vitest';
import type { FeatureContract } from '@slipway/api';
import { checkContract } from './data-contract.ts';
import type { InferenceError, Issue } from './errors.ts';
import { checkPicture, pictureSize } from './pictures.ts';
import { imageInputOf, type ServingSpec } from './spec.ts';
import type { Tensor } from './tensor.ts';
import { validate } from './validate.ts';

const issuesOf = (run: () => unknown): readonly Issue[] => {
  try {
    run();
    return [];
  } catch (error) {
    return (error as InferenceError).errors;
  }
};
const spec = (inputs: ServingSpec['signature']['inputs'], maxInt64 = 10): ServingSpec => ({ signature: { inputs, outputs: [] }, maxInt64 }) as unknown as ServingSpec;
const float = (name: string, shape: number[]): Tensor => ({ name, dtype: 'float32', shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });

describe('validate', () => {
  const two = spec([{ name: 'a', dtype: 'float32', shape: [-1, 2] }, { name: 'b', dtype: 'float32', shape: [-1] }]);

  it('gives the rows of a good call', () => {
    expect(validate([float('a', [3, 2]), float('b', [3])], two)).toBe(3);
  });

  it('lists everything that is wrong', () => {
    expect(issuesOf(() => validate([float('a', [3, 3]), float('c', [3])], two)).map((issue) => issue.path)).toEqual(['inputs.b', 'inputs.c', 'inputs.a']);
    expect(issuesOf(() => validate([float('a', [3, 2]), float('b', [2])], two))).toMatchObject([{ path: 'inputs.b', expected: '3 rows, as a has', got: '2' }]);
    expect(issuesOf(() => validate([{ ...float('a', [1, 2]), dtype: 'int32', data: new Int32Array(2) }, float('b', [1])], two))).toMatchObject([{ expected: 'dtype float32', got: 'int32' }]);
    expect(issuesOf(() => validate([float('a', [0, 2]), float('b', [0])], two))).toHaveLength(2);
  });

  it('holds int64 to what the runtime holds', () => {
    const wide = spec([{ name: 'a', dtype: 'int64', shape: [-1] }]);
    const tensor = (...values: bigint[]): Tensor => ({ name: 'a', dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values) });
    expect(validate([tensor(10n, -11n)], wide)).toBe(2);
    expect(issuesOf(() => validate([tensor(11n)], wide))).toMatchObject([{ got: '11' }]);
    expect(issuesOf(() => validate([tensor(-12n)], wide))).toMatchObject([{ got: '-12' }]);
  });
});

describe('the data contract', () => {
  const feature = (name: string, rest: Partial<FeatureContract> = {}): FeatureContract => ({ name, type: 'number', nullable: false, finite: true, ...rest });
  const check = (values: number[], ...features: FeatureContract[]): readonly Issue[] =>
    issuesOf(() => { checkContract([{ name: 'x', dtype: 'float32', shape: [values.length / Math.max(1, features.length), Math.max(1, features.length)], data: Float32Array.from(values) }], features.length === 0 ? undefined : { id: 'c', features }); });

  it('finite everywhere, unless a feature says otherwise', () => {
    expect(check([1, NaN])).toMatchObject([{ path: 'inputs.x[1][0]', expected: 'a finite number', got: 'NaN' }]);
    expect(check([NaN], feature('a', { nullable: true }))).toEqual([]);
    expect(check([Infinity], feature('a', { nullable: true }))).toHaveLength(1);
    expect(check([Infinity, NaN], feature('a', { finite: false }))).toEqual([]);
  });

  it('type, range and category by position', () => {
    const rules = [feature('a', { min: 0, max: 1 }), feature('b', { type: 'integer' }), feature('c', { type: 'boolean' }), feature('d', { enum: [1, 2] })];
    expect(check([0.5, 3, 1, 2], ...rules)).toEqual([]);
    expect(check([2, 3.5, 2, 3], ...rules).map((issue) => issue.path)).toEqual(['inputs.x[0][0] (a)', 'inputs.x[0][1] (b)', 'inputs.x[0][2] (c)', 'inputs.x[0][3] (d)']);
    expect(check([-1, 3, 1, 2], ...rules)).toMatchObject([{ expected: 'at least 0', got: '-1' }]);
  });

  it('by the name of an input, words too', () => {
    const tensor: Tensor = { name: 'colour', dtype: 'string', shape: [2, 1], data: ['red', 'mauve'] };
    expect(issuesOf(() => { checkContract([tensor], { id: 'c', features: [feature('colour', { type: 'string', enum: ['red'] })] }); })).toEqual([{ path: 'inputs.colour[1][0]', expected: 'one of red', got: 'mauve' }]);
  });

  it('stops listing at twenty', () => {
    expect(check(Array.from({ length: 100 }, () => NaN))).toHaveLength(20);
  });
});

describe('pictures', () => {
  const png = (width: number, height: number): Uint8Array => {
    const bytes = Buffer.alloc(24);
    bytes.writeUInt32BE(0x89504e47, 0);
    bytes.writeUInt32BE(width, 16);
    bytes.writeUInt32BE(height, 20);
    return bytes;
  };
  const jpeg = Buffer.from('ffd8ffe000020000ffc00011080008001003', 'hex');

  it('tell their size in their header', () => {
    expect(pictureSize(png(28, 14))).toEqual({ kind: 'png', width: 28, height: 14 });
    expect(pictureSize(Buffer.from('ffd8ffe00002ffc0001108000800100301', 'hex'))).toEqual({ kind: 'jpeg', width: 16, height: 8 });
    expect(pictureSize(jpeg)).toBeUndefined();
    expect(pictureSize(Buffer.from('GIF89a'))).toBeUndefined();
    expect(pictureSize(new Uint8Array())).toBeUndefined();
  });

  it('must have the size the model takes', () => {
    const image = { name: 'x', width: 28, height: 28, channels: 1 };
    expect(checkPicture(png(28, 28), image, 'inputs').kind).toBe('png');
    expect(issuesOf(() => checkPicture(png(28, 27), image, 'inputs[1]'))).toEqual([{ path: 'inputs[1]', expected: '28 x 28 pixels', got: '28 x 27 pixels' }]);
    expect(issuesOf(() => checkPicture(Buffer.from('no'), image, 'inputs'))).toMatchObject([{ expected: 'PNG or JPEG' }]);
  });

  it('go into one input of known size', () => {
    const input = (shape: number[], dtype: 'float32' | 'int64' = 'float32'): unknown => imageInputOf({ inputs: [{ name: 'x', dtype, shape }], outputs: [] });
    expect(input([-1, 28, 14, 3])).toEqual({ name: 'x', height: 28, width: 14, channels: 3 });
    for (const bad of [input([-1, -1, 14, 3]), input([-1, 28, 14, 2]), input([-1, 28]), input([-1, 28, 14, 3], 'int64')]) expect(bad).toBeUndefined();
  });
});
