// Owns when a package's handlers take part in a call: preprocess before everything that the server does with a request, postprocess after
// everything it does with the outputs. Tensor protocols speak the model's own tensors and meet neither. Must not know how they are run.
import type { Prediction } from '../inference/postprocess.ts';
import { present } from '../inference/optional.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Model } from '../models/model.ts';
import type { Item, Postprocessed } from './call.ts';
import type { CallContext } from './execute.ts';

/** The item as the model's own caller would send it. @throws InferenceError as Handlers.preprocess */
export async function preprocessed({ handlers, spec }: Model, item: Item, context: CallContext): Promise<Item> {
  if (handlers?.given.includes('preprocess') !== true || item.tensors !== undefined || item.prepared !== undefined) return item;
  const { inputs, text, pictures, preprocessing } = item;
  return { ...(await handlers.preprocess(present({ inputs, text, pictures }), spec, context)), preprocessing };
}

export const hasPostprocess = ({ handlers }: Model): boolean => handlers?.given.includes('postprocess') === true;

/** The result with the predictions that the package's code makes. @throws InferenceError as Handlers.postprocess */
export async function postprocessed<R extends Postprocessed>({ handlers, spec }: Model, outputs: readonly Tensor[], result: R, context: CallContext): Promise<R> {
  if (handlers?.given.includes('postprocess') !== true) return result;
  const predictions: Prediction[] = await handlers.postprocess(outputs, result.predictions, spec, context);
  return { ...result, predictions };
}
