// One suite for everything that runs models: SavedModel, tfjs graph and layers (native and slow), ONNX, and each of them in a process of
// its own. Whatever the format, the same
// function has the same signature, gives the same answers, fails in the same words of the catalogue, and its tensors are gone afterwards.
import { mkdirSync, truncateSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as slowTf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DType } from '../../api/src/model-package.ts';
import type { OnnxType } from '../../models/training/onnx.ts';
import type { BackendModel } from '../../server/src/backends/backend.ts';
import { DTYPE_SUPPORT } from '../../server/src/inference/dtype-support.ts';
import type { Tensor, TensorData } from '../../server/src/inference/tensor.ts';
import { attribute, writeSavedModel } from '../server/support/saved-model.ts';
import { temporaryFolder } from '../server/support/server.ts';
import { info, native, onnx, onnxIdentity, placeholder, savedModel, slow, SUBJECTS, tfjsGraph, writeGraph, writeOnnx, type Subject } from './subjects.ts';

const folder = temporaryFolder();
let count = 0;
const fresh = (): string => path.join(folder.path, String(count++));
beforeAll(() => slowTf.setBackend('cpu'));
afterAll(() => { folder[Symbol.dispose](); });

const rows = (...values: number[][]): Tensor => tensor('x', values);
const tensor = (name: string, values: number[][]): Tensor => ({ name, dtype: 'float32', shape: [values.length, values[0]?.length ?? 0], data: Float32Array.from(values.flat()) });
const numbers = (tensors: readonly Tensor[]): number[] => Array.from(tensors[0]?.data as Float32Array);

describe.each(SUBJECTS.map((subject) => [subject.name, subject] as const))('%s', (_name, subject) => {
  let model: BackendModel;
  let before: number[];
  beforeAll(async () => {
    before = await subject.held();
    model = await subject.doubling(fresh(), [-1, 3]);
  });
  afterAll(() => subject.close());

  it('says its public names, dtypes, shapes and size', () => {
    expect(model.signature.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [-1, 3] }]);
    expect(model.signature.outputs).toMatchObject([{ dtype: 'float32', shape: [-1, 3] }]);
    expect(model.bytes).toBeGreaterThanOrEqual(0);
  });

  it('runs one row and many', async () => {
    expect(numbers(await model.run([rows([1, 2, 3])]))).toEqual([2, 4, 6]);
    const [output] = await model.run([rows([1, 2, 3], [4, 5, 6])]);
    expect(output).toMatchObject({ name: model.signature.outputs[0]?.name, dtype: 'float32', shape: [2, 3] });
    expect(numbers(output === undefined ? [] : [output])).toEqual([2, 4, 6, 8, 10, 12]);
  });

  it('gives memory that is its caller\'s own, and that can leave the thread', async () => {
    const input = rows([1, 2, 3]);
    const first = await model.run([input]);
    const made = first[0]?.data as Float32Array<ArrayBuffer>;
    expect(Array.from(structuredClone(made, { transfer: [made.buffer] }))).toEqual([2, 4, 6]);
    (input.data as Float32Array).fill(7);
    expect(numbers(await model.run([rows([1, 2, 3])]))).toEqual([2, 4, 6]);
  });

  it('takes a view of a larger buffer', async () => {
    const data = Float32Array.of(9, 9, 1, 2, 3, 9).subarray(2, 5);
    expect(numbers(await model.run([{ name: 'x', dtype: 'float32', shape: [1, 3], data }]))).toEqual([2, 4, 6]);
  });

  it('keeps no tensor of a run, not of one that fails either', async () => {
    await model.run([rows([1, 2, 3])]);
    const after = await subject.held();
    for (let round = 0; round < 20; round++) await model.run([rows([round, 2, 3])]);
    const wrong = tensor('other', [[1, 2, 3]]);
    for (let round = 0; round < 5; round++) await expect(Promise.resolve().then(() => model.run([wrong]))).rejects.toThrow(/x/);
    expect(await subject.held()).toEqual(after);
    expect(numbers(await model.run([rows([1, 2, 3])]))).toEqual([2, 4, 6]);
  });

  it('is gone after disposal', async () => {
    await model.dispose();
    expect(await subject.held()).toEqual(before);
  });

  it('takes dimensions that are known only at run time', async () => {
    const dynamic = await subject.doubling(fresh(), [-1, -1]);
    expect(dynamic.signature.inputs[0]?.shape).toEqual([-1, -1]);
    for (const width of [1, 4, 2]) expect(numbers(await dynamic.run([rows(new Array<number>(width).fill(3))]))).toEqual(new Array<number>(width).fill(6));
    await dynamic.dispose();
  });

  it('keeps several inputs and outputs apart, by name and in any order', async () => {
    const two = await subject.twoByTwo(fresh());
    expect(two.signature.inputs.map((input) => input.name).sort()).toEqual(['a', 'b']);
    const outputs = await two.run([tensor('b', [[1, 2], [3, 4]]), tensor('a', [[5, 6], [7, 8]])]);
    expect(outputs.map((output) => output.name)).toEqual(two.signature.outputs.map((output) => output.name));
    const byOrder = new Map(outputs.map((output) => [output.name.startsWith('total') ? 'total' : 'difference', Array.from(output.data as Float32Array)]));
    expect(byOrder).toEqual(new Map([['total', [6, 8, 10, 12]], ['difference', [4, 4, 4, 4]]]));
    await two.dispose();
  });

  describe('refuses, with a reason of the catalogue and the name of the file', () => {
    const spoiled = async (spoil: (file: string) => void, of: Subject = subject): Promise<string> => {
      const at = fresh();
      await (await of.doubling(at, [-1, 3])).dispose();
      spoil(path.join(at, of.file));
      return path.join(at, of.file);
    };

    it.each([
      ['noise', (file: string) => { writeFileSync(file, 'this is no model, but a text of some length'); }],
      ['a file cut in the middle', (file: string) => { truncateSync(file, Math.floor(statSync(file).size / 2)); }],
      ['an empty file', (file: string) => { truncateSync(file, 0); }],
    ])('%s', async (_what, spoil) => {
      const file = await spoiled(spoil);
      await expect(subject.load(file)).rejects.toMatchObject({ name: 'LoadError', reason: 'ModelParseFailed', message: expect.stringContaining(path.dirname(file)) as string });
    });
  });
});

describe('the dtypes of ONNX', () => {
  const VALUES: Partial<Record<OnnxType & DType, TensorData>> = {
    float32: Float32Array.of(1.5, -2, 1e30),
    float64: Float64Array.of(0.1, 1e300, -3),
    float16: Float32Array.of(1.5, -2, 65_504),
    int8: Int8Array.of(1, -128, 127),
    int16: Int16Array.of(1, -32_768, 32_767),
    int32: Int32Array.of(1, -2_147_483_648, 2_147_483_647),
    int64: BigInt64Array.of(1n, -(2n ** 53n), 2n ** 53n),
    uint8: Uint8Array.of(0, 1, 255),
    uint16: Uint16Array.of(0, 1, 65_535),
    uint32: Uint32Array.of(0, 1, 4_294_967_295),
    uint64: BigUint64Array.of(0n, 1n, 2n ** 53n),
    bool: Uint8Array.of(0, 1, 1),
    string: ['a', 'ß', ''],
  };

  it('are the published ones', () => {
    expect(Object.keys(DTYPE_SUPPORT.onnx).sort()).toEqual(Object.keys(VALUES).sort());
  });

  it.each(Object.entries(VALUES))('%s goes in and comes out', async (dtype, data) => {
    const model = await onnx(onnxIdentity(fresh(), dtype as OnnxType));
    expect(model.signature.inputs[0]?.dtype).toBe(dtype);
    expect(await model.run([{ name: 'x', dtype: dtype as DType, shape: [1, 3], data }])).toEqual([{ name: 'y', dtype, shape: [1, 3], data }]);
    await model.dispose();
  });

  it('bytes are text where they are UTF-8, and refused where they are not', async () => {
    const model = await onnx(onnxIdentity(fresh(), 'string', ['rows']));
    const send = (...data: (string | Uint8Array)[]): Tensor => ({ name: 'x', dtype: 'string', shape: [data.length], data });
    expect((await model.run([send(Buffer.from('größer'), 'b')]))[0]?.data).toEqual(['größer', 'b']);
    for (const bad of [Uint8Array.of(0xff, 0xfe), 'a\0b', '\ud800']) {
      await expect(Promise.resolve().then(() => model.run([send(bad)]))).rejects.toMatchObject({ code: 'invalid_input', errors: [{ path: 'inputs.x' }] });
    }
    await model.dispose();
  });

  it.each(['bfloat16', 'complex64'] as const)('%s is refused when it is loaded', async (dtype) => {
    await expect(onnx(onnxIdentity(fresh(), dtype))).rejects.toMatchObject({ reason: 'UnsupportedDType' });
  });

  it('scalars and empty batches', async () => {
    const scalar = await onnx(onnxIdentity(fresh(), 'float32', []));
    expect(await scalar.run([{ name: 'x', dtype: 'float32', shape: [], data: Float32Array.of(5) }])).toMatchObject([{ shape: [], data: Float32Array.of(5) }]);
    await scalar.dispose();
    const rowsModel = await onnx(onnxIdentity(fresh(), 'float32'));
    expect(await rowsModel.run([{ name: 'x', dtype: 'float32', shape: [0, 3], data: new Float32Array(0) }])).toMatchObject([{ shape: [0, 3] }]);
    await rowsModel.dispose();
  });
});

describe('what only ONNX has', () => {
  const value = (name: string) => ({ name, dtype: 'float32', shape: ['rows', 3] }) as const;
  const single = (op: string, more: object = {}): Promise<BackendModel> => onnx(writeOnnx(fresh(), { nodes: [{ op, inputs: ['x'], outputs: ['y'] }], inputs: [value('x')], outputs: [value('y')], ...more }));

  it.each([
    ['an operator that does not exist', () => single('NoSuchOp'), 'UnsupportedOp', /NoSuchOp/],
    ['an operator of another vendor', () => onnx(writeOnnx(fresh(), { nodes: [{ op: 'Thing', domain: 'com.acme', inputs: ['x'], outputs: ['y'] }], inputs: [value('x')], outputs: [value('y')] })), 'UnsupportedOp', /com\.acme:Thing/],
    ['an operator set newer than the runtime', () => single('Relu', { opset: 99 }), 'UnsupportedOp', /99/],
    ['types that do not fit', () => single('Not'), 'ModelParseFailed', /Not/],
  ])('%s is named', async (_what, load, reason, words) => {
    await expect(load()).rejects.toMatchObject({ name: 'LoadError', reason, message: expect.stringMatching(words) as string });
    await expect(load()).rejects.toThrow('model.onnx');
  });

  it('weights in a file beside the model', async () => {
    const at = fresh();
    mkdirSync(at, { recursive: true });
    const graph = { nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }], weights: [{ name: 'w', dtype: 'float32', shape: [3], data: { file: 'weights.bin', length: 12 } }], inputs: [value('x')], outputs: [value('y')] } as const;
    const file = writeOnnx(at, graph);
    await expect(onnx(file)).rejects.toMatchObject({ reason: 'ModelParseFailed', message: expect.stringContaining('weights.bin') as string });
    writeFileSync(path.join(at, 'weights.bin'), new Uint8Array(Float32Array.of(10, 20, 30).buffer));
    const model = await onnx(file);
    expect(numbers(await model.run([rows([1, 2, 3])]))).toEqual([11, 22, 33]);
    expect(model.bytes).toBe(statSync(file).size + 12);
    await model.dispose();
  });

  it('a run that the runtime refuses says so, and the next one works', async () => {
    const model = await onnx(onnxIdentity(fresh(), 'float32'));
    await expect(Promise.resolve().then(() => model.run([rows([1, 2])]))).rejects.toMatchObject({ code: 'inference_failed', message: expect.stringMatching(/Expected: 3/) as string });
    expect(numbers(await model.run([rows([1, 2, 3])]))).toEqual([1, 2, 3]);
    await model.dispose();
  });
});

describe('several signatures of a SavedModel', () => {
  const T = attribute.type('float32');
  const ends = (node: string) => ({ name: 'y', node: `${node}:0`, dtype: 'float32', shape: [-1, 3] }) as const;
  const input = { name: 'x', node: 'x:0', dtype: 'float32', shape: [-1, 3] } as const;
  const write = (): string =>
    writeSavedModel(fresh(), {
      nodes: [
        { name: 'x', op: 'Placeholder', attributes: { dtype: T, shape: attribute.shape([-1, 3]) } },
        { name: 'twice', op: 'AddV2', inputs: ['x', 'x'], attributes: { T } },
        { name: 'square', op: 'Mul', inputs: ['x', 'x'], attributes: { T } },
      ],
      inputs: [input],
      outputs: [ends('twice')],
      more: { squared: { inputs: [input], outputs: [ends('square')] } },
    });

  it.each([['serving_default', [2, 4, 6]], ['squared', [1, 4, 9]]])('%s answers by its own graph', async (name, expected) => {
    const model = await savedModel(write(), name);
    expect(numbers(await model.run([rows([1, 2, 3])]))).toEqual(expected);
    await model.dispose();
  });

  it('one that does not exist is refused with those that do', async () => {
    await expect(savedModel(write(), 'cubed')).rejects.toMatchObject({ reason: 'WrongSignature', message: expect.stringContaining('it has: serving_default, squared') as string });
  });
});

describe('tfjs graphs of dynamic shape', () => {
  it.each([['native', native], ['slow', slow]] as const)('run although they only run asynchronously (%s)', async (_name, runtime) => {
    const file = writeGraph(fresh(), [{ ...placeholder('x', 'DT_BOOL') }, { name: 'y', op: 'Where', input: ['x'], attr: {} }], {
      inputs: { x: info('x', 'DT_BOOL', ['-1', '3']) },
      outputs: { y: info('y', 'DT_INT64', ['-1', '2']) },
    });
    const model = await tfjsGraph(runtime, file);
    const input: Tensor = { name: 'x', dtype: 'bool', shape: [2, 3], data: Uint8Array.of(0, 1, 0, 0, 0, 1) };
    const before = runtime.tf.memory().numTensors;
    for (let round = 0; round < 3; round++) {
      const [output] = await model.run([input]);
      expect(output?.shape).toEqual([2, 2]);
      expect(Array.from(output?.data as Int32Array)).toEqual([0, 1, 1, 2]);
    }
    expect(runtime.tf.memory().numTensors).toBe(before);
    await model.dispose();
  });

  it('an operation that tfjs lacks is named', async () => {
    const file = writeGraph(fresh(), [placeholder('x', 'DT_FLOAT'), { name: 'y', op: 'NoSuchOp', input: ['x'] }], { inputs: { x: info('x', 'DT_FLOAT', ['-1', '3']) }, outputs: { y: info('y', 'DT_FLOAT', ['-1', '3']) } });
    const attempt = tfjsGraph(native, file).then((model) => model.run([rows([1, 2, 3])]));
    await expect(attempt).rejects.toThrow(/NoSuchOp/);
  });
});
