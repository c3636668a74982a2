// Every committed package: its manifest passes the schema, its model loads in the real runtime (TensorFlow, ONNX Runtime), has the declared signature,
// and gives the expected answers of its samples.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { GraphModel, LayersModel, Tensor } from '@tensorflow/tfjs-node';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { ModelPackage } from '../api/src/model-package.ts';
import { openOnnx } from '../server/src/backends/onnx.ts';
import type { Tensor as ServerTensor } from '../server/src/inference/tensor.ts';
import { classifierOnnxFiles } from './training/classifier-onnx.ts';
import { tf } from './training/tensorflow.ts';

const here = import.meta.dirname;
const folders = (parent: string): string[] =>
  readdirSync(parent, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => path.join(parent, entry.name));
const packages = folders(here).flatMap(folders).filter((folder) => /^v\d+$/.test(path.basename(folder)))
  .map((folder) => path.relative(here, folder));

const manifestOf = (name: string): ModelPackage => ModelPackage.parse(load(readFileSync(path.join(here, name, 'model.yaml'), 'utf8')));
const onnxPackages = packages.filter((name) => manifestOf(name).format === 'onnx');
const tensorPackages = packages.filter((name) => scaleOf(manifestOf(name)) !== undefined && !onnxPackages.includes(name));

/** What the package divides its inputs by; undefined for text. */
function scaleOf(manifest: ModelPackage): number | undefined {
  const [step] = manifest.preprocessing ?? [];
  if (step === undefined) return 1;
  return 'numeric' in step ? step.numeric.scale : undefined;
}

function read<T>(...parts: string[]): T {
  return JSON.parse(readFileSync(path.join(here, ...parts), 'utf8')) as T;
}

type Model = LayersModel | GraphModel | Awaited<ReturnType<typeof tf.node.loadSavedModel>>;

async function modelOf(name: string): Promise<Model> {
  const url = `file://${path.join(here, name, 'model.json')}`;
  const { format } = manifestOf(name);
  if (format === 'tfjs-layers') return tf.loadLayersModel(url);
  return format === 'tfjs-graph' ? tf.loadGraphModel(url) : tf.node.loadSavedModel(path.join(here, name));
}

/** Names as callers write them: of a SavedModel those of the signature, not of its tensors. */
async function inputNames(name: string, model: Model): Promise<string[]> {
  if (manifestOf(name).format !== 'saved-model') return model.inputs.map((input) => input.name);
  const [graph] = await tf.node.getMetaGraphsFromSavedModel(path.join(here, name));
  return Object.keys(graph?.signatureDefs['serving_default']?.inputs ?? {});
}

function bytes(name: string): number {
  const files = readdirSync(path.join(here, name), { recursive: true, encoding: 'utf8' });
  return files.reduce((sum, file) => sum + statSync(path.join(here, name, file)).size, 0);
}

test('the sample models are all here', () => {
  expect(packages.sort()).toEqual(['classifier-onnx/v1', 'classifier/v1', 'classifier/v2', 'digits/v1', 'digits/v2', 'sentiment/v1', 'sentiment/v2']);
});

test.each(packages)('%s is small, and its manifest names its folder', (name) => {
  const manifest = manifestOf(name);
  expect(path.join(manifest.name, manifest.version)).toBe(name);
  expect(bytes(name)).toBeLessThan(1_000_000);
});

test.each(tensorPackages)('%s answers its samples', async (name) => {
  const manifest = manifestOf(name);
  const model = await modelOf(name);
  expect(await inputNames(name, model)).toEqual(manifest.inputs?.map((input) => input.name));
  expect(manifest.samples?.length).toBeGreaterThan(0);
  for (const sample of manifest.samples ?? []) {
    const { inputs } = read<{ inputs: number[][] }>(name, sample.request);
    const { predictions } = read<{ predictions: number[][] }>(name, sample.response ?? '');
    const got = tf.tidy(() => (model.predict(tf.tensor(inputs).div(scaleOf(manifest) ?? 1), {}) as Tensor).arraySync()) as number[][];
    expect(got).toEqual(predictions.map((row) => row.map((value) => expect.closeTo(value, 4) as number)));
  }
});

const onnxInput = ({ inputs: [input] = [] }: ModelPackage, rows: number[][]): ServerTensor =>
  ({ name: input?.name ?? '', dtype: 'float32', shape: [rows.length, rows[0]?.length ?? 0], data: Float32Array.from(rows.flat()) });

test.each(onnxPackages)('%s answers its samples', async (name) => {
  const manifest = manifestOf(name);
  const backend = await openOnnx();
  const model = await backend.load({ format: 'onnx', path: path.join(here, name, 'model.onnx'), signatureName: '' });
  expect(model.signature.inputs).toMatchObject(manifest.inputs ?? []);
  expect(model.signature.outputs.map((output) => output.name)).toEqual(manifest.outputs?.map((output) => output.name));
  expect(manifest.samples?.length).toBeGreaterThan(0);
  for (const sample of manifest.samples ?? []) {
    const { inputs } = read<{ inputs: number[][] }>(name, sample.request);
    const { predictions } = read<{ predictions: number[][] }>(name, sample.response ?? '');
    const [answer] = await model.run([onnxInput(manifest, inputs)]);
    expect(Array.from(answer?.data as Float32Array)).toEqual(predictions.flat().map((value) => expect.closeTo(value, 4) as number));
  }
  await model.dispose();
});

test('classifier-onnx is what its script writes from the weights of classifier v2', () => {
  const committed = readFileSync(path.join(here, 'classifier-onnx', 'v1', 'model.onnx'));
  expect(committed.equals(classifierOnnxFiles()['model.onnx'] as Uint8Array)).toBe(true);
});
