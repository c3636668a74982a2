// Owns when a package's handlers take part in a call: preprocess before everything that the server does with a request, postprocess after
// everything it does with the outputs. Tensor protocols speak the model's own tensors and meet neither. Must not know how they are run.
import { predictionsGiven } from '../inference/given.ts';
import { present } from '../inference/optional.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Model } from '../models/model.ts';
import type { Item, ItemResult } from './call.ts';
import type { CallContext } from './execute.ts';
import { isLarge, postprocess } from './postprocess.ts';

export const hasPreprocess = ({ handlers }: Model): boolean => handlers?.given.includes('preprocess') === true;

/** The item as the model's own caller would send it. @throws InferenceError as Handlers.preprocess */
export async function preprocessed({ handlers, spec }: Model, item: Item, context: CallContext): Promise<Item> {
  if (handlers?.given.includes('preprocess') !== true || item.tensors !== undefined || item.prepared !== undefined) return item;
  const { inputs, text, pictures, preprocessing } = item;
  return { ...(await handlers.preprocess(present({ inputs, text, pictures }), spec, context)), preprocessing };
}

export const hasPostprocess = ({ handlers }: Model): boolean => handlers?.given.includes('postprocess') === true;

/** Characters of JSON that are read on the event loop. */
const INLINE_CHARACTERS = 65_536;

/** An item with the predictions that the package's code makes of the outputs. @throws InferenceError as Handlers.postprocess */
export async function handled({ handlers, spec }: Model, outputs: Tensor[], extras: boolean, context: CallContext): Promise<Omit<ItemResult, 'single'>> {
  const given = (await handlers?.postprocess(outputs, spec, context)) ?? '';
  if (given.length > INLINE_CHARACTERS || isLarge(outputs)) return { outputs, predictions: [], given, deferred: true };
  const made = extras ? postprocess(spec, outputs, extras) : { outputs };
  return { ...made, predictions: predictionsGiven(given, outputs), deferred: false };
}
