// Owns the training loop: shuffled mini-batches in an order that only the seed decides. Must not know any one model.
import type { LayersModel, Tensor, Tensor2D } from '@tensorflow/tfjs-node';
import type { Random } from './random.ts';
import { tf } from './tensorflow.ts';

export interface Examples {
  /** The numbers of one example; asked for anew in every epoch. */
  row: (index: number) => readonly number[];
  /** Class of each example, from 0. */
  y: number[];
}

export interface FitOptions {
  classes: number;
  epochs: number;
  batchSize: number;
  random: Random;
  dtype?: 'float32' | 'int32';
  /** Shape of one example, where it is not a flat row. */
  shape?: number[];
  /** Called after each epoch with the mean loss. */
  onEpoch?: (epoch: number, loss: number) => void;
}

/** Trains a compiled model on the examples. The loss is categorical cross entropy over one-hot classes. */
export async function fit(model: LayersModel, examples: Examples, options: FitOptions): Promise<void> {
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const order = options.random.permutation(examples.y.length);
    let sum = 0;
    let batches = 0;
    for (let start = 0; start < order.length; start += options.batchSize) {
      sum += await step(model, examples, order.slice(start, start + options.batchSize), options);
      batches++;
    }
    options.onEpoch?.(epoch, sum / batches);
  }
}

async function step(model: LayersModel, examples: Examples, rows: number[], options: FitOptions): Promise<number> {
  const x = rowsTensor(rows.map(examples.row), options);
  const y = tf.oneHot(rows.map((row) => examples.y[row] ?? 0), options.classes);
  const loss = await model.trainOnBatch(x, y);
  tf.dispose([x, y]);
  return Number(Array.isArray(loss) ? loss[0] : loss);
}

type Rows = Pick<FitOptions, 'dtype' | 'shape'>;

function rowsTensor(rows: (readonly number[])[], { dtype = 'float32', shape }: Rows): Tensor {
  const flat = tf.tensor2d(rows as number[][], undefined, dtype);
  return shape === undefined ? flat : flat.reshape([rows.length, ...shape]);
}

/** Probabilities of each class for each row. */
export function predict(model: LayersModel, x: number[][], rows: Rows = {}): number[][] {
  return tf.tidy(() => (model.predict(rowsTensor(x, rows)) as Tensor2D).arraySync());
}

export function argmax(values: readonly number[]): number {
  return values.reduce((best, value, index) => (value > (values[best] ?? -Infinity) ? index : best), 0);
}

/** Share of the examples whose most probable class is the right one. */
export function accuracy(probabilities: number[][], y: readonly number[]): number {
  const right = probabilities.filter((row, index) => argmax(row) === y[index]).length;
  return right / y.length;
}
