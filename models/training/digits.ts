// Owns the digits sample: an 8x8 picture of a handwritten digit -> 0 to 9. v1 is dense (tfjs layers), v2 convolutional; it is
// trained in Python, where SavedModels are written, on the same examples.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-node';
import { MODELS_FOLDER, layersFiles, sha256, writePackage } from './artifacts.ts';
import type { Sample } from './artifacts.ts';
import { cached, runProgram } from './cache.ts';
import { accuracy, fit, predict } from './fit.ts';
import { seeded } from './random.ts';
import { tf } from './tensorflow.ts';

const FOLDER = path.join(import.meta.dirname, 'digits');
/** Pixels go from 0 to 16. */
const SCALE = 16;
const SHAPE = [8, 8, 1];

export interface Digit {
  /** 64 pixels, row by row, 0 to 16. */
  pixels: number[];
  digit: number;
}

export function readDigits(): Digit[] {
  const lines = gunzipSync(readFileSync(path.join(FOLDER, 'digits.csv.gz'))).toString().trim().split('\n');
  return lines.map((line) => {
    const numbers = line.split(',').map(Number);
    return { pixels: numbers.slice(0, 64), digit: numbers[64] ?? -1 };
  });
}

/** Every fifth picture is kept from training. */
export const isTest = (index: number): boolean => index % 5 === 0;

const scaled = (digits: Digit[]): number[][] => digits.map(({ pixels }) => pixels.map((pixel) => pixel / SCALE));

function network(): LayersModel {
  const seed = (value: number) => ({ kernelInitializer: tf.initializers.glorotUniform({ seed: value }) });
  const image = tf.input({ name: 'image', shape: SHAPE });
  const flat = tf.layers.flatten({ name: 'pixels' }).apply(image);
  const hidden = tf.layers.dense({ name: 'hidden', units: 32, activation: 'relu', ...seed(1) }).apply(flat);
  const last = tf.layers.dense({ name: 'probabilities', units: 10, activation: 'softmax', ...seed(2) });
  return tf.model({ name: 'digits_v1', inputs: image, outputs: last.apply(hidden) as SymbolicTensor });
}

/** v1, trained on the given pictures. */
export async function trainFirstDigits(digits: Digit[]): Promise<LayersModel> {
  const model = network();
  model.compile({ optimizer: tf.train.adam(0.005), loss: 'categoricalCrossentropy' });
  const x = scaled(digits);
  const examples = { row: (index: number) => x[index] ?? [], y: digits.map(({ digit }) => digit) };
  await fit(model, examples, { classes: 10, epochs: 30, batchSize: 32, random: seeded(30), shape: SHAPE });
  return model;
}

/** Trains v2 into its package folder; returns its probabilities for the test pictures. */
function trainV2(digits: Digit[], test: Digit[]): number[][] {
  const job = { x: scaled(digits), y: digits.map(({ digit }) => digit), test: scaled(test), folder: path.join(MODELS_FOLDER, 'digits', 'v2') };
  const options = { input: JSON.stringify(job), encoding: 'utf8', maxBuffer: 1 << 28 } as const;
  const answer = execFileSync(path.join(python(), 'bin', 'python'), [path.join(FOLDER, 'train_saved_model.py')], options);
  return (JSON.parse(answer) as { probabilities: number[][] }).probabilities;
}

/** A Python with TensorFlow in the cache, made once from the pinned requirements. */
function python(): string {
  const requirements = path.join(FOLDER, 'requirements.txt');
  return cached(`tensorflow-${sha256(readFileSync(requirements)).slice(0, 12)}`, (folder) => {
    runProgram('python3', ['-m', 'venv', folder]);
    runProgram(path.join(folder, 'bin', 'pip'), ['install', '--quiet', '-r', requirements]);
  });
}

const SAMPLES = { one: [0], many: [1, 2, 3] };

function samplesOf(test: Digit[], probabilities: number[][], version: string): Sample[] {
  return Object.entries(SAMPLES).map(([name, rows]) => {
    const inputs = rows.map((row) => picture(test[row]?.pixels ?? []));
    const predictions = rows.map((row) => probabilities[row]);
    return { name, request: { modelName: 'digits', inputs }, response: { predictions, modelVersion: version } };
  });
}

/** Pixels as 8 rows of 8 columns of 1 channel. */
const picture = (pixels: number[]): number[][][] =>
  Array.from({ length: 8 }, (_, row) => pixels.slice(8 * row, 8 * row + 8).map((pixel) => [pixel]));

const manifest = (version: string, format: string): object => ({
  apiVersion: 'modelpackage.slipway.dev/v1',
  name: 'digits',
  version,
  numericVersion: Number(version.slice(1)),
  description: 'Picture of a handwritten digit, 8 x 8 pixels from 0 (white) to 16 (black) -> probability of 0 to 9',
  format,
  inputs: [{ name: 'image', dtype: 'float32', shape: [-1, ...SHAPE] }],
  outputs: [{ name: 'probabilities', dtype: 'float32', shape: [-1, 10], labels: Array.from({ length: 10 }, (_, digit) => String(digit)) }],
  preprocessing: [{ numeric: { scale: SCALE } }],
  uncertainty: 'margin',
  explanation: 'none',
  trainingData: { tag: 'uci-optdigits-test', sha256: sha256(readFileSync(path.join(FOLDER, 'digits.csv.gz'))) },
  licence: 'CC-BY-4.0',
});

/** Trains both versions, writes both packages and prints what the card states. */
export async function trainDigits(print: (line: string) => void): Promise<void> {
  const digits = readDigits();
  const learned = digits.filter((_, index) => !isTest(index));
  const test = digits.filter((_, index) => isTest(index));
  const truth = test.map(({ digit }) => digit);
  const v1 = await trainFirstDigits(learned);
  const first = predict(v1, scaled(test), { shape: SHAPE });
  await writePackage(manifest('v1', 'tfjs-layers'), await layersFiles(v1), samplesOf(test, first, 'v1'));
  const second = trainV2(learned, test);
  await writePackage(manifest('v2', 'saved-model'), {}, samplesOf(test, second, 'v2'));
  print(`digits v1: accuracy ${accuracy(first, truth).toFixed(3)} on ${String(test.length)} unseen pictures`);
  print(`digits v2: accuracy ${accuracy(second, truth).toFixed(3)}`);
}
