// Owns the file layouts of the tfjs formats (layers and graph) and of a package folder. Must not know any one model.
// Nothing here writes a date or a machine's name, so that the same weights always give the same bytes.
import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ModelPackage } from '@slipway/api';
import { dump } from 'js-yaml';
import type { LayersModel, Tensor } from '@tensorflow/tfjs-node';
import { tf } from './tensorflow.ts';

/** Files of a package by their path inside it. */
export type Files = Record<string, string | Uint8Array>;

export const MODELS_FOLDER = path.resolve(import.meta.dirname, '..');

/** Indented JSON with lists of numbers on one line. */
export function json(value: unknown): string {
  const indented = JSON.stringify(value, null, 2);
  return `${indented.replace(/\[[-\d.e,\s+]*\]/g, (list) => list.replace(/\s+/g, ' ').replace('[ ', '[').replace(' ]', ']'))}\n`;
}

export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** `model.json` and `weights.bin` of a tfjs layers model. */
export async function layersFiles(model: LayersModel): Promise<Files> {
  const files: Files = {};
  await model.save(
    tf.io.withSaveHandler((artifacts) => {
      files['model.json'] = json({
        format: 'layers-model',
        modelTopology: artifacts.modelTopology,
        weightsManifest: [{ paths: ['weights.bin'], weights: artifacts.weightSpecs }],
      });
      files['weights.bin'] = bytesOf(artifacts.weightData);
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } });
    }),
  );
  return files;
}

function bytesOf(data: ArrayBuffer | ArrayBuffer[] | undefined): Uint8Array {
  if (data === undefined) throw new Error('the model has no weights');
  const parts = Array.isArray(data) ? data : [data];
  return Buffer.concat(parts.map((part) => new Uint8Array(part)));
}

export interface GraphNode {
  name: string;
  op: string;
  input?: string[];
  attr?: Record<string, unknown>;
}

export interface Graph {
  /** Nodes in execution order; the weights become Const nodes of their own. */
  nodes: GraphNode[];
  weights: Record<string, Tensor>;
  inputs: Record<string, { name: string; shape: number[] }>;
  outputs: Record<string, { name: string; shape: number[] }>;
}

/** `model.json` and `weights.bin` of a tfjs graph model with float32 inputs, outputs and weights. */
export function graphFiles(graph: Graph): Files {
  const names = Object.keys(graph.weights).sort();
  const tensors = names.map((name) => graph.weights[name]).filter((tensor) => tensor !== undefined);
  const constants = names.map((name, index) => ({
    name,
    op: 'Const',
    attr: { dtype: FLOAT, value: { tensor: { dtype: 'DT_FLOAT', tensorShape: shapeOf(tensors[index]?.shape ?? []) } } },
  }));
  const weights = names.map((name, index) => ({ name, shape: tensors[index]?.shape ?? [], dtype: 'float32' }));
  return {
    'model.json': json({
      format: 'graph-model',
      signature: { inputs: signatureOf(graph.inputs), outputs: signatureOf(graph.outputs) },
      modelTopology: { node: [...constants, ...graph.nodes], versions: { producer: 1482 } },
      weightsManifest: [{ paths: ['weights.bin'], weights }],
    }),
    'weights.bin': Buffer.concat(tensors.map((tensor) => new Uint8Array(Float32Array.from(tensor.dataSync()).buffer))),
  };
}

export const FLOAT = { type: 'DT_FLOAT' };

export const shapeOf = (dims: number[]): unknown => ({ dim: dims.map((size) => ({ size: String(size) })) });

function signatureOf(ends: Graph['inputs']): unknown {
  return Object.fromEntries(
    Object.entries(ends).map(([key, end]) => [
      key,
      { name: `${end.name}:0`, dtype: 'DT_FLOAT', tensorShape: shapeOf(end.shape) },
    ]),
  );
}

/** A sample request and what the server has to answer, at least these keys, numbers within 1e-3. */
export interface Sample {
  name: string;
  request: unknown;
  response: unknown;
}

/**
 * Replaces the files of `models/<name>/<version>` by the given ones, their samples and a checked `model.yaml`.
 * A SavedModel that another program wrote into the folder is kept.
 */
export async function writePackage(manifest: unknown, files: Files, samples: Sample[]): Promise<void> {
  const all: Files = { ...files };
  for (const sample of samples) {
    all[`samples/${sample.name}.request.json`] = json(sample.request);
    all[`samples/${sample.name}.response.json`] = json(sample.response);
  }
  const declared = { ...(manifest as object), samples: samples.map((sample) => sampleFiles(sample.name)) };
  const checked = ModelPackage.parse(declared);
  all['model.yaml'] = dump(declared, { lineWidth: 120, noRefs: true, flowLevel: 3 });
  const folder = path.join(MODELS_FOLDER, checked.name, checked.version);
  for (const old of ['model.json', 'model.onnx', 'weights.bin', 'vocabulary.txt', 'vectors.json', 'samples']) {
    await rm(path.join(folder, old), { recursive: true, force: true });
  }
  for (const [file, content] of Object.entries(all)) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), content);
  }
}

const sampleFiles = (name: string): { request: string; response: string } => ({
  request: `samples/${name}.request.json`,
  response: `samples/${name}.response.json`,
});
