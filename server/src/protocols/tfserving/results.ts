// Owns what classify and regress answer: classes with labels and scores, or one value a row. PURE.
import { labelsFor, scoresOf } from '../../inference/postprocess.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import { rowSizeOf, type Tensor } from '../../inference/tensor.ts';
import { invalid } from './fill.ts';
import { decimal } from './numbers.ts';
import { PrettyWriter } from './pretty-writer.ts';

export interface Class {
  label: string;
  score: number;
}

/**
 * Classes of each row, in the order of the labels. Without labels they are empty, as for a signature without classes.
 * @throws InferenceError if the output is no [rows, classes] of numbers.
 */
export function classesOf(outputs: readonly Tensor[], spec: ServingSpec): Class[][] {
  const output = mainOutput(outputs, spec);
  const scored = output === undefined ? undefined : scoresOf(output, spec.postprocessing);
  if (scored === undefined) throw invalid('Expected Tensor of classes and scores of shape [batch_size, num_classes]');
  const labels = labelsFor(scored.width, spec.postprocessing, spec.signature.outputs.find((candidate) => candidate.name === output?.name));
  return Array.from({ length: scored.rows }, (_, row) => classesOfRow(scored.scores.subarray(row * scored.width, (row + 1) * scored.width), labels));
}

/** One score and two labels: the score is the second's. */
function classesOfRow(scores: Float64Array, labels: readonly string[] | undefined): Class[] {
  const [score = 0] = scores;
  const all = scores.length === 1 && labels?.length === 2 ? [1 - score, score] : [...scores];
  return all.map((value, index) => ({ label: labels?.[index] ?? '', score: Math.fround(value) }));
}

/** @throws InferenceError if the output is not one number a row. */
export function valuesOf(outputs: readonly Tensor[], spec: ServingSpec): number[] {
  const output = mainOutput(outputs, spec);
  if (output === undefined || Array.isArray(output.data) || output.shape.length > 2 || rowSizeOf(output.shape) !== 1) {
    throw invalid('Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got ' + `[${output?.shape.join() ?? ''}]`);
  }
  return Array.from(output.data as Float32Array, (value) => Math.fround(Number(value)));
}

function mainOutput(outputs: readonly Tensor[], spec: ServingSpec): Tensor | undefined {
  return outputs.find((output) => `output:${output.name}` !== spec.uncertainty);
}

export function encodeClasses(rows: readonly (readonly Class[])[]): string {
  const writer = new PrettyWriter();
  writer.startObject();
  writer.key('results');
  writer.startArray();
  for (const row of rows) {
    writer.style = 'single-line';
    writer.startArray();
    for (const { label, score } of row) {
      writer.startArray();
      writer.string(label);
      writer.raw(decimal(score, 'float32'));
      writer.endArray();
    }
    writer.endArray();
    writer.style = 'lines';
  }
  writer.endArray();
  writer.endObject();
  return writer.toString();
}

export function encodeValues(values: readonly number[]): string {
  const writer = new PrettyWriter();
  writer.startObject();
  writer.key('results');
  writer.style = 'single-line';
  writer.startArray();
  for (const value of values) writer.raw(decimal(value, 'float32'));
  writer.endArray();
  writer.endObject();
  return writer.toString();
}
