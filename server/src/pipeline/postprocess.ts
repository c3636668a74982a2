// Owns the step from a model's outputs to predictions and uncertainty, as its package declares. Must not run anything.
import { nest, type Nested } from '../inference/nested.ts';
import { predictionsOf, scoresOf, type Prediction, type Scored } from '../inference/postprocess.ts';
import type { ServingSpec } from '../inference/spec.ts';
import { rowsOf, type Tensor } from '../inference/tensor.ts';
import { uncertaintyOf } from '../inference/uncertainty.ts';

export interface Postprocessed {
  outputs: Tensor[];
  /** One per row; several outputs are an object of lists by name. */
  predictions: Prediction[] | Record<string, Nested>;
  scored?: Scored;
  uncertainty?: number[];
}

export function postprocess(spec: ServingSpec, outputs: Tensor[], extras: boolean): Postprocessed {
  const main = mainOutput(spec, outputs);
  const labelled = spec.takes === 'text';
  const several = main === undefined || (outputs.length > 1 && !labelled && spec.postprocessing.length === 0);
  const predictions = several ? byName(outputs) : predictionsOf(main, spec.postprocessing, specOf(spec, main), labelled);
  if (!extras || main === undefined) return { outputs, predictions };
  const scored = scoresOf(main, spec.postprocessing);
  const uncertainty = uncertaintyOf(spec.uncertainty, scored, outputs);
  return { outputs, predictions, ...(scored === undefined ? {} : { scored }), ...(uncertainty === undefined ? {} : { uncertainty }) };
}

/** The output that predictions are made of: the only one, or the first that is not the declared uncertainty. */
function mainOutput(spec: ServingSpec, outputs: readonly Tensor[]): Tensor | undefined {
  const aside = spec.uncertainty?.startsWith('output:') === true ? spec.uncertainty.slice('output:'.length) : undefined;
  return outputs.find((output) => output.name !== aside);
}

const specOf = (spec: ServingSpec, output: Tensor): ServingSpec['signature']['outputs'][number] | undefined => spec.signature.outputs.find((candidate) => candidate.name === output.name);

const byName = (outputs: readonly Tensor[]): Record<string, Nested> => Object.fromEntries(outputs.map((output) => [output.name, nest(output)]));

/** Rows of a result. */
export const rowCount = (result: Postprocessed): number => (result.outputs[0] === undefined ? 0 : rowsOf(result.outputs[0]));
