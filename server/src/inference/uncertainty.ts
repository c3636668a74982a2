// Owns how sure a model is of a row: entropy, margin, or an output of its own. 0 is certain, 1 is as unsure as can be.
// Must not know how the number is shown.
import type { Scored } from './postprocess.ts';
import { rowSizeOf, type Tensor } from './tensor.ts';

/**
 * One number per row, or undefined where the package declares none or the outputs do not allow it.
 * `entropy` is divided by log(classes); `margin` is 1 - (best - second); `output:NAME` is that output as it is.
 * A row whose scores are not finite has NaN, which JSON writes as null: it is not 0, which would mean certain.
 */
export function uncertaintyOf(kind: string | undefined, scored: Scored | undefined, outputs: readonly Tensor[]): number[] | undefined {
  if (kind === undefined) return undefined;
  if (kind.startsWith('output:')) return outputRows(kind.slice('output:'.length), outputs);
  if (scored === undefined) return undefined;
  const measure = kind === 'margin' ? margin : entropy;
  return Array.from({ length: scored.rows }, (_, row) => measure(classes(scored, row)));
}

/** Class probabilities of a row; a single score p stands for [1 - p, p]. */
function classes(scored: Scored, row: number): number[] {
  const values = Array.from(scored.scores.subarray(row * scored.width, (row + 1) * scored.width));
  return values.length === 1 ? [1 - (values[0] ?? 0), values[0] ?? 0] : values;
}

function entropy(probabilities: number[]): number {
  const bits = probabilities.reduce((sum, p) => (p > 0 || Number.isNaN(p) ? sum - p * Math.log(p) : sum), 0);
  return bits / Math.log(probabilities.length);
}

function margin(probabilities: number[]): number {
  const [best = 0, second = 0] = [...probabilities].sort((a, b) => b - a);
  return 1 - (best - second);
}

function outputRows(name: string, outputs: readonly Tensor[]): number[] | undefined {
  const output = outputs.find((candidate) => candidate.name === name);
  if (output === undefined || Array.isArray(output.data)) return undefined;
  const width = rowSizeOf(output.shape);
  return Array.from({ length: output.shape[0] ?? 0 }, (_, row) => Number(output.data[row * width]));
}
