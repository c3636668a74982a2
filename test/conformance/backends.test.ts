// One suite for everything that runs models: native SavedModel, native and slow tfjs graph and layers. Whatever the format, the same
// function gives the same answers, and tensors are gone afterwards. A skip says why.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as slowTf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tf } from '../../models/training/tensorflow.ts';
import type { BackendModel } from '../../server/src/backends/backend.ts';
import { nativeOf, primeAttributeNames } from '../../server/src/backends/native.ts';
import type { Runtime } from '../../server/src/backends/runtime.ts';
import { loadSavedModel } from '../../server/src/backends/saved-model.ts';
import { loadTfjs } from '../../server/src/backends/tfjs-model.ts';
import type { Tensor } from '../../server/src/inference/tensor.ts';
import { doubling } from '../server/support/saved-model.ts';
import { temporaryFolder } from '../server/support/server.ts';

const folder = temporaryFolder();
afterAll(() => { folder[Symbol.dispose](); });

const native: Runtime = { tf: tf, native: nativeOf(tf), info: { backend: 'tensorflow', version: '' } };
primeAttributeNames(native.native as NonNullable<Runtime['native']>);
const slow: Runtime = { tf: slowTf, native: undefined, info: { backend: 'tfjs-cpu', version: '' } };

interface Node {
  name: string;
  op: string;
  input?: string[];
  attr?: Record<string, unknown>;
}

/** Writes a tfjs graph model without weights. */
function writeGraph(name: string, nodes: Node[], signature: object): string {
  const file = path.join(folder.path, name, 'model.json');
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ format: 'graph-model', modelTopology: { node: nodes, versions: { producer: 1, minConsumer: 1 } }, signature, weightsManifest: [] }));
  return file;
}
const placeholder = (name: string, type: string): Node => ({ name, op: 'Placeholder', attr: { dtype: { type }, shape: { shape: { dim: [{ size: '-1' }, { size: '3' }] } } } });
const info = (node: string, dtype: string, dims: string[]): object => ({ name: `${node}:0`, dtype, tensorShape: { dim: dims.map((size) => ({ size })) } });

/** y = x + x */
const doublingGraph = (): string =>
  writeGraph('graph', [placeholder('x_node', 'DT_FLOAT'), { name: 'y_node', op: 'AddV2', input: ['x_node', 'x_node'], attr: { T: { type: 'DT_FLOAT' } } }], {
    inputs: { x: info('x_node', 'DT_FLOAT', ['-1', '3']) },
    outputs: { y: info('y_node', 'DT_FLOAT', ['-1', '3']) },
  });

async function doublingLayers(): Promise<string> {
  const input = tf.input({ shape: [3], name: 'x' });
  const model = tf.model({ inputs: input, outputs: tf.layers.add({ name: 'y' }).apply([input, input]) as ReturnType<typeof tf.input> });
  const file = path.join(folder.path, 'layers');
  mkdirSync(file, { recursive: true });
  await model.save(`file://${file}`);
  model.dispose();
  return path.join(file, 'model.json');
}

const SUBJECTS: [string, Runtime, () => Promise<BackendModel>][] = [
  ['native SavedModel', native, async () => loadSavedModel(native, { format: 'saved-model', path: doubling(path.join(folder.path, 'saved'), 'float32'), signatureName: 'serving_default' })],
  ['native tfjs graph', native, async () => loadTfjs(native, { format: 'tfjs-graph', path: doublingGraph(), signatureName: '' })],
  ['native tfjs layers', native, async () => loadTfjs(native, { format: 'tfjs-layers', path: await doublingLayers(), signatureName: '' })],
  ['slow tfjs graph', slow, async () => loadTfjs(slow, { format: 'tfjs-graph', path: doublingGraph(), signatureName: '' })],
  ['slow tfjs layers', slow, async () => loadTfjs(slow, { format: 'tfjs-layers', path: await doublingLayers(), signatureName: '' })],
];

const rows = (...values: number[][]): Tensor => ({ name: 'x', dtype: 'float32', shape: [values.length, 3], data: Float32Array.from(values.flat()) });
const numbers = (tensors: readonly Tensor[]): number[] => Array.from(tensors[0]?.data as Float32Array);

describe.each(SUBJECTS)('%s', (_name, runtime, load) => {
  let model: BackendModel;
  const held = (): [number, number] => [runtime.tf.memory().numTensors, runtime.native?.count() ?? 0];
  let before: [number, number];
  beforeAll(async () => {
    await slowTf.setBackend('cpu');
    before = held();
    model = await load();
  });

  it('says its public names, dtypes and shapes', () => {
    expect(model.signature.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [-1, 3] }]);
    expect(model.signature.outputs).toMatchObject([{ dtype: 'float32', shape: [-1, 3] }]);
  });

  it('runs one row and many', async () => {
    expect(numbers(await model.run([rows([1, 2, 3])]))).toEqual([2, 4, 6]);
    const [output] = await model.run([rows([1, 2, 3], [4, 5, 6])]);
    expect(output).toMatchObject({ name: model.signature.outputs[0]?.name, dtype: 'float32', shape: [2, 3] });
  });

  it('gives memory that is its caller\'s own', async () => {
    const input = rows([1, 2, 3]);
    const first = await model.run([input]);
    (first[0]?.data as Float32Array).fill(0);
    (input.data as Float32Array).fill(7);
    expect(numbers(await model.run([rows([1, 2, 3])]))).toEqual([2, 4, 6]);
  });

  it('keeps no tensor of a run, not of one that fails either', async () => {
    await model.run([rows([1, 2, 3])]);
    const after = held();
    for (let round = 0; round < 20; round++) await model.run([rows([round, 2, 3])]);
    const wrong: Tensor = { name: 'other', dtype: 'float32', shape: [1, 3], data: new Float32Array(3) };
    for (let round = 0; round < 5; round++) await expect(Promise.resolve().then(() => model.run([wrong]))).rejects.toThrow(/x/);
    expect(held()).toEqual(after);
  });

  it('is gone after disposal', async () => {
    model.dispose();
    expect(held()).toEqual(before);
    await Promise.resolve();
  });
});

describe('tfjs graphs of dynamic shape', () => {
  it.each([['native', native], ['slow', slow]] as const)('run although they only run asynchronously (%s)', async (_name, runtime) => {
    const file = writeGraph('where', [{ ...placeholder('x', 'DT_BOOL') }, { name: 'y', op: 'Where', input: ['x'], attr: {} }], {
      inputs: { x: info('x', 'DT_BOOL', ['-1', '3']) },
      outputs: { y: info('y', 'DT_INT64', ['-1', '2']) },
    });
    const model = await loadTfjs(runtime, { format: 'tfjs-graph', path: file, signatureName: '' });
    const input: Tensor = { name: 'x', dtype: 'bool', shape: [2, 3], data: Uint8Array.of(0, 1, 0, 0, 0, 1) };
    const before = runtime.tf.memory().numTensors;
    for (let round = 0; round < 3; round++) {
      const [output] = await model.run([input]);
      expect(output?.shape).toEqual([2, 2]);
      expect(Array.from(output?.data as Int32Array)).toEqual([0, 1, 1, 2]);
    }
    expect(runtime.tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('an operation that tfjs lacks is named', async () => {
    const file = writeGraph('unknown', [placeholder('x', 'DT_FLOAT'), { name: 'y', op: 'NoSuchOp', input: ['x'] }], { inputs: { x: info('x', 'DT_FLOAT', ['-1', '3']) }, outputs: { y: info('y', 'DT_FLOAT', ['-1', '3']) } });
    const attempt = loadTfjs(native, { format: 'tfjs-graph', path: file, signatureName: '' }).then((model) => model.run([rows([1, 2, 3])]));
    await expect(attempt).rejects.toThrow(/NoSuchOp/);
  });
});
