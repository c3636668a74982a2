// The same small functions written in every format, and how each is loaded: what the conformance suite runs. Must not assert anything.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as slowTf from '@tensorflow/tfjs';
import { onnxModel, type OnnxGraph, type OnnxType } from '../../models/training/onnx.ts';
import { tf } from '../../models/training/tensorflow.ts';
import type { ModelFormat } from '../../api/src/model-package.ts';
import { runtimeOf, type BackendModel } from '../../server/src/backends/backend.ts';
import { nativeOf, primeAttributeNames } from '../../server/src/backends/native.ts';
import { openOnnx } from '../../server/src/backends/onnx.ts';
import type { Runtime } from '../../server/src/backends/runtime.ts';
import { loadSavedModel } from '../../server/src/backends/saved-model.ts';
import { loadTfjs } from '../../server/src/backends/tfjs-model.ts';
import { WorkerProcess } from '../../server/src/backends/worker-process.ts';
import { doubling, twoByTwo } from '../server/support/saved-model.ts';

export const native: Runtime = { tf, native: nativeOf(tf), info: { backend: 'tensorflow', version: '' } };
primeAttributeNames(native.native as NonNullable<Runtime['native']>);
export const slow: Runtime = { tf: slowTf, native: undefined, info: { backend: 'tfjs-cpu', version: '' } };
const onnxBackend = await openOnnx();

/** Tensors that the runtimes hold: tfjs's own count on both backends, and native handles. */
export const held = (): number[] => [tf.memory().numTensors, slowTf.memory().numTensors, native.native?.count() ?? 0];

export const savedModel = (folder: string, signatureName = 'serving_default'): Promise<BackendModel> => loadSavedModel(native, { format: 'saved-model', path: folder, signatureName });
export const tfjsGraph = (runtime: Runtime, file: string): Promise<BackendModel> => loadTfjs(runtime, { format: 'tfjs-graph', path: file, signatureName: '' });
const tfjsLayers = (runtime: Runtime, file: string): Promise<BackendModel> => loadTfjs(runtime, { format: 'tfjs-layers', path: file, signatureName: '' });
export const onnx = (file: string): Promise<BackendModel> => onnxBackend.load({ format: 'onnx', path: file, signatureName: '' });

export interface GraphNode {
  name: string;
  op: string;
  input?: string[];
  attr?: Record<string, unknown>;
}

/** Writes a tfjs graph model without weights. */
export function writeGraph(folder: string, nodes: GraphNode[], signature: object): string {
  const file = path.join(folder, 'model.json');
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, JSON.stringify({ format: 'graph-model', modelTopology: { node: nodes, versions: { producer: 1, minConsumer: 1 } }, signature, weightsManifest: [] }));
  return file;
}
export const placeholder = (name: string, type: string, dims = ['-1', '3']): GraphNode => ({ name, op: 'Placeholder', attr: { dtype: { type }, shape: { shape: { dim: dims.map((size) => ({ size })) } } } });
export const info = (node: string, dtype: string, dims: string[]): object => ({ name: `${node}:0`, dtype, tensorShape: { dim: dims.map((size) => ({ size })) } });

export function writeOnnx(folder: string, graph: Omit<OnnxGraph, 'name'>): string {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'model.onnx');
  writeFileSync(file, onnxModel({ name: 'test', ...graph }));
  return file;
}

/** y = x, of any dtype. */
export const onnxIdentity = (folder: string, dtype: OnnxType, shape: readonly (number | string)[] = ['rows', 3]): string =>
  writeOnnx(folder, { nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }], inputs: [{ name: 'x', dtype, shape }], outputs: [{ name: 'y', dtype, shape }] });

type Dims = readonly number[];

const doublingGraph = (folder: string, shape: Dims): string => {
  const dims = shape.map(String);
  return writeGraph(folder, [placeholder('x_node', 'DT_FLOAT', dims), { name: 'y_node', op: 'AddV2', input: ['x_node', 'x_node'], attr: { T: { type: 'DT_FLOAT' } } }], {
    inputs: { x: info('x_node', 'DT_FLOAT', dims) },
    outputs: { y: info('y_node', 'DT_FLOAT', dims) },
  });
};

async function doublingLayers(folder: string, [, ...row]: Dims): Promise<string> {
  const input = tf.input({ shape: row.map((dim) => (dim === -1 ? null : dim)), name: 'x' });
  const model = tf.model({ inputs: input, outputs: tf.layers.add({ name: 'y' }).apply([input, input]) as ReturnType<typeof tf.input> });
  return saveLayers(folder, model);
}

async function saveLayers(folder: string, model: ReturnType<typeof tf.model>): Promise<string> {
  mkdirSync(folder, { recursive: true });
  await model.save(`file://${folder}`);
  model.dispose();
  return path.join(folder, 'model.json');
}

const doublingOnnx = (folder: string, shape: Dims): string => {
  const dims = shape.map((dim, axis) => (dim === -1 ? `dim_${String(axis)}` : dim));
  return writeOnnx(folder, { nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }], inputs: [{ name: 'x', dtype: 'float32', shape: dims }], outputs: [{ name: 'y', dtype: 'float32', shape: dims }] });
};

const graphTwo = (folder: string): string => {
  const T = { T: { type: 'DT_FLOAT' } };
  const two = ['-1', '2'];
  return writeGraph(folder, [placeholder('node_b', 'DT_FLOAT', two), placeholder('node_a', 'DT_FLOAT', two), { name: 'plus', op: 'AddV2', input: ['node_a', 'node_b'], attr: T }, { name: 'minus', op: 'Sub', input: ['node_a', 'node_b'], attr: T }], {
    inputs: { b: info('node_b', 'DT_FLOAT', two), a: info('node_a', 'DT_FLOAT', two) },
    outputs: { total: info('plus', 'DT_FLOAT', two), difference: info('minus', 'DT_FLOAT', two) },
  });
};

/** Layers have no subtraction: the difference is a + (-1) b, by a dense layer of known weights. */
async function layersTwo(folder: string): Promise<string> {
  const [a, b] = [tf.input({ shape: [2], name: 'a' }), tf.input({ shape: [2], name: 'b' })];
  const negative = tf.layers.dense({ units: 2, useBias: false, name: 'negative', weights: [tf.tensor2d([[-1, 0], [0, -1]])] }).apply(b) as ReturnType<typeof tf.input>;
  const sum = (name: string, of: ReturnType<typeof tf.input>[]): ReturnType<typeof tf.input> => tf.layers.add({ name }).apply(of) as ReturnType<typeof tf.input>;
  return saveLayers(folder, tf.model({ inputs: [a, b], outputs: [sum('total', [a, b]), sum('difference', [a, negative])] }));
}

const onnxTwo = (folder: string): string => {
  const value = (name: string) => ({ name, dtype: 'float32', shape: ['rows', 2] }) as const;
  return writeOnnx(folder, {
    nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['total'] }, { op: 'Sub', inputs: ['a', 'b'], outputs: ['difference'] }],
    inputs: [value('b'), value('a')],
    outputs: [value('total'), value('difference')],
  });
};

export interface Subject {
  name: string;
  /** y = x + x */
  doubling(folder: string, shape: Dims): Promise<BackendModel>;
  /** total = a + b, difference = a - b */
  twoByTwo(folder: string): Promise<BackendModel>;
  /** The file or folder that the errors of `load` are about, and a load of whatever lies there. */
  load(at: string): Promise<BackendModel>;
  file: string;
  /** Tensors that the runtime holds. */
  held(): number[] | Promise<number[]>;
  close(): Promise<void>;
}

/** The functions as files of one format; what is written is loaded from the path that comes back. */
interface Files {
  format: ModelFormat;
  file: string;
  doubling(folder: string, shape: Dims): string | Promise<string>;
  twoByTwo(folder: string): string | Promise<string>;
}

type Load = (path: string) => Promise<BackendModel>;

const SAVED_MODEL: Files = { format: 'saved-model', file: 'saved_model.pb', doubling: (folder, shape) => doubling(folder, 'float32', shape), twoByTwo };
const GRAPH: Files = { format: 'tfjs-graph', file: 'model.json', doubling: doublingGraph, twoByTwo: graphTwo };
const LAYERS: Files = { format: 'tfjs-layers', file: 'model.json', doubling: doublingLayers, twoByTwo: layersTwo };
const ONNX: Files = { format: 'onnx', file: 'model.onnx', doubling: doublingOnnx, twoByTwo: onnxTwo };

function subject(name: string, files: Files, load: Load, more: Partial<Pick<Subject, 'held' | 'close'>> = {}): Subject {
  return {
    name,
    file: files.file,
    load: (at) => load(files.format === 'saved-model' ? path.dirname(at) : at),
    doubling: async (folder, shape) => load(await files.doubling(folder, shape)),
    twoByTwo: async (folder) => load(await files.twoByTwo(folder)),
    held,
    close: () => Promise.resolve(),
    ...more,
  };
}

/** The same through `isolation: process`: one child process, which holds one model at a time. Started by the first load. */
function isolated(files: Files): Subject {
  let started: Promise<WorkerProcess> | undefined;
  const worker = (): Promise<WorkerProcess> => (started ??= startProcess(files.format));
  const load: Load = async (at) => {
    const child = await worker();
    const loaded = await child.call('load', { format: files.format, path: at, signatureName: files.format === 'saved-model' ? 'serving_default' : '' });
    return {
      ...loaded,
      run: async (inputs) => (await child.call('run', { parts: [inputs] })).outputs,
      dispose: async () => { await child.call('unload', null); },
    };
  };
  const heldThere = async (): Promise<number[]> => {
    const { tensors, nativeTensors } = await (await worker()).call('stats', null);
    return [tensors, nativeTensors];
  };
  return subject(`${files.format} in a process of its own`, files, load, { held: heldThere, close: async () => { await (await started)?.stop(); } });
}

async function startProcess(format: ModelFormat): Promise<WorkerProcess> {
  const child = new WorkerProcess({ allowSlowBackend: false, maxHeapMb: 512, threads: 1, environment: {} });
  await child.call('start', runtimeOf(format));
  return child;
}

export const SUBJECTS: readonly Subject[] = [
  subject('native SavedModel', SAVED_MODEL, savedModel),
  ...[['native', native], ['slow', slow]].flatMap(([name, runtime]) => [
    subject(`${name as string} tfjs graph`, GRAPH, (at) => tfjsGraph(runtime as Runtime, at)),
    subject(`${name as string} tfjs layers`, LAYERS, (at) => tfjsLayers(runtime as Runtime, at)),
  ]),
  subject('ONNX', ONNX, onnx),
  ...[SAVED_MODEL, GRAPH, LAYERS, ONNX].map(isolated),
];
