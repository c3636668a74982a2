// Owns the refusal of outputs that JSON has no form for. Must not know protocols; those with words for NaN and Infinity do not ask.
import type { PostprocessingStep } from '@slipway/api';
import { InferenceError } from './errors.ts';
import { scoresOf } from './postprocess.ts';
import { layoutOf, type Tensor } from './tensor.ts';

/**
 * Numbers of an output, through the package's steps (a sigmoid makes a number of Infinity), are finite.
 * @throws InferenceError inference_failed naming the first that is not
 */
export function checkFinite(output: Tensor, steps: readonly PostprocessingStep[]): void {
  const { data, name, shape } = output;
  const at = isFloat(output) ? firstNonFinite(data as Float32Array) : -1;
  if (at < 0) return;
  const scored = steps.length === 0 ? undefined : scoresOf(output, steps);
  if (scored === undefined) throw refused(name, shape, at, data[at]);
  const after = firstNonFinite(scored.scores);
  if (after >= 0) throw refused(name, [scored.rows, scored.width], after, scored.scores[after]);
}

const isFloat = ({ data, dtype }: Tensor): boolean => !Array.isArray(data) && layoutOf(dtype).kind === 'float';

/** The first number of an output that is none, in words. */
export function nonFiniteIn(output: Tensor): string | undefined {
  const at = isFloat(output) ? firstNonFinite(output.data as Float32Array) : -1;
  return at < 0 ? undefined : `outputs.${output.name}${placeOf(output.shape, at)} is ${String(output.data[at])}`;
}

function firstNonFinite(data: Float32Array | Float64Array): number {
  for (let index = 0; index < data.length; index++) if (!Number.isFinite(data[index])) return index;
  return -1;
}

/** `[1][0]` */
function placeOf(shape: readonly number[], at: number): string {
  let rest = at;
  const place = shape.toReversed().map((dim) => {
    const index = rest % dim;
    rest = Math.floor(rest / dim);
    return `[${String(index)}]`;
  });
  return place.reverse().join('');
}

function refused(name: string, shape: readonly number[], at: number, value: unknown): InferenceError {
  const path = `outputs.${name}${placeOf(shape, at)}`;
  return new InferenceError('inference_failed', `${path} is ${String(value)}: the model computes no number from this input, and JSON has no form for it. Raw bytes, V2 and TensorFlow Serving have.`, {
    errors: [{ path, expected: 'a finite number', got: String(value) }],
  });
}
