// Owns the routes of the native API: which URL and header mean which version, and who answers. Bodies are codec.ts; the work is
// the engine's. Must not import backends.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { asInferenceError, InferenceError } from '../../inference/errors.ts';
import { isPicture } from '../../inference/pictures.ts';
import type { MetricsCollector } from '../../metrics/metrics-collector.ts';
import type { CallContext } from '../../pipeline/execute.ts';
import type { InferenceEngine } from '../../pipeline/inference-engine.ts';
import type { Call, CallResult } from '../../pipeline/call.ts';
import { sendProblem } from '../../http/errors.ts';
import { PICTURE_TYPES } from '../../http/bodies.ts';
import { noteCall, noteOf } from '../../http/access-log.ts';
import { hangUpSignal, HEADERS } from '../../http/request-context.ts';
import { apiVersionOf, rememberVersion } from './api-version.ts';
import type { Bodies } from './bodies.ts';
import type { Kind } from './body-jobs.ts';
import type { ApiVersion, Outside } from './codec.ts';
import { queryOf } from './query.ts';
import { OCTETS, readOctets, TENSOR_HEADERS, wantsOctets, writeOctets } from './octets.ts';

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
  const seen: Seen = { began };
  try {
    const version = apiVersionOf(request, job.fixed);
    const result = await predict({ request, reply }, job, { version, seen });
    const { spec } = (seen.result = result);
    rememberVersion(request, reply, version);
    const serialising = performance.now();
    const { type, body, headers } = await encode(request, job, { version, result });
    metrics.phase(spec.name, spec.version, 'serialise', performance.now() - serialising);
    if (result.cache !== undefined) reply.header(HEADERS.cache, result.cache);
    reply.header(HEADERS.modelVersion, spec.version).headers(headers).type(type);
    return await reply.send(body);
  } catch (thrown) {
    const error = asInferenceError(thrown);
    seen.failure = error;
    if (error.code === 'internal_error') request.log.error({ err: error.cause, reqId: request.id }, 'call failed');
    return await sendProblem(request, reply, error);
  } finally {
    ended();
    account({ request, reply }, job, seen);
  }
}

/** What became of a call. */
interface Seen {
  began: number;
  call?: Call;
  result?: CallResult;
  failure?: InferenceError;
}

/** Counts a call, and tells the access log what it was. */
function account({ request, reply }: Exchange, { options: { metrics, engine } }: Job, { began, call, result, failure }: Seen): void {
  const { name, version } = result?.spec ?? engine.meant(call, failure?.meant ?? { name: queryOf(request, 'modelName'), version: undefined });
  metrics.call({ model: name, version, protocol: 'native', code: reply.statusCode, failure: failure?.code, ms: performance.now() - began });
  noteCall(request, () => noteOf({ protocol: 'native', model: name, version }, result, failure?.code));
}

async function encode(request: FastifyRequest, job: Job, made: { version: ApiVersion; result: CallResult }): Promise<{ type: string; body: string | Buffer; headers: Record<string, string> }> {
  if (binary(request, job)) {
    const { bytes, headers } = writeOctets(made.result);
    return { type: OCTETS, body: bytes, headers };
  }
  const body = await job.options.bodies.encode({ kind: job.kind, ...made, answer: { requestId: request.id, revision: job.options.revision } });
  return { type: 'application/json; charset=utf-8', body, headers: {} };
}

/** Raw bytes are the answer to one item; a batch is JSON whatever is accepted. */
const binary = (request: FastifyRequest, job: Job): boolean => job.kind === 'predict' && wantsOctets(request.headers.accept);

async function predict({ request, reply }: Exchange, job: Job, at: { version: ApiVersion; seen: Seen }): Promise<CallResult> {
  const outside: Outside = { modelName: queryOf(request, 'modelName'), modelVersion: headerOf(request, HEADERS.modelVersion) ?? queryOf(request, 'modelVersion'), apiVersion: at.version };
  const call = (at.seen.call = await decode(request, job, outside));
  const context: CallContext = { requestId: request.id, deadline: at.seen.began + job.options.timeoutMs, signal: hangUpSignal(reply) };
  return job.options.engine.predict(binary(request, job) ? { ...call, answer: 'tensors' } : call, context);
}

/** A picture or a raw tensor is the body itself; everything else is JSON. */
async function decode(request: FastifyRequest, job: Job, outside: Outside): Promise<Call> {
  const body = request.body as Buffer | undefined;
  if (!Buffer.isBuffer(body)) throw new InferenceError('malformed_request', 'The body is empty; JSON was expected.');
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (!PICTURE_TYPES.includes(type) && type !== OCTETS) return job.options.bodies.decode(job.kind, body, outside);
  if (job.kind === 'batch-predict') throw new InferenceError('unsupported_media_type', 'A batch is JSON; a picture in it is {"inputs":{"b64":"..."}}.');
  const { modelName, modelVersion, apiVersion } = outside;
  const target = type === OCTETS ? await decodeOctets(request, job, outside) : { modelName, modelVersion, items: [{ pictures: [body] }] };
  return { ...target, maxBatchSize: undefined, extras: apiVersion === 2 };
}

/** What raw bytes mean depends on the model, so it is asked first. */
async function decodeOctets(request: FastifyRequest, job: Job, { modelName, modelVersion }: Outside): Promise<Pick<Call, 'modelName' | 'modelVersion' | 'items'>> {
  const body = request.body as Buffer;
  const { spec } = await job.options.engine.describe({ name: modelName, version: modelVersion, takes: isPicture(body) ? 'picture' : 'tensors' });
  const beside = { shape: headerOf(request, TENSOR_HEADERS.shape) ?? queryOf(request, 'shape'), dtype: headerOf(request, TENSOR_HEADERS.dtype) ?? queryOf(request, 'dtype') };
  return { modelName: spec.name, modelVersion: spec.version, items: [readOctets(body, spec, beside)] };
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
