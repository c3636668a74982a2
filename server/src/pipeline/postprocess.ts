// Owns the step from a model's outputs to predictions and uncertainty, as its package declares. Must not run anything.
import { nest, type Nested } from '../inference/nested.ts';
import { predictionsOf, scoresOf } from '../inference/postprocess.ts';
import type { ServingSpec } from '../inference/spec.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { ItemResult, Postprocessed } from './call.ts';
import { uncertaintyOf } from '../inference/uncertainty.ts';

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

/** Elements of outputs up to which predictions are made and printed on the event loop. */
const INLINE_ELEMENTS = 16_384;

/** Whether the outputs are too large to be printed on the event loop. */
export const isLarge = (outputs: readonly Tensor[]): boolean => outputs.reduce((sum, output) => sum + output.data.length, 0) > INLINE_ELEMENTS;

/** A result whose predictions were put off, with its predictions. */
export function completeItem(spec: ServingSpec, item: ItemResult, extras: boolean): ItemResult {
  return item.deferred ? { ...item, ...postprocess(spec, item.outputs, extras), deferred: false } : item;
}
