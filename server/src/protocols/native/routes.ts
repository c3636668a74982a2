// Owns the routes of the native API: which URL and header mean which version, and who answers. Bodies are codec.ts; the work is
// the engine's. Must not import backends.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { asInferenceError } from '../../inference/errors.ts';
import type { MetricsCollector } from '../../metrics/metrics-collector.ts';
import type { CallContext } from '../../pipeline/execute.ts';
import type { InferenceEngine } from '../../pipeline/inference-engine.ts';
import type { CallResult } from '../../pipeline/call.ts';
import { sendProblem } from '../../http/errors.ts';
import { parseJson } from '../../http/json-body.ts';
import { hangUpSignal, HEADERS } from '../../http/request-context.ts';
import { apiVersionOf, rememberVersion } from './api-version.ts';
import { decodeBatch, decodePredict, encodeBatch, encodePredict, type ApiVersion, type Outside } from './codec.ts';

export interface NativeOptions {
  engine: InferenceEngine;
  metrics: MetricsCollector;
  revision: string | undefined;
  timeoutMs: number;
}

type Kind = 'predict' | 'batch-predict';

export function addNativeRoutes(app: FastifyInstance, options: NativeOptions): void {
  for (const kind of ['predict', 'batch-predict'] as const) {
    app.post(`/${kind}`, (request, reply) => answer(request, reply, { kind, fixed: undefined, options }));
    for (const version of [1, 2] as const) {
      app.post(`/v${String(version)}/${kind}`, (request, reply) => answer(request, reply, { kind, fixed: version, options }));
    }
  }
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
    const result = await predict(request, job, { version, began });
    spec = result.spec;
    rememberVersion(request, reply, version);
    const serialising = performance.now();
    const body = encode(result, { request, job, version });
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

function predict(request: FastifyRequest, job: Job, at: { version: ApiVersion; began: number }): Promise<CallResult> {
  const query = request.query as Record<string, string | undefined>;
  const outside: Outside = { modelName: query['modelName'], modelVersion: headerOf(request, HEADERS.modelVersion) ?? query['modelVersion'], apiVersion: at.version };
  const body = parseJson((request.body as Buffer).toString('utf8'));
  const call = job.kind === 'predict' ? decodePredict(body, outside) : decodeBatch(body, outside);
  const context: CallContext = { requestId: request.id, deadline: at.began + job.options.timeoutMs, signal: hangUpSignal(request) };
  return job.options.engine.predict(call, context);
}

function encode(result: CallResult, at: { request: FastifyRequest; job: Job; version: ApiVersion }): string {
  const answer = { requestId: at.request.id, revision: at.job.options.revision };
  return JSON.stringify(at.job.kind === 'predict' ? encodePredict(result, at.version, answer) : encodeBatch(result, at.version, answer));
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
