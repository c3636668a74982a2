// Owns the values that travel from a protocol to the engine and back. Must not hold behaviour.
import type { NumericPreprocessing } from '@slipway/api';
import type { Explanation } from '../inference/explanation.ts';
import type { Prepared } from '../inference/inputs.ts';
import type { ServingSpec } from '../inference/spec.ts';
import type { Postprocessed } from './postprocess.ts';

/** What one item of a call brings. Exactly one of the three. */
export interface Item {
  inputs?: unknown;
  text?: string | readonly string[];
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

export interface ItemResult extends Postprocessed {
  /** True for one text: the answer is one prediction, not a list. */
  single: boolean;
  explanations?: Explanation[];
}

export interface CallResult {
  spec: ServingSpec;
  results: ItemResult[];
  /** Milliseconds. */
  timings: { preprocess: number; queue: number; batch: number; compute: number; postprocess: number };
}
