import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InferenceError } from './errors.ts';
import { bytesFromB64, flatten, nest } from './nested.ts';

describe('flatten and nest', () => {
  it('are inverse for every rectangle of numbers', () => {
    const shape = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(shape, fc.array(fc.double({ noNaN: true }), { minLength: 256, maxLength: 256 }), (dims, values) => {
        let next = 0;
        const make = (axis: number): unknown => (axis === dims.length ? values[next++] : Array.from({ length: dims[axis] ?? 0 }, () => make(axis + 1)));
        const list = make(0);
        const flat = flatten(list, 'float64', 'inputs');
        expect(flat.shape).toEqual(dims);
        expect(nest({ dtype: 'float64', ...flat })).toEqual(list);
      }),
    );
  });

  it('never throw anything but an InferenceError, whatever comes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom('float32', 'int32', 'bool', 'string', 'int64', 'uint8' as const), (value, dtype) => {
        try {
          const { shape, data } = flatten(value, dtype, 'inputs');
          expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
        } catch (error) {
          expect(error).toBeInstanceOf(InferenceError);
        }
      }),
    );
  });

  it('name the place of what does not fit', () => {
    const issue = (value: unknown, dtype: Parameters<typeof flatten>[1]): unknown => {
      try {
        flatten(value, dtype, 'inputs');
        return undefined;
      } catch (error) {
        return (error as InferenceError).errors[0];
      }
    };
    expect(issue([[1, 2], [3]], 'float32')).toEqual({ path: 'inputs[1]', expected: 'list of 2', got: 'list of 1' });
    expect(issue([[1, 2], 3], 'float32')).toMatchObject({ path: 'inputs[1]', got: '3' });
    expect(issue([[1, { a: 1 }]], 'float32')).toMatchObject({ path: 'inputs[0][1]', got: 'object' });
    expect(issue([[1, [2]]], 'int32')).toMatchObject({ path: 'inputs[0][1]', got: 'list of 1' });
    expect(issue(['x'.repeat(1000)], 'int32')).toMatchObject({ got: 'string of 1000 characters' });
    expect(issue([2], 'bool')).toMatchObject({ expected: 'true or false' });
    expect(issue([[[[[[[[[1]]]]]]]]], 'int32')).toMatchObject({ expected: 'at most 8 dimensions' });
  });

  it('missing and non-finite numbers become themselves in floats only', () => {
    expect(Array.from(flatten([null, 'NaN', 'Infinity', '-Infinity'], 'float32', 'x').data as Float32Array)).toEqual([NaN, NaN, Infinity, -Infinity]);
    expect(() => flatten([null], 'int32', 'x')).toThrow(InferenceError);
  });

  it('bytes are {"b64"} both ways, unless they are text', () => {
    expect(bytesFromB64({ b64: 'AP8=' })).toEqual(Uint8Array.of(0, 255));
    expect(bytesFromB64({ b64: 'AP8=', more: 1 })).toBeUndefined();
    expect(nest({ dtype: 'string', shape: [3], data: ['text', new TextEncoder().encode('ä'), Uint8Array.of(0xff)] })).toEqual(['text', 'ä', { b64: '/w==' }]);
  });
});
