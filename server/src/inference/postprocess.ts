// Owns what becomes of a model's outputs: softmax, sigmoid, threshold, labels, top-k as the package declares them.
// Must not know protocols: it gives plain values per row.
import type { PostprocessingStep, TensorSpec } from '@slipway/api';
import { nest, rowTexts, type Nested } from './nested.ts';
import type { Tensor } from './tensor.ts';

export interface Labelled {
  prediction: string | string[];
  score: number;
  probabilities: Record<string, number>;
}
export interface TopK {
  top: { label: string; score: number }[];
}
export type Prediction = Labelled | TopK | Nested;

/** Scores of one output after softmax or sigmoid, row by row on the last axis. */
export interface Scored {
  /** [rows, width] */
  scores: Float64Array;
  width: number;
  rows: number;
}

/** Scores of an output: its elements, through softmax or sigmoid if a step says so. Undefined unless the output is [rows, width] of numbers. */
export function scoresOf(output: Tensor, steps: readonly PostprocessingStep[]): Scored | undefined {
  const [rows, width = 1] = output.shape;
  if (output.shape.length > 2 || rows === undefined || Array.isArray(output.data)) return undefined;
  const scored: Scored = { scores: Float64Array.from(output.data as Float32Array, Number), width, rows };
  for (const step of steps) {
    if ('softmax' in step) softmax(scored);
    if ('sigmoid' in step) scored.scores = scored.scores.map((value) => 1 / (1 + Math.exp(-value)));
  }
  return scored;
}

function softmax({ scores, width, rows }: Scored): void {
  for (let row = 0; row < rows; row++) softmaxInPlace(scores.subarray(row * width, (row + 1) * width));
}

function softmaxInPlace(row: Float64Array): void {
  const max = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (let index = 0; index < row.length; index++) {
    const value = Math.exp((row[index] ?? 0) - max);
    row[index] = value;
    sum += value;
  }
  for (let index = 0; index < row.length; index++) row[index] = (row[index] ?? 0) / sum;
}

interface Plan {
  labels: readonly string[] | undefined;
  threshold: number | undefined;
  k: number | undefined;
}

function planOf(steps: readonly PostprocessingStep[]): Plan {
  const plan: Plan = { labels: undefined, threshold: undefined, k: undefined };
  for (const step of steps) {
    if ('labels' in step) plan.labels = step.labels;
    if ('threshold' in step) plan.threshold = step.threshold.value;
    if ('topK' in step) plan.k = step.topK.k;
  }
  return plan;
}

/** Labels that belong to a width: as many, or two of them for one score (the second is the score's own). */
export function labelsFor(width: number, steps: readonly PostprocessingStep[], output: TensorSpec | undefined): readonly string[] | undefined {
  const labels = planOf(steps).labels ?? output?.labels;
  return labels !== undefined && (labels.length === width || (width === 1 && labels.length === 2)) ? labels : undefined;
}

/** Rows of which each has a prediction of its own. */
interface Rows {
  scored: Scored;
  labels: readonly string[] | undefined;
  plan: Plan;
}

/** Undefined where the elements are the predictions as they are. */
function rowsOf(output: Tensor, steps: readonly PostprocessingStep[], spec: TensorSpec | undefined, labelled: boolean): Rows | undefined {
  const scored = steps.length === 0 && !labelled ? undefined : scoresOf(output, steps);
  if (scored === undefined) return undefined;
  const plan = planOf(steps);
  const labels = labelled || plan.labels !== undefined || plan.k !== undefined ? labelsFor(scored.width, steps, spec) : undefined;
  return { scored, labels, plan };
}

const rowAt = ({ scores, width }: Scored, row: number): Float64Array => scores.subarray(row * width, (row + 1) * width);

/**
 * Predictions of one output, one per row.
 * @param labelled labels the rows even if no step asks for it (text models answer with words)
 */
export function predictionsOf(output: Tensor, steps: readonly PostprocessingStep[], spec: TensorSpec | undefined, labelled: boolean): Prediction[] {
  const rows = rowsOf(output, steps, spec, labelled);
  if (rows === undefined) return nest(output) as Nested[];
  return Array.from({ length: rows.scored.rows }, (_, row) => predictionOf(rowAt(rows.scored, row), rows.labels, rows.plan));
}

/** The JSON text of each of `predictionsOf`, without a list of all of them; numbers must be finite. */
export function predictionTexts(output: Tensor, steps: readonly PostprocessingStep[], spec: TensorSpec | undefined, labelled: boolean): string[] {
  const rows = rowsOf(output, steps, spec, labelled);
  if (rows === undefined) return rowTexts(output);
  const { scored, labels, plan } = rows;
  const plain = plan.k === undefined && labels === undefined && plan.threshold === undefined;
  const text = (row: Float64Array): string => (plain ? `[${row.join(',')}]` : JSON.stringify(predictionOf(row, labels, plan)));
  return Array.from({ length: scored.rows }, (_, row) => text(rowAt(scored, row)));
}

function predictionOf(row: Float64Array, labels: readonly string[] | undefined, plan: Plan): Prediction {
  if (plan.k !== undefined) return { top: topK(row, labels, plan.k) };
  if (labels === undefined) return plan.threshold === undefined ? Array.from(row) : Array.from(row, (score) => score >= (plan.threshold ?? 0));
  return row.length === 1 && labels.length === 2 ? binary(row[0] ?? 0, labels, plan.threshold ?? 0.5) : multiclass(row, labels, plan.threshold);
}

function topK(row: Float64Array, labels: readonly string[] | undefined, k: number): TopK['top'] {
  return Array.from(row, (score, index) => ({ label: labels?.[index] ?? String(index), score }))
    .sort((a, b) => b.score - a.score)
    .slice(0, k);
}

function binary(score: number, labels: readonly string[], threshold: number): Labelled {
  const [negative = '0', positive = '1'] = labels;
  const yes = score >= threshold;
  return { prediction: yes ? positive : negative, score: yes ? score : 1 - score, probabilities: { [negative]: 1 - score, [positive]: score } };
}

/** The best label; with a threshold every label that reaches it (multi-label). */
function multiclass(row: Float64Array, labels: readonly string[], threshold: number | undefined): Labelled {
  const best = indexOfMax(row);
  const probabilities = Object.fromEntries(labels.map((label, index) => [label, row[index] ?? 0]));
  const prediction = threshold === undefined ? (labels[best] ?? String(best)) : labels.filter((_, index) => (row[index] ?? 0) >= threshold);
  return { prediction, score: row[best] ?? 0, probabilities };
}

/** Index of the largest element, the first of equals; 0 of none. */
export function indexOfMax(row: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < row.length; index++) if ((row[index] ?? 0) > (row[best] ?? 0)) best = index;
  return best;
}
