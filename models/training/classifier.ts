// Owns the classifier sample: five sensor readings of a pump -> normal, worn or failing. The readings are made here.
// v1 is a softmax regression (tfjs layers), v2 a small network (tfjs graph) that also sees how readings act together.
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs-node';
import { FLOAT, graphFiles, layersFiles, shapeOf, writePackage } from './artifacts.ts';
import type { Files, Sample } from './artifacts.ts';
import { accuracy, argmax, fit, predict } from './fit.ts';
import { seeded } from './random.ts';
import { tf } from './tensorflow.ts';

const CLASSES = ['normal', 'worn', 'failing'];
const FEATURES = ['temperature', 'vibration', 'pressure', 'current', 'noise'];

/**
 * Readings in units where most lie between 0 and 6. Wear grows with vibration and noise, and with heat only while the
 * pressure is off its working point: that last part is not linear.
 */
export function pumpReadings(count: number, seed: number): { x: number[][]; y: number[] } {
  const random = seeded(seed);
  const x = Array.from({ length: count }, () => FEATURES.map(() => 6 * random.next()));
  const y = x.map(([temperature = 0, vibration = 0, pressure = 0, current = 0, noise = 0]) => {
    const strain = (temperature - 1) * Math.abs(pressure - 3);
    const wear = 0.9 * vibration + 0.5 * noise + 0.8 * strain - 0.2 * current + 0.4 * random.gaussian();
    if (wear < 5) return 0;
    return wear < 8 ? 1 : 2;
  });
  return { x, y };
}

async function trained(model: LayersModel, epochs: number): Promise<LayersModel> {
  model.compile({ optimizer: tf.train.adam(0.01), loss: 'categoricalCrossentropy' });
  const { x, y } = pumpReadings(6000, 11);
  await fit(model, { row: (index) => x[index] ?? [], y }, { classes: CLASSES.length, epochs, batchSize: 64, random: seeded(12) });
  return model;
}

function layers(name: string, sizes: number[]): LayersModel {
  const readings = tf.input({ name: 'readings', shape: [FEATURES.length] });
  let output = readings;
  sizes.forEach((units, index) => {
    const kernelInitializer = tf.initializers.glorotUniform({ seed: index + 1 });
    const layer = { name: `hidden${index + 1}`, units, activation: 'relu', kernelInitializer } as const;
    output = tf.layers.dense(layer).apply(output) as SymbolicTensor;
  });
  const kernelInitializer = tf.initializers.glorotUniform({ seed: 9 });
  const last = { name: 'probabilities', units: CLASSES.length, activation: 'softmax', kernelInitializer } as const;
  return tf.model({ name, inputs: readings, outputs: tf.layers.dense(last).apply(output) as SymbolicTensor });
}

/** The network as a graph of plain TensorFlow ops. */
function networkFiles(model: LayersModel): Files {
  const weights: Record<string, Tensor> = {};
  for (const weight of model.weights) weights[weight.originalName] = weight.read();
  const layer = (name: string, input: string, activation: string) => [
    { name: `${name}/matmul`, op: 'MatMul', input: [input, `${name}/kernel`], attr: MATMUL },
    { name: `${name}/add`, op: 'BiasAdd', input: [`${name}/matmul`, `${name}/bias`], attr: { T: FLOAT } },
    { name: `${name}/${activation.toLowerCase()}`, op: activation, input: [`${name}/add`], attr: { T: FLOAT } },
  ];
  return graphFiles({
    nodes: [
      { name: 'readings', op: 'Placeholder', attr: { dtype: FLOAT, shape: { shape: shapeOf([-1, 5]) } } },
      ...layer('hidden1', 'readings', 'Relu'),
      ...layer('hidden2', 'hidden1/relu', 'Relu'),
      ...layer('probabilities', 'hidden2/relu', 'Softmax'),
    ],
    weights,
    inputs: { readings: { name: 'readings', shape: [-1, 5] } },
    outputs: { probabilities: { name: 'probabilities/softmax', shape: [-1, 3] } },
  });
}

const MATMUL = { T: FLOAT, transpose_a: { b: false }, transpose_b: { b: false } };

function samplesOf(model: LayersModel, version: string): Sample[] {
  const answer = (inputs: number[][]): unknown => ({ predictions: predict(model, inputs), modelVersion: version });
  const request = (inputs: number[][]): unknown => ({ modelName: 'classifier', inputs });
  const one = [[1, 2, 3, 4, 5]];
  const many = [[0.5, 1, 3, 2, 1], [4, 2, 4.5, 2, 2], [5.5, 5, 0.5, 1, 5]];
  return [
    { name: 'one', request: request(one), response: answer(one) },
    { name: 'many', request: request(many), response: answer(many) },
  ];
}

const manifest = (version: string, numericVersion: number, format: string): object => ({
  apiVersion: 'modelpackage.slipway.dev/v1',
  name: 'classifier',
  version,
  numericVersion,
  description: 'Five sensor readings of a pump -> probability of normal, worn, failing (synthetic data)',
  format,
  inputs: [{ name: 'readings', dtype: 'float32', shape: [-1, 5] }],
  outputs: [{ name: 'probabilities', dtype: 'float32', shape: [-1, 3], labels: CLASSES }],
  dataContract: { id: 'pump-readings-1', features: FEATURES.map((name) => ({ name, type: 'number', finite: true })) },
  uncertainty: 'entropy',
  explanation: 'occlusion',
  trainingData: { tag: 'pump-readings-seed-11' },
  licence: 'Apache-2.0',
});

/** v1, trained. */
export const trainFirstClassifier = (): Promise<LayersModel> => trained(layers('classifier_v1', []), 12);

/** Trains both versions, writes both packages and prints what the card states. */
export async function trainClassifier(print: (line: string) => void): Promise<void> {
  const test = pumpReadings(2000, 99);
  const v1 = await trainFirstClassifier();
  const v2 = await trained(layers('classifier_v2', [24, 16]), 25);
  await writePackage(manifest('v1', 1, 'tfjs-layers'), await layersFiles(v1), samplesOf(v1, 'v1'));
  await writePackage(manifest('v2', 2, 'tfjs-graph'), networkFiles(v2), samplesOf(v2, 'v2'));
  for (const [version, model] of [['v1', v1], ['v2', v2]] as const) {
    const probabilities = predict(model, test.x);
    print(`classifier ${version}: accuracy ${accuracy(probabilities, test.y).toFixed(3)} on 2000 unseen readings`);
    print(`  answers per class: ${CLASSES.map((_, index) => probabilities.filter((row) => argmax(row) === index).length).join(' ')}`);
  }
}
