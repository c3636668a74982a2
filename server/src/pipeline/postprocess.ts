// Owns the step from a model's outputs to predictions and uncertainty, as its package declares. Must not run anything.
import { atItem } from '../inference/errors.ts';
import { checkFinite } from '../inference/finite.ts';
import { predictionsGiven } from '../inference/given.ts';
import { nest, nestText, rowTexts, type Nested } from '../inference/nested.ts';
import { present } from '../inference/optional.ts';
import { predictionsOf, predictionTexts, scoresOf } from '../inference/postprocess.ts';
import type { ServingSpec } from '../inference/spec.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { ItemResult, Postprocessed } from './call.ts';
import { uncertaintyOf } from '../inference/uncertainty.ts';

/** What is printed of the outputs: one of them, or several by name. */
interface Plan {
  main: Tensor | undefined;
  several: boolean;
  labelled: boolean;
}

function planOf(spec: ServingSpec, outputs: readonly Tensor[]): Plan {
  const main = mainOutput(spec, outputs);
  const labelled = spec.takes === 'text';
  return { main, labelled, several: main === undefined || (outputs.length > 1 && !labelled && spec.postprocessing.length === 0) };
}

export function postprocess(spec: ServingSpec, outputs: Tensor[], extras: boolean): Postprocessed {
  const { main, several, labelled } = planOf(spec, outputs);
  const predictions = several || main === undefined ? byName(outputs) : predictionsOf(main, spec.postprocessing, specOf(spec, main), labelled);
  return { outputs, predictions, ...(extras ? extrasOf(spec, outputs) : {}) };
}

function extrasOf(spec: ServingSpec, outputs: readonly Tensor[]): Pick<Postprocessed, 'scored' | 'uncertainty'> {
  const main = mainOutput(spec, outputs);
  if (main === undefined) return {};
  const scored = scoresOf(main, spec.postprocessing);
  return present({ scored, uncertainty: uncertaintyOf(spec.uncertainty, scored, outputs) });
}

/** Where an item stands in its call; empty where it is the only one. */
export const placeOf = (index: number, of: number): string => (of === 1 ? '' : `batch[${String(index)}]`);

/**
 * The answer for one item.
 * @throws InferenceError inference_failed naming what is no number, for JSON has no form for that
 */
export function answered(spec: ServingSpec, outputs: Tensor[], extras: boolean, place: string): Postprocessed {
  checkPrinted(spec, outputs, place);
  return postprocess(spec, outputs, extras);
}

function checkPrinted(spec: ServingSpec, outputs: readonly Tensor[], place: string): void {
  const { main, several } = planOf(spec, outputs);
  try {
    for (const output of several || main === undefined ? outputs : [main]) checkFinite(output, spec.postprocessing);
  } catch (error) {
    throw place === '' ? error : atItem(error, place);
  }
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

/** A result whose predictions were put off, with its predictions. @throws InferenceError inference_failed */
export function completeItem(spec: ServingSpec, item: ItemResult, extras: boolean, place = ''): ItemResult {
  if (!item.deferred) return item;
  const { given, ...rest } = item;
  if (given === undefined) return { ...rest, ...answered(spec, item.outputs, extras, place), deferred: false };
  return { ...rest, predictions: predictionsGiven(given, item.outputs), ...(extras ? extrasOf(spec, item.outputs) : {}), deferred: false };
}

/** What an item's answer is printed from: its predictions as JSON already, and what is beside them. */
type PrintedItem = Pick<ItemResult, 'uncertainty' | 'explanations'> & { text: string };

/** The same as completeItem of an item of several rows, but no list of its numbers is ever made. @throws InferenceError inference_failed */
export function printItem(spec: ServingSpec, { given, outputs }: ItemResult, extras: boolean, place: string): PrintedItem {
  const beside = (): Pick<ItemResult, 'uncertainty'> => (extras ? present({ uncertainty: extrasOf(spec, outputs).uncertainty }) : {});
  if (given !== undefined) {
    predictionsGiven(given, outputs);
    return { text: given, ...beside() };
  }
  checkPrinted(spec, outputs, place);
  const { main, several, labelled } = planOf(spec, outputs);
  if (!several && main !== undefined) return { text: `[${predictionTexts(main, spec.postprocessing, specOf(spec, main), labelled).join(',')}]`, ...beside() };
  return { text: `{${asInObject(outputs).map((output) => `${JSON.stringify(output.name)}:${nestText(output)}`).join(',')}}`, ...beside() };
}

/** In the order in which an object of them by name is printed. */
const asInObject = (outputs: readonly Tensor[]): Tensor[] => Object.values(Object.fromEntries(outputs.map((output) => [output.name, output])));

/** The JSON of each row of an item: its prediction, or an object of several outputs; no list of its numbers is ever made. @throws InferenceError inference_failed */
export function printRows(spec: ServingSpec, outputs: readonly Tensor[]): string[] {
  checkPrinted(spec, outputs, '');
  const { main, several, labelled } = planOf(spec, outputs);
  if (!several && main !== undefined) return predictionTexts(main, spec.postprocessing, specOf(spec, main), labelled);
  const columns = asInObject(outputs).map((output) => ({ key: JSON.stringify(output.name), texts: rowTexts(output) }));
  const rows = Math.max(0, ...columns.map(({ texts }) => texts.length));
  return Array.from({ length: rows }, (_, row) => `{${columns.flatMap(({ key, texts }) => (row < texts.length ? [`${key}:${texts[row] ?? ''}`] : [])).join(',')}}`);
}
