// Owns a loaded model as the pipeline uses it: its spec, its text vectorizer, its batcher and its workers.
// Must not know how it was found or which name serves it.
import type { Batcher } from '../batching/batcher.ts';
import type { BatchLimits } from '../batching/policy.ts';
import type { ModelRunner } from '../backends/model-runner.ts';
import type { ResponseCache } from '../cache/response-cache.ts';
import type { ServingSpec } from '../inference/spec.ts';
import type { TextVectorizer } from '../inference/text-vectorizer.ts';
import type { Handlers } from '../plugins/handlers.ts';
import { InferenceError } from '../inference/errors.ts';

export interface BatchingReport {
  enabled: boolean;
  /** Why it is off, or what warm-up showed. */
  reason: string;
}

export interface WarmupReport {
  complete: boolean;
  /** `samples`, `zeros`, or why it was skipped; and what is suspect. */
  detail: string;
  /** A sample of the package that the model computes no number from. It serves all the same. */
  suspect?: string;
}

export interface Model {
  readonly spec: ServingSpec;
  readonly runner: ModelRunner;
  readonly batcher: Batcher;
  readonly limits: BatchLimits;
  /** The package's own code, where it has some. */
  readonly handlers: Handlers | undefined;
  readonly vectorizer: TextVectorizer | undefined;
  /** Answers that may be given again, where the model has that switched on. */
  readonly cache: ResponseCache | undefined;
  /** The model under its other signatures, by name: with batches of their own, on the same workers. */
  readonly others: ReadonlyMap<string, Model>;
  readonly batching: BatchingReport;
  readonly warmup: WarmupReport;
  /** Name and version that the package gives itself. */
  readonly packageName: string | undefined;
  readonly numericVersion: number | undefined;
  readonly digest: string | undefined;
}

/** Refuses what waits, answers what runs, unloads. */
export async function closeModel(model: Model): Promise<void> {
  const draining = new InferenceError('draining', `Model ${model.spec.name} ${model.spec.version} is being unloaded.`);
  for (const { batcher } of [model, ...model.others.values()]) batcher.close(draining);
  model.cache?.close();
  await Promise.all([model.runner.close(), model.handlers?.close()]);
}
