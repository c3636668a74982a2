// Owns the routes of the native API: which URL and header mean which version, and who answers. Bodies are codec.ts; the work is
// the engine's. Must not import backends.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { asInferenceError, InferenceError } from '../../inference/errors.ts';
import type { MetricsCollector } from '../../metrics/metrics-collector.ts';
import type { CallContext } from '../../pipeline/execute.ts';
import type { InferenceEngine } from '../../pipeline/inference-engine.ts';
import type { Call, CallResult } from '../../pipeline/call.ts';
import { sendProblem } from '../../http/errors.ts';
import { PICTURE_TYPES } from '../../http/bodies.ts';
import { hangUpSignal, HEADERS } from '../../http/request-context.ts';
import { apiVersionOf, rememberVersion } from './api-version.ts';
import type { Bodies } from './bodies.ts';
import type { Kind } from './body-jobs.ts';
import type { ApiVersion, Outside } from './codec.ts';

export interface NativeOptions {
  engine: InferenceEngine;
  bodies: Bodies;
  metrics: MetricsCollector;
  revision: string | undefined;
  timeoutMs: number;
}

export function addNativeRoutes(app: FastifyInstance, options: NativeOptions): void {
  for (const kind of ['predict', 'batch-predict'] as const) {
    app.post(`/${kind}`, (request, reply) => answer(request, reply, { kind, fixed: undefined, options }));
    for (const version of [1, 2] as const) {
      app.post(`/v${String(version)}/${kind}`, (request, reply) => answer(request, reply, { kind, fixed: version, options }));
    }
  }
}

interface Exchange {
  request: FastifyRequest;
  reply: FastifyReply;
}

interface Job {
  kind: Kind;
  fixed: ApiVersion | undefined;
  options: NativeOptions;
}

async function answer(request: FastifyRequest, reply: FastifyReply, job: Job): Promise<FastifyReply> {
  const { metrics } = job.options;
  const began = performance.now();
  const ended = metrics.began();
  let spec: CallResult['spec'] | undefined;
  try {
    const version = apiVersionOf(request, job.fixed);
    const result = await predict({ request, reply }, job, { version, began });
    spec = result.spec;
    rememberVersion(request, reply, version);
    const serialising = performance.now();
    const body = await job.options.bodies.encode({ kind: job.kind, version, answer: { requestId: request.id, revision: job.options.revision }, result });
    metrics.phase(spec.name, spec.version, 'serialise', performance.now() - serialising);
    reply.header(HEADERS.modelVersion, spec.version).type('application/json; charset=utf-8');
    return await reply.send(body);
  } catch (thrown) {
    const error = asInferenceError(thrown);
    if (error.code === 'internal_error') request.log.error({ err: error.cause, reqId: request.id }, 'call failed');
    return await sendProblem(request, reply, error);
  } finally {
    ended();
    metrics.call({ model: spec?.name ?? '', version: spec?.version ?? '', protocol: 'native', code: reply.statusCode, ms: performance.now() - began });
  }
}

async function predict({ request, reply }: Exchange, job: Job, at: { version: ApiVersion; began: number }): Promise<CallResult> {
  const query = request.query as Record<string, string | undefined>;
  const outside: Outside = { modelName: query['modelName'], modelVersion: headerOf(request, HEADERS.modelVersion) ?? query['modelVersion'], apiVersion: at.version };
  const call = await decode(request, job, outside);
  const context: CallContext = { requestId: request.id, deadline: at.began + job.options.timeoutMs, signal: hangUpSignal(reply) };
  return job.options.engine.predict(call, context);
}

/** A picture is the body itself; everything else is JSON. */
function decode(request: FastifyRequest, job: Job, outside: Outside): Promise<Call> {
  const body = request.body as Buffer | undefined;
  if (!Buffer.isBuffer(body)) return Promise.reject(new InferenceError('malformed_request', 'The body is empty; JSON was expected.'));
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (!PICTURE_TYPES.includes(type)) return job.options.bodies.decode(job.kind, body, outside);
  if (job.kind === 'batch-predict') return Promise.reject(new InferenceError('unsupported_media_type', 'A batch of pictures is JSON: {"batch":[{"inputs":{"b64":"..."}}]}.'));
  const { modelName, modelVersion, apiVersion } = outside;
  return Promise.resolve({ modelName, modelVersion, items: [{ pictures: [body] }], maxBatchSize: undefined, extras: apiVersion === 2 });
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
