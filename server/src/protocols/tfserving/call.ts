// Owns calls of TensorFlow Serving's API over any transport: which version, what it takes, how it ran. REST and gRPC differ only in how
// tensors and examples are written. Must not know either.
import { asInferenceError } from '../../inference/errors.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import type { Tensor } from '../../inference/tensor.ts';
import type { Entry } from '../../models/registry.ts';
import { rowsIn, type Call, type CallResult, type Item } from '../../pipeline/call.ts';
import { following, type Soon } from '../../pipeline/soon.ts';
import type { ProtocolContext, Steps } from '../protocol.ts';
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
}

/** What a call runs, and on which of the model's other signatures. */
export interface Asked {
  item: Item;
  signature?: string | undefined;
}

export interface Exchange<T> {
  target: Target;
  /** `predict`, `Classify`, ...: as the transport calls it. */
  api: string;
  entrypoint: 'GRPC' | 'REST';
  decode: (chosen: Chosen) => Soon<Asked>;
  /** Outputs wanted, by name; all if absent. */
  outputs?: readonly string[];
  encode: (result: CallResult, chosen: Chosen) => Soon<T>;
}

/** The steps of a call, which is counted under TensorFlow Serving's names too. */
export function stepsOf<T>(server: TfServing, exchange: Exchange<T>): Steps<T> {
  let entry: Entry | undefined;
  let chosen: Chosen | undefined;
  // No getter for the target: V8 makes a new map, in the old generation, for each object with one.
  const steps: Steps<T> = {
    /** Versions are numbers here, which the engine does not know: what is refused before one is found is counted under the one that answers where none is named. */
    target: { name: exchange.target.name, version: undefined },
    decode: () => {
      steps.target = entry = server.versions.resolve(exchange.target, servableMissing);
      return following(described(server, entry), (found) => following(exchange.decode((chosen = found)), (asked) => callOf(found, asked, exchange.outputs)));
    },
    encode: (result) => {
      if (chosen === undefined) throw asInferenceError(new Error('encoded before it was decoded'));
      return exchange.encode(result, chosen);
    },
    ended: ({ result, failure }, ms) => {
      const { api, entrypoint } = exchange;
      server.metrics.observe({
        model: entry?.name ?? '',
        api,
        entrypoint,
        status: failure === undefined ? 'OK' : TFSERVING_ERRORS[failure.code].code,
        latency: ms * 1000,
        runtime: result === undefined ? undefined : result.timings.compute * 1000,
        examples: result === undefined ? 0 : rowsIn(result),
      });
    },
  };
  return steps;
}

/** Finds the version and loads it if it waits for its first call. @throws InferenceError, at once or later */
export const choose = (server: Pick<TfServing, 'context' | 'versions'>, target: Target): Soon<Chosen> => described(server, server.versions.resolve(target, servableMissing));

const described = ({ context }: Pick<TfServing, 'context'>, entry: Entry): Soon<Chosen> =>
  following(context.engine.describe({ name: entry.name, version: entry.version, takes: 'tensors' }), ({ spec }) => ({ entry, spec }));

const callOf = ({ entry }: Chosen, { item, signature }: Asked, outputs: readonly string[] = []): Call =>
  ({ modelName: entry.name, modelVersion: entry.version, signature, items: [item], maxBatchSize: undefined, extras: false, answer: 'tensors', nonFinite: true, outputs });

/** The outputs of the only item of a call. */
export const outputsOf = (result: CallResult): readonly Tensor[] => result.results[0]?.outputs ?? [];
