// Owns the conversion of an item to tensors away from the event loop, by the thread that parsed it. PURE. Texts, pictures and what a
// package's own code is to see first stay as they are, for the engine.
import { picturesOf, prepareInputs } from '../../inference/inputs.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import type { Item } from '../../pipeline/call.ts';

/** The item with its tensors checked and converted. @throws InferenceError as the engine would */
export const prepareItem = (item: Item, spec: ServingSpec): Item => (isPlain(item, spec) ? { prepared: prepareInputs(item.inputs, spec, item.preprocessing) } : item);

function isPlain(item: Item, spec: ServingSpec): boolean {
  if (item.text !== undefined || item.pictures !== undefined) return false;
  return spec.takes === 'tensors' && spec.handlers?.includes('preprocess') !== true && picturesOf(item.inputs, spec) === undefined;
}
