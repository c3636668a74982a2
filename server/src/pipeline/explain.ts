// Owns explanations of a call: which variants of each row are run, and what their scores say. The rows themselves are made
// and read by inference/explanation.ts. Must not know protocols.
import { explain, featureNames, MAX_OCCLUSIONS, occlude, type Explanation } from '../inference/explanation.ts';
import { scoresOf, type Scored } from '../inference/postprocess.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Model } from '../models/model.ts';
import { execute, type CallContext } from './execute.ts';
import type { Item, ItemResult } from './call.ts';

export interface ExplainWork {
  item: Item;
  tensors: readonly Tensor[];
  result: ItemResult;
  context: CallContext;
}

/** Rows of one call that are explained; a larger call gets none, for each row costs a row per feature. */
export const MAX_EXPLAINED_ROWS = 32;

/** One explanation per row, or undefined where the model or the size of the call does not allow it. */
export async function explainRows(model: Model, work: ExplainWork): Promise<Explanation[] | undefined> {
  const { scored } = work.result;
  if (scored === undefined || scored.rows === 0) return undefined;
  return work.item.text === undefined ? explainFeatures(model, work, scored) : explainTexts(model, work, scored);
}

async function explainFeatures(model: Model, work: ExplainWork, scored: Scored): Promise<Explanation[] | undefined> {
  const names = featureNames(model.spec);
  const [input] = work.tensors;
  if (names === undefined || input === undefined) return undefined;
  const without = await scoresAfter(model, occlude(input, names, model.spec.baseline), work.context);
  return without === undefined ? undefined : Array.from({ length: scored.rows }, (_, row) => explain(scoreRow(scored, row), without, row * names.length, names));
}

/** A text is explained by leaving out one token at a time. */
async function explainTexts(model: Model, work: ExplainWork, scored: Scored): Promise<Explanation[] | undefined> {
  const { vectorizer } = model;
  const [input] = work.tensors;
  if (vectorizer === undefined || input === undefined) return undefined;
  const texts = typeof work.item.text === 'string' ? [work.item.text] : (work.item.text ?? []);
  const tokens = texts.map((text) => vectorizer.tokens(text));
  const rows = tokens.flatMap((list) => list.map((_, at) => vectorizer.row(list.filter((__, index) => index !== at))));
  if (rows.length === 0) return tokens.map(() => ({ top_feature: '', contrib: {} }));
  if (rows.length > MAX_OCCLUSIONS) return undefined;
  const data = vectorizer.dtype === 'int32' ? Int32Array.from(rows.flat()) : Float32Array.from(rows.flat());
  const without = await scoresAfter(model, { ...input, shape: [rows.length, vectorizer.width], data }, work.context);
  if (without === undefined) return undefined;
  let from = 0;
  return tokens.map((list, row) => {
    const explanation = explain(scoreRow(scored, row), without, from, list);
    from += list.length;
    return explanation;
  });
}

async function scoresAfter(model: Model, input: Tensor, context: CallContext): Promise<Scored | undefined> {
  const { outputs } = await execute(model, [input], model.limits.maxRows, context);
  const main = outputs[0];
  return main === undefined ? undefined : scoresOf(main, model.spec.postprocessing);
}

const scoreRow = (scored: Scored, row: number): Float64Array => scored.scores.subarray(row * scored.width, (row + 1) * scored.width);
