// Owns the native API's pages about the server: health, readiness, models, metrics, the OpenAPI document and its page.
// Must not change anything.
import type { FastifyInstance } from 'fastify';
import type { ServerState } from '@slipway/api';
import type { MetricsCollector } from '../../metrics/metrics-collector.ts';
import { present } from '../../inference/optional.ts';
import type { TensorSpec } from '@slipway/api';
import type { Model } from '../../models/model.ts';
import type { Entry, Registry } from '../../models/registry.ts';
import { DOCS_PAGE } from './docs-page.ts';
import { openApiDocument } from './openapi.ts';

export interface InfoOptions {
  registry: Registry;
  metrics: MetricsCollector;
  /** Characters of one text. */
  maxTextLength: number;
  /** Read anew for every call. */
  state(): ServerState;
  /** What runs models, and why natively not, if so. */
  backend(): { name: string; native: boolean; detail?: string };
  /** Whether /health/ready answers 200. */
  ready(): boolean;
}

export function addInfoRoutes(app: FastifyInstance, options: InfoOptions): void {
  app.get('/health', () => ({ status: 'healthy', backend: options.backend() }));
  app.get('/health/ready', (_request, reply) => {
    const { phase, reason, message, models } = options.state();
    const ready = options.ready();
    const waiting = models.filter((model) => model.phase !== 'Ready').map(({ name, version, phase: at, reason: why, message: words }) => ({ name, version, phase: at, ...present({ reason: why, message: words }) }));
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'unready', phase, ...present({ reason, message }), ...(waiting.length === 0 ? {} : { waiting }) });
  });
  app.get('/models', () => ({ models: options.registry.entries().map(listingOf) }));
  app.get('/metrics', async (request, reply) => {
    if (!wantsPrometheus(request.headers.accept)) return options.metrics.summary();
    const { contentType, text } = await options.metrics.prometheus();
    return reply.type(contentType).send(text);
  });
  app.get('/openapi.json', () => openApiDocument(options.registry.entries(), { defaultVersion: (name) => options.registry.defaultVersion(name), maxTextLength: options.maxTextLength }));
  app.get('/docs', (_request, reply) => reply.type('text/html; charset=utf-8').send(DOCS_PAGE));
}

/** Prometheus names text/plain or openmetrics; a browser and curl do not. */
const wantsPrometheus = (accept: string | undefined): boolean => /text\/plain|openmetrics/.test(accept ?? '');

/** One row of GET /models. */
export function listingOf(entry: Entry): Record<string, unknown> {
  const { model } = entry;
  return {
    name: entry.name,
    version: entry.version,
    inputShape: shapesOf(model?.spec.signature.inputs),
    outputShape: shapesOf(model?.spec.signature.outputs),
    loadedAt: entry.loadedAt?.toISOString() ?? null,
    warmupComplete: model?.warmup.complete ?? false,
    phase: entry.phase,
    loaded: model !== undefined,
    ...(entry.wake === undefined ? {} : { lazy: true }),
    ...present({ reason: entry.reason, message: entry.message }),
    ...(entry.aliases.length === 0 ? {} : { aliases: entry.aliases }),
    ...(model === undefined ? {} : detailsOf(model)),
  };
}

/** What is known of a model that is in memory. */
function detailsOf(model: Model): Record<string, unknown> {
  return {
    format: model.spec.format,
    isolation: model.runner.isolation,
    ...present({ handlers: model.handlers?.given }),
    takes: model.spec.takes,
    inputs: model.spec.signature.inputs,
    outputs: model.spec.signature.outputs,
    warmup: model.warmup.detail,
    batching: model.batching,
    ...(model.cache === undefined ? {} : { cache: { ...model.cache.limits, bytes: model.cache.bytes, entries: model.cache.entries } }),
    ...present({ numericVersion: model.numericVersion }),
  };
}

/** The shape of the only tensor, or shapes by name. */
function shapesOf(tensors: readonly TensorSpec[] | undefined): unknown {
  const [only, ...others] = tensors ?? [];
  if (only === undefined || tensors === undefined) return null;
  return others.length === 0 ? only.shape : Object.fromEntries(tensors.map((tensor) => [tensor.name, tensor.shape]));
}
