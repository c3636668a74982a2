// Owns the values that travel from a protocol to the engine and back. Must not hold behaviour.
import type { NumericPreprocessing } from '@slipway/api';
import type { Explanation } from '../inference/explanation.ts';
import type { Prepared } from '../inference/inputs.ts';
import type { ServingSpec } from '../inference/spec.ts';
import type { Nested } from '../inference/nested.ts';
import type { Prediction, Scored } from '../inference/postprocess.ts';
import { rowsOf, type Tensor } from '../inference/tensor.ts';

/** What one item of a call brings. Exactly one of inputs, text, pictures, tensors and prepared. */
export interface Item {
  inputs?: unknown;
  text?: string | readonly string[];
  /** PNG or JPEG files, one per row. */
  pictures?: readonly Uint8Array[];
  /**
   * As a tensor protocol decoded them: names, dtypes and shapes are checked by the engine, the package's numeric steps applied. For a
   * text model one string tensor of shape [n] or [n, 1], which goes through the vectorizer. The memory is given away.
   */
  tensors?: readonly Tensor[];
  /** Already checked and converted (by the worker that parsed a large body). */
  prepared?: Prepared;
  preprocessing?: NumericPreprocessing | undefined;
}

export interface Call {
  modelName: string | undefined;
  modelVersion: string | undefined;
  /** One of the model's other signatures; absent = its own. */
  signature?: string | undefined;
  items: readonly Item[];
  /** Rows of one piece; undefined = the server's MAX_BATCH_SIZE. */
  maxBatchSize: number | undefined;
  /** Whether uncertainty and explanation are wanted. */
  extras: boolean;
  /**
   * `predictions`: the outputs through the package's postprocessing (softmax, labels, top-k). `tensors`: the model's own outputs as
   * they are, for protocols whose answer is tensors; nothing is nested or labelled then. Default predictions.
   */
  answer?: 'predictions' | 'tensors';
  /** Whether NaN and Infinity may come where the package declares nothing about the feature. Default false (the native API). */
  nonFinite?: boolean;
  /** The caller's own limit on the time for the answer, milliseconds; the server's is kept anyway. */
  timeoutMs?: number;
  /** With `tensors`: the outputs wanted, in this order; absent or empty = all, in the model's order. */
  outputs?: readonly string[];
}

export interface Postprocessed {
  outputs: Tensor[];
  /** One per row; several outputs are an object of lists by name. */
  predictions: Prediction[] | Record<string, Nested>;
  scored?: Scored;
  uncertainty?: number[];
}

export interface ItemResult extends Postprocessed {
  /** True for one text: the answer is one prediction, not a list. */
  single: boolean;
  /** Too large to print on the event loop: predictions are still to be made from the outputs, in a worker. */
  deferred: boolean;
  /** With `deferred`: the predictions that the package's own code made, as JSON that nobody has looked at yet. */
  given?: string;
  explanations?: Explanation[];
}

export interface CallResult {
  spec: ServingSpec;
  results: ItemResult[];
  /** Whether the outputs were kept ones; absent where the call does not use the cache. */
  cache?: 'hit' | 'miss';
  /** Milliseconds. */
  timings: { preprocess: number; queue: number; batch: number; compute: number; postprocess: number };
}

/** Rows that a call was answered with. */
export const rowsIn = (result: CallResult): number => result.results.reduce((sum, { outputs }) => sum + (outputs[0] === undefined ? 0 : rowsOf(outputs[0])), 0);
