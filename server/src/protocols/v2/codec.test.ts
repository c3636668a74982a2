import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import type { DType } from '@slipway/api';
import { InferenceError } from '../../inference/errors.ts';
import { LAYOUTS, sizeOf, type NumericData, type Tensor } from '../../inference/tensor.ts';
import { writeInferAnswer } from './answer.ts';
import { readInferRequest } from './body.ts';
import { contentsOf, tensorFromContents } from './contents.ts';
import { dtypeOf, namesOf } from './datatypes.ts';
import { fromHalf, toHalf } from './half.ts';
import { V2_PROTO } from './proto.ts';
import { rawOf, tensorFromRaw } from './raw.ts';

const DTYPES = (Object.keys(LAYOUTS) as DType[]).filter((dtype) => LAYOUTS[dtype] !== undefined);
const shapes = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });

const ELEMENTS: Record<Exclude<DType, 'complex64'>, fc.Arbitrary<number | bigint | string | Uint8Array>> = {
  float32: fc.float(),
  float64: fc.double(),
  float16: fc.integer({ min: 0, max: 0x7bff }).map(fromHalf),
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -32_768, max: 32_767 }),
  int32: fc.integer(),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  uint8: fc.integer({ min: 0, max: 255 }),
  uint16: fc.integer({ min: 0, max: 65_535 }),
  uint32: fc.integer({ min: 0, max: 4_294_967_295 }),
  uint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  bool: fc.integer({ min: 0, max: 1 }),
  string: fc.oneof(fc.string(), fc.constant(new Uint8Array([0xff, 0xfe]))),
};

/** Tensors of any dtype and shape. */
const tensors = (dtypes: readonly DType[]): fc.Arbitrary<Tensor> =>
  fc.tuple(fc.constantFrom(...dtypes), shapes, fc.string({ minLength: 1 })).chain(([dtype, shape, name]) =>
    fc.array(ELEMENTS[dtype as keyof typeof ELEMENTS], { minLength: sizeOf(shape), maxLength: sizeOf(shape) }).map((elements) => {
      if (dtype === 'string') return { name, dtype, shape, data: elements as string[] };
      const data = LAYOUTS[dtype]?.make(elements.length) as NumericData;
      (data as Float32Array).set(elements as number[]);
      return { name, dtype, shape, data };
    }),
  );

const inputOf = ({ name, dtype, shape }: Tensor, more: object): object => ({ name, datatype: namesOf(dtype).datatype, shape, ...more });

describe('half precision', () => {
  it('every half comes back, and every value becomes the nearest half', () => {
    const halves = Array.from({ length: 0x1_0000 }, (_, half) => half).filter((half) => !Number.isNaN(fromHalf(half)));
    expect(halves.filter((half) => toHalf(fromHalf(half)) !== half)).toEqual([]);
    expect(Number.isNaN(fromHalf(toHalf(Number.NaN)))).toBe(true);
    fc.assert(
      fc.property(fc.float({ min: -65_000, max: 65_000, noNaN: true }), (value) => {
        const half = toHalf(value);
        const error = Math.abs(fromHalf(half) - value);
        for (const other of [half - 1, half + 1]) if (((other ^ half) & 0x8000) === 0 && (other & 0x7fff) <= 0x7bff) expect(error).toBeLessThanOrEqual(Math.abs(fromHalf(other) - value));
      }),
    );
    expect([65_519, 65_520, 2 ** -24, 2 ** -25, 1.0009765625].map(toHalf)).toEqual([0x7bff, 0x7c00, 1, 0, 0x3c01]);
  });
});

describe('tensors come back as they went', () => {
  it('raw, at any alignment', () => {
    fc.assert(
      fc.property(tensors(DTYPES), fc.integer({ min: 0, max: 7 }), (tensor, offset) => {
        const raw = rawOf(tensor);
        const shifted = new Uint8Array(offset + raw.byteLength);
        shifted.set(raw, offset);
        expect(tensorFromRaw(tensor, shifted.subarray(offset))).toEqual(tensor);
      }),
    );
  });

  it('as typed contents, and as any other protobuf library writes and reads them', () => {
    const type = protobuf.parse(V2_PROTO, { keepCase: true }).root.lookupType('inference.InferTensorContents');
    fc.assert(
      fc.property(tensors(DTYPES.filter((dtype) => dtype !== 'float16')), (tensor) => {
        const bytes = contentsOf(tensor) ?? new Uint8Array();
        expect(tensorFromContents(tensor, bytes)).toEqual(tensor);
        expect(tensorFromContents(tensor, type.encode(type.decode(bytes)).finish()).data.length).toBe(tensor.data.length);
      }),
    );
  });

  it('as JSON and raw behind JSON', () => {
    const plain = DTYPES.filter((dtype) => !['float16', 'int64', 'uint64', 'float32', 'float64', 'string'].includes(dtype));
    fc.assert(
      fc.property(tensors([...plain, 'float64']), tensors(DTYPES), (json, binary) => {
        const list = json.dtype === 'bool' ? Array.from(json.data as Uint8Array, Boolean) : Array.from(json.data as Float64Array);
        const words = JSON.stringify({ id: 'a', inputs: [inputOf(json, { data: [] }), inputOf(binary, { parameters: { binary_data_size: rawOf(binary).byteLength } })] }).replace('"data":[]', () => `"data":[${list.join(',')}]`);
        const head = Buffer.from(words);
        const request = readInferRequest(Buffer.concat([head, rawOf(binary)]), head.byteLength);
        expect(request.inputs[1]).toEqual(binary);
        expect(request.inputs[0]?.shape).toEqual(json.shape);
        expect(Array.from(request.inputs[0]?.data as Float64Array, (value) => value + 0)).toEqual(Array.from(json.data as Float64Array, (value) => value + 0));
      }),
    );
  });

  it('an answer is JSON that says where its raw tensors lie', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(tensors(DTYPES.filter((dtype) => dtype !== 'float16')), fc.boolean()), { maxLength: 4 }), (outputs) => {
        const { bytes: written, jsonBytes } = writeInferAnswer({ id: undefined, model: 'm "1"', version: 'v1', outputs: outputs.map(([tensor, binary]) => ({ tensor, binary })) });
        expect(typeof written === 'string').toBe(jsonBytes === undefined);
        const bytes = typeof written === 'string' ? Buffer.from(written) : written;
        const text = bytes.subarray(0, jsonBytes).toString();
        const finite = !/[:,[](-?Infinity|NaN)/.test(text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""'));
        if (!finite) return;
        const json = JSON.parse(text) as { model_name: string; outputs: { datatype: string; shape: number[]; data?: unknown[]; parameters?: { binary_data_size: number } }[] };
        expect(json.model_name).toBe('m "1"');
        let at = jsonBytes ?? 0;
        json.outputs.forEach((output, index) => {
          const [tensor, binary] = outputs[index] as [Tensor, boolean];
          expect(dtypeOf(output.datatype, '')).toBe(tensor.dtype);
          if (!binary) expect(output.data).toHaveLength(tensor.data.length);
          else expect(tensorFromRaw(tensor, bytes.subarray(at, (at += output.parameters?.binary_data_size ?? 0)))).toEqual(tensor);
        });
        expect(at).toBe(jsonBytes === undefined ? 0 : bytes.byteLength);
      }),
    );
  });
});

describe('the order of keys and the numbers', () => {
  it('are Triton\'s, with NaN and Infinity as bare words', () => {
    const y: Tensor = { name: 'y', dtype: 'float32', shape: [2, 2], data: new Float32Array([1, Number.NaN, Number.POSITIVE_INFINITY, -0.5]) };
    const d: Tensor = { name: 'd', dtype: 'float64', shape: [7], data: new Float64Array([0, -0, 1e20, -1e21, 2.5e300, 1e-7, 0.1]) };
    const n: Tensor = { name: 'n', dtype: 'int32', shape: [1], data: new Int32Array([7]) };
    const b: Tensor = { name: 'b', dtype: 'bool', shape: [2], data: new Uint8Array([1, 0]) };
    const s: Tensor = { name: 's', dtype: 'string', shape: [1], data: ['é"'] };
    const { bytes } = writeInferAnswer({ id: '7', model: 'm', version: '1', outputs: [y, d, n, b, s].map((tensor) => ({ tensor, binary: false })) });
    expect(bytes.toString()).toBe(
      '{"id":"7","model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[2,2],"data":[1.0,NaN,Infinity,-0.5]},{"name":"d","datatype":"FP64","shape":[7],"data":[0.0,-0.0,100000000000000000000.0,-1e21,2.5e300,1e-7,0.1]},{"name":"n","datatype":"INT32","shape":[1],"data":[7]},{"name":"b","datatype":"BOOL","shape":[2],"data":[true,false]},{"name":"s","datatype":"BYTES","shape":[1],"data":["é\\""]}]}',
    );
  });
});

describe('refusals', () => {
  const x = { name: 'x', datatype: 'FP32', shape: [1, 2] };
  it.each<[string, unknown, string]>([
    ['no inputs', {}, "Unable to parse 'inputs'"],
    ['a list', [], 'not a JSON object'],
    ['no data', { inputs: [x] }, 'Input must set only one of the following fields'],
    ['data twice', { inputs: [{ ...x, data: [1, 2], parameters: { binary_data_size: 8 } }] }, 'Input must set only one of the following fields'],
    ['too much data', { inputs: [{ ...x, data: [1, 2, 3] }] }, 'Shape does not match true shape of \'data\' field'],
    ['too little data', { inputs: [{ ...x, data: [[1]] }] }, 'Shape does not match true shape of \'data\' field'],
    ['null', { inputs: [{ ...x, data: [1, null] }] }, "element 1 of input 'x' is null"],
    ['a wrong shape', { inputs: [{ ...x, shape: [-1, 2], data: [] }] }, 'attempt to access JSON non-unsigned-integer as unsigned-integer'],
    ['a huge shape', { inputs: [{ ...x, shape: [2_000_000, 2_000_000], data: [] }] }, 'causes total element count to exceed maximum size of'],
    ["a parameter of Triton's own", { inputs: [{ ...x, data: [1, 2] }], parameters: { triton_x: 1 } }, "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified."],
    ['FP16', { inputs: [{ ...x, datatype: 'FP16', data: [1, 2] }] }, 'receiving FP16 data via JSON is not supported. Please use the binary data format for input x'],
    ['a datatype there is not', { inputs: [{ ...x, datatype: 'BF16', data: [1, 2] }] }, "invalid datatype 'BF16'"],
    ['more raw bytes than are there', { inputs: [{ ...x, parameters: { binary_data_size: 8 } }] }, 'unexpected end of the body'],
    ['an integer beyond its range', { inputs: [{ ...x, datatype: 'INT8', data: [1, 200] }] }, "element 1 of input 'x' is 200"],
  ])('%s', (_what, body, words) => {
    expect(() => readInferRequest(Buffer.from(JSON.stringify(body)), undefined)).toThrow(expect.objectContaining({ status: 400, message: expect.stringContaining(words) as string }) as Error);
  });

  it('raw bytes that nobody asked for', () => {
    const head = Buffer.from(JSON.stringify({ inputs: [{ ...x, data: [1, 2] }] }));
    expect(() => readInferRequest(Buffer.concat([head, Buffer.alloc(3)]), head.byteLength)).toThrow('unexpected additional input data');
    expect(() => readInferRequest(head, head.byteLength + 1)).toThrow('Inference-Header-Content-Length');
  });

  it('bytes of any kind are read or refused in words, never anything else', () => {
    const onlyRefused = (work: () => unknown): void => {
      try {
        work();
      } catch (error) {
        expect(error).toBeInstanceOf(InferenceError);
      }
    };
    const body = fc.oneof(fc.jsonValue(), fc.record({ inputs: fc.array(fc.record({ name: fc.string(), datatype: fc.constantFrom('FP32', 'BYTES', 'INT64'), shape: fc.array(fc.nat(4)), data: fc.jsonValue(), parameters: fc.jsonValue() }, { requiredKeys: [] })) }));
    fc.assert(fc.property(body, fc.uint8Array({ maxLength: 64 }), (json, tail) => {
      const head = Buffer.from(JSON.stringify(json));
      onlyRefused(() => readInferRequest(Buffer.concat([head, tail]), head.byteLength));
    }));
    fc.assert(fc.property(fc.constantFrom(...DTYPES), shapes, fc.uint8Array({ maxLength: 64 }), (dtype, shape, bytes) => {
      onlyRefused(() => tensorFromRaw({ name: 'x', dtype, shape }, bytes));
      onlyRefused(() => tensorFromContents({ name: 'x', dtype, shape }, bytes));
    }));
  });
});
