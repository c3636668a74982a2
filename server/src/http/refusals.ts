// Owns the count of inference calls that are refused before their route runs: by the body limit, by memory, by their type. Routes of inference
// say what they would have been counted as. Must not know protocols.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { InferenceError, Meant } from '../inference/errors.ts';
import type { MetricsCollector } from '../metrics/metrics-collector.ts';
import { noteCall, noteOf } from './access-log.ts';

interface Counted {
  /** As in the metrics: `native`, `v2`, ... */
  protocol: string;
  /** The model that the URL or a header names. */
  target: Meant;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of a route of inference; undefined where the request is no call. */
    counted?: (request: FastifyRequest) => Counted | undefined;
  }
}

export interface RefusalOptions {
  metrics: MetricsCollector;
  engine: { meant(call: undefined, told: Meant): { name: string; version: string } };
}

/** @param code HTTP status that the refusal is answered with */
export function countRefusal({ metrics, engine }: RefusalOptions, { request, reply }: { request: FastifyRequest; reply: FastifyReply }, error: InferenceError, code: number): void {
  const counted = request.routeOptions.config.counted?.(request);
  if (counted === undefined) return;
  const { protocol, target } = counted;
  const { name: model, version } = engine.meant(undefined, target); // bounded: nobody's for a model that is not served
  metrics.call({ model, version, protocol, code, failure: error.code, ms: reply.elapsedTime });
  noteCall(request, () => noteOf({ protocol, model, version }, undefined, error.code));
}
