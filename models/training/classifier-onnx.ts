// Owns the ONNX sample: the network of classifier v2, its committed weights unchanged, as an ONNX graph. Trains nothing and needs
// neither TensorFlow nor an ONNX library, so it gives the same bytes on every machine.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import { MODELS_FOLDER, writePackage } from './artifacts.ts';
import type { Files, Sample } from './artifacts.ts';
import { onnxModel, type OnnxNode, type OnnxWeight } from './onnx.ts';

const SOURCE = path.join(MODELS_FOLDER, 'classifier', 'v2');
const LAYERS = [['hidden1', 'Relu'], ['hidden2', 'Relu'], ['probabilities', 'Softmax']] as const;
const FLOAT_BYTES = 4;

interface TfjsModel {
  weightsManifest: { weights: { name: string; shape: number[] }[] }[];
}

const read = (file: string): string => readFileSync(path.join(SOURCE, file), 'utf8');

/** The weights of the tfjs graph: their bytes are little-endian float32 in a row, as ONNX wants them. */
function weights(): OnnxWeight[] {
  const { weightsManifest } = JSON.parse(read('model.json')) as TfjsModel;
  const bytes = readFileSync(path.join(SOURCE, 'weights.bin'));
  let offset = 0;
  return weightsManifest.flatMap((group) => group.weights).map(({ name, shape }) => {
    const length = shape.reduce((product, dim) => product * dim, FLOAT_BYTES);
    const data = bytes.subarray(offset, (offset += length));
    return { name, dtype: 'float32', shape, data };
  });
}

/** `model.onnx` of the sample. */
export function classifierOnnxFiles(): Files {
  let input = 'readings';
  const nodes = LAYERS.flatMap(([name, activation], index): OnnxNode[] => {
    const output = index === LAYERS.length - 1 ? 'probabilities' : `${name}/out`;
    const made: OnnxNode[] = [
      { op: 'Gemm', inputs: [input, `${name}/kernel`, `${name}/bias`], outputs: [`${name}/sum`] },
      { op: activation, inputs: [`${name}/sum`], outputs: [output] },
    ];
    input = output;
    return made;
  });
  const model = onnxModel({
    name: 'classifier',
    nodes,
    weights: weights(),
    inputs: [{ name: 'readings', dtype: 'float32', shape: ['rows', 5] }],
    outputs: [{ name: 'probabilities', dtype: 'float32', shape: ['rows', 3] }],
  });
  return { 'model.onnx': model };
}

/** Writes the package: model.yaml and samples are those of classifier v2 but for name, version and format. */
export async function writeClassifierOnnx(print: (line: string) => void): Promise<void> {
  const { samples: _, ...manifest } = load(read('model.yaml')) as Record<string, unknown>;
  const sample = (name: string): Sample => {
    const request = JSON.parse(read(`samples/${name}.request.json`)) as object;
    const response = JSON.parse(read(`samples/${name}.response.json`)) as object;
    return { name, request: { ...request, modelName: 'classifier-onnx' }, response: { ...response, modelVersion: 'v1' } };
  };
  const files = classifierOnnxFiles();
  await writePackage({ ...manifest, name: 'classifier-onnx', version: 'v1', numericVersion: 1, format: 'onnx' }, files, [sample('one'), sample('many')]);
  print(`classifier-onnx v1: the weights of classifier v2, ${String(files['model.onnx']?.length ?? 0)} bytes`);
}
