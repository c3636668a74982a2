// Owns the values that travel from a protocol to the engine and back. Must not hold behaviour.
import type { NumericPreprocessing } from '@slipway/api';
import type { Explanation } from '../inference/explanation.ts';
import type { Prepared } from '../inference/inputs.ts';
import type { ServingSpec } from '../inference/spec.ts';
import type { Nested } from '../inference/nested.ts';
import type { Prediction, Scored } from '../inference/postprocess.ts';
import type { Tensor } from '../inference/tensor.ts';

/** What one item of a call brings. Exactly one of inputs, text, pictures and prepared. */
export interface Item {
  inputs?: unknown;
  text?: string | readonly string[];
  /** PNG or JPEG files, one per row. */
  pictures?: readonly Uint8Array[];
  /** Already checked and converted (by the worker that parsed a large body). */
  prepared?: Prepared;
  preprocessing?: NumericPreprocessing | undefined;
}

export interface Call {
  modelName: string | undefined;
  modelVersion: string | undefined;
  items: readonly Item[];
  /** Rows of one piece; undefined = the server's MAX_BATCH_SIZE. */
  maxBatchSize: number | undefined;
  /** Whether uncertainty and explanation are wanted. */
  extras: boolean;
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
  explanations?: Explanation[];
}

export interface CallResult {
  spec: ServingSpec;
  results: ItemResult[];
  /** Milliseconds. */
  timings: { preprocess: number; queue: number; batch: number; compute: number; postprocess: number };
}
