// Owns the further signatures of a loaded SavedModel: each is warmed up by itself and has batches of its own, on the model's workers.
// Must not know who calls them.
import { Batcher, type BatcherOptions } from '../batching/batcher.ts';
import type { ServingSpec } from '../inference/spec.ts';
import type { Model } from './model.ts';
import { warmUp, type WarmUpResult } from './warm-up.ts';

type Options = Omit<BatcherOptions, 'merge' | 'allowed'> & { allowed: readonly number[]; warmupIterations: number };

/** The model under each of its other signatures. */
export async function openOthers(model: Omit<Model, 'others'>, options: Options): Promise<Model['others']> {
  const opened = Object.entries(model.spec.others ?? {}).map(async ([name, spec]): Promise<[string, Model]> => [name, await open(model, spec, name, options)]);
  return new Map(await Promise.all(opened));
}

async function open(model: Omit<Model, 'others'>, spec: ServingSpec, name: string, options: Options): Promise<Model> {
  const { runner } = model;
  const warm = await warmed(model, spec, name, options);
  const limits = { ...options, merge: warm.batching.enabled };
  const calls = {
    get free(): number {
      return runner.free;
    },
    run: (...[parts, transfer]: Parameters<typeof runner.run>) => runner.run(parts, transfer, name),
  };
  return { ...model, ...warm, spec, limits, batcher: new Batcher(calls, limits), vectorizer: undefined, handlers: undefined, cache: undefined, others: new Map() };
}

/** The package has samples for its own signature alone. One that fails on zeros is served all the same: its callers may know better. */
async function warmed({ runner }: Omit<Model, 'others'>, { signature }: ServingSpec, name: string, { warmupIterations: iterations, maxRows: maxBatchSize, allowed }: Options): Promise<WarmUpResult> {
  try {
    return await warmUp(async (parts) => (await runner.run(parts, [], name)).outputs, signature, [], { iterations, maxBatchSize, allowed, workers: runner.workers });
  } catch (error) {
    const reason = (error as Error).message;
    return { warmup: { complete: true, detail: `skipped (${reason})` }, batching: { enabled: false, reason } };
  }
}

/** Pumps all batches of a model when a worker is free. Whose turn is first changes: nobody's calls always come after others'. */
export function inTurns(batchers: readonly Pick<Batcher, 'pump'>[]): () => void {
  let first = 0;
  return () => {
    for (let at = 0; at < batchers.length; at++) batchers[(first + at) % batchers.length]?.pump();
    first = (first + 1) % batchers.length;
  };
}
