// Owns calls of TensorFlow Serving's API over any transport: which version, what it takes, how it ran. REST and gRPC differ only in how
// tensors and examples are written. Must not know either.
import { asInferenceError } from '../../inference/errors.ts';
import { callerSignature, type ServingSpec } from '../../inference/spec.ts';
import type { Tensor } from '../../inference/tensor.ts';
import type { TensorSpec } from '@slipway/api';
import type { Entry } from '../../models/registry.ts';
import { rowsIn, type Call, type CallResult, type Item } from '../../pipeline/call.ts';
import { runCall, type Origin, type ProtocolContext } from '../protocol.ts';
import type { TfServingBodies } from './bodies.ts';
import { TFSERVING_ERRORS } from './errors.ts';
import type { TfServingMetrics } from './metrics.ts';
import type { Target } from './target.ts';
import { servableMissing, type Versions } from './versions.ts';

/** What REST and gRPC share. */
export interface TfServing {
  context: ProtocolContext;
  versions: Versions;
  metrics: TfServingMetrics;
  bodies: TfServingBodies;
}

/** The model that a call runs on. */
export interface Chosen {
  entry: Entry;
  spec: ServingSpec;
  /** As callers name them. */
  inputs: readonly TensorSpec[];
}

export interface Exchange<T> {
  target: Target;
  /** `predict`, `Classify`, ...: as the transport calls it. */
  api: string;
  entrypoint: 'GRPC' | 'REST';
  decode: (chosen: Chosen) => Item | Promise<Item>;
  /** Outputs wanted, by name; all if absent. */
  outputs?: readonly string[];
  encode: (result: CallResult, chosen: Chosen) => T | Promise<T>;
}

/** @throws InferenceError */
export async function run<T>(server: TfServing, origin: Origin, exchange: Exchange<T>): Promise<{ result: CallResult; answer: T }> {
  const { context, metrics } = server;
  const seen: { model: string; result?: CallResult } = { model: '' };
  let status: keyof typeof TFSERVING_ERRORS | undefined;
  try {
    const chosen = await choose(server, exchange.target, seen);
    const { result, answer } = await runCall(context, origin, { target: chosen.spec, decode: () => callOf(chosen, exchange), encode: (ran) => exchange.encode((seen.result = ran), chosen) });
    return { result, answer };
  } catch (thrown) {
    const error = asInferenceError(thrown);
    status = error.code;
    throw error;
  } finally {
    const { model, result } = seen;
    metrics.observe({
      model,
      api: exchange.api,
      entrypoint: exchange.entrypoint,
      status: status === undefined ? 'OK' : TFSERVING_ERRORS[status].code,
      latency: (performance.now() - origin.began) * 1000,
      runtime: result === undefined ? undefined : result.timings.compute * 1000,
      examples: result === undefined ? 0 : rowsIn(result),
    });
  }
}

/** Finds the version and loads it if it waits for its first call. @throws InferenceError */
export async function choose({ context, versions }: Pick<TfServing, 'context' | 'versions'>, target: Target, seen: { model: string } = { model: '' }): Promise<Chosen> {
  const entry = versions.resolve(target, servableMissing);
  seen.model = entry.name;
  const { spec } = await context.engine.describe({ name: entry.name, version: entry.version, takes: 'tensors' });
  return { entry, spec, inputs: callerSignature(spec).inputs };
}

async function callOf<T>(chosen: Chosen, { decode, outputs = [] }: Exchange<T>): Promise<Call> {
  const { entry } = chosen;
  return { modelName: entry.name, modelVersion: entry.version, items: [await decode(chosen)], maxBatchSize: undefined, extras: false, answer: 'tensors', nonFinite: true, outputs };
}

/** The outputs of the only item of a call. */
export const outputsOf = (result: CallResult): readonly Tensor[] => result.results[0]?.outputs ?? [];
