// Owns explanation by occlusion: leave out one feature at a time and see how far the predicted score falls.
// Must not run a model: it makes the rows to run and reads the scores that come back.
import type { ServingSpec } from './spec.ts';
import { indexOfMax, type Scored } from './postprocess.ts';
import type { Tensor } from './tensor.ts';

/** A model call grows by one row per feature, so explanations have a limit. */
export const MAX_OCCLUSIONS = 512;

export interface Explanation {
  top_feature: string;
  /** Score of the predicted class with the feature minus the score without it. */
  contrib: Record<string, number>;
}

/** Names of the features of a single [rows, features] float input, or undefined where occlusion does not apply. */
export function featureNames(spec: ServingSpec): string[] | undefined {
  const [input, other] = spec.signature.inputs;
  const width = input?.shape[1];
  if (input === undefined || other !== undefined || input.shape.length !== 2 || width === undefined) return undefined;
  if (width < 1 || width > MAX_OCCLUSIONS || input.dtype !== 'float32') return undefined;
  const features = spec.contract?.features;
  return Array.from({ length: width }, (_, index) => (features?.length === width ? features[index]?.name : undefined) ?? `${input.name}[${String(index)}]`);
}

/** For each row as many rows as there are features, each with one feature replaced by its baseline (0 unless the package has one). */
export function occlude(input: Tensor, names: readonly string[], baseline: Readonly<Record<string, number>>): Tensor {
  const width = names.length;
  const source = input.data as Float32Array;
  const rows = source.length / width;
  const data = new Float32Array(rows * width * width);
  for (let row = 0; row < rows; row++) {
    for (let feature = 0; feature < width; feature++) {
      const at = (row * width + feature) * width;
      data.set(source.subarray(row * width, (row + 1) * width), at);
      data[at + feature] = baseline[names[feature] ?? ''] ?? 0;
    }
  }
  return { ...input, shape: [rows * width, width], data };
}

/**
 * The explanation of one row.
 * @param full scores of the row itself
 * @param without scores of its occluded rows, in the order of `names`, starting at row `from`
 */
export function explain(full: ArrayLike<number>, without: Scored, from: number, names: readonly string[]): Explanation {
  const best = indexOfMax(full);
  const score = full[best] ?? 0;
  // One score p stands for two classes; below a half the other one was predicted, so the sign turns.
  const sign = full.length === 1 && score < 0.5 ? -1 : 1;
  const contributions = names.map((_, index) => sign * (score - (without.scores[(from + index) * without.width + best] ?? 0)));
  const top = indexOfMax(contributions.map(Math.abs));
  const contrib: Record<string, number> = {};
  names.forEach((name, index) => {
    contrib[uniqueKey(contrib, name)] = contributions[index] ?? 0;
  });
  return { top_feature: names[top] ?? '', contrib };
}

/** A token may stand twice in a text; the second is `good#2`. */
function uniqueKey(taken: Record<string, number>, name: string): string {
  if (!(name in taken)) return name;
  let copy = 2;
  while (`${name}#${String(copy)}` in taken) copy++;
  return `${name}#${String(copy)}`;
}
