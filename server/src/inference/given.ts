// Owns the check of what a package's own code made of a model's outputs. Must not trust it, nor know how it was run.
import { InferenceError } from './errors.ts';
import type { Prediction } from './postprocess.ts';
import { rowsOf, type Tensor } from './tensor.ts';

/** A handler that failed, in the words for its caller. */
export const handlerFailed = (handler: string, what: string): InferenceError => new InferenceError('inference_failed', `The ${handler} handler of the package failed: ${what}.`);

/** One prediction for each row, from JSON. @throws InferenceError inference_failed */
export function predictionsGiven(json: string, outputs: readonly Tensor[]): Prediction[] {
  const given = JSON.parse(json) as unknown;
  const rows = outputs[0] === undefined ? 0 : rowsOf(outputs[0]);
  if (!Array.isArray(given) || given.length !== rows) throw handlerFailed('postprocess', `expected a list of ${String(rows)}, one for each row, got ${Array.isArray(given) ? `a list of ${String(given.length)}` : typeof given}`);
  return given as Prediction[];
}
