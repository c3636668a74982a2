// Owns what every protocol needs and no protocol is: one way to run a call (metrics, deadline, hang-up), one way to answer it
// over HTTP, and a scope in which every refusal has the protocol's own body. Must not know any protocol or backend.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ServerState } from '@slipway/api';
import { sendAnswer, sendRefused, type HttpAnswer } from '../http/answer.ts';
import { readBody } from '../http/body-reader.ts';
import { asRefusal } from '../http/errors.ts';
import { countRefusal } from '../http/refusals.ts';
import { noteCall, noteOf, type Note } from '../http/access-log.ts';
import type { PlainAnswer, PlainRequest } from '../http/plain/exchange.ts';
import { hangUpSignal, HEADERS } from '../http/request-context.ts';
import { asInferenceError, type InferenceError, type Meant } from '../inference/errors.ts';
import type { MetricsCollector } from '../metrics/metrics-collector.ts';
import type { ModelManager } from '../models/model-manager.ts';
import type { Call, CallResult } from '../pipeline/call.ts';
import type { CallContext } from '../pipeline/execute.ts';
import type { InferenceEngine } from '../pipeline/inference-engine.ts';

/** What `add<Protocol>Routes(app, context)` is given; app.ts makes one for all. */
export interface ProtocolContext {
  engine: InferenceEngine;
  /** The table of models, and loading and unloading where the caller may (see `mayManage`). */
  manager: ModelManager;
  metrics: MetricsCollector;
  revision: string | undefined;
  /** Time for one answer. */
  timeoutMs: number;
  maxBodyBytes: number;
  /** Whether /health/ready answers 200. */
  ready(): boolean;
  state(): ServerState;
  /**
   * Lets a caller change models, by its Authorization header.
   * @throws InferenceError management_disabled (behind an InferenceService, or an open port without ADMIN_TOKEN), unauthorized
   */
  mayManage(authorization: string | undefined): void;
}

/** Where a call came from. */
export interface Origin {
  /** The label `protocol` of the metrics: `v2`, `v2-grpc`, `tfserving`, ... One of a fixed few. */
  protocol: string;
  requestId: string;
  /** Milliseconds on the monotonic clock. */
  began: number;
  /** The caller's own limit, if it gave one; the server's is kept anyway. */
  timeoutMs?: number | undefined;
  /** Its `aborted` becomes true when the caller hangs up. */
  signal: { readonly aborted: boolean };
  /** Told what the access log may say of the call, when it is over. */
  note(note: Note): void;
  /** HTTP status that the protocol answers an error with, for the metrics; the catalogue's own by default. */
  statusOf?(error: InferenceError): number;
}

export interface Steps<T> {
  /** The model that a call means, where that is known before its body is read: what is refused is counted under it. */
  target?: Meant;
  /** Reads the body. @throws InferenceError */
  decode(): Call | Promise<Call>;
  /** Makes the answer; counted as the phase `serialise`. */
  encode(result: CallResult): T | Promise<T>;
  /** Told what became of the call in how many milliseconds, for what a protocol counts beside. */
  ended?(ended: Ended, ms: number): void;
}

/** What became of a call. */
export interface Ended {
  call: Call | undefined;
  result: CallResult | undefined;
  failure: InferenceError | undefined;
}

export interface Outcome<T> {
  result: CallResult;
  answer: T;
}

/**
 * Runs one call of any protocol over any transport and counts it.
 * @throws InferenceError whatever went wrong; an unknown error is logged by the transport (its cause is kept).
 */
export async function runCall<T>(context: ProtocolContext, origin: Origin, steps: Steps<T>): Promise<Outcome<T>> {
  const { engine, metrics } = context;
  const ended = metrics.began();
  const seen: Ended = { call: undefined, result: undefined, failure: undefined };
  try {
    const decoded = steps.decode();
    const call = (seen.call = decoded instanceof Promise ? await decoded : decoded);
    const result = (seen.result = await engine.predict(call, deadlineOf(context, origin, call)));
    const serialising = performance.now();
    const encoded = steps.encode(result);
    const answer = encoded instanceof Promise ? await encoded : encoded;
    metrics.phase(result.spec.name, result.spec.version, 'serialise', performance.now() - serialising);
    return { result, answer };
  } catch (thrown) {
    throw (seen.failure = asInferenceError(thrown));
  } finally {
    ended();
    account(context, origin, seen, steps);
  }
}

/** Counts a call, and tells the access log what it was. */
function account({ engine, metrics }: ProtocolContext, origin: Origin, ended: Ended, steps: Pick<Steps<unknown>, 'target' | 'ended'>): void {
  const { protocol } = origin;
  const { call, result, failure } = ended;
  const { name, version } = result?.spec ?? engine.meant(call, failure?.meant ?? steps.target);
  const code = failure === undefined ? 200 : (origin.statusOf?.(failure) ?? failure.status);
  const ms = performance.now() - origin.began;
  metrics.call({ model: name, version, protocol, code, failure: failure?.code, ms });
  steps.ended?.(ended, ms);
  origin.note(() => noteOf({ protocol, model: name, version }, result, failure?.code));
}

function deadlineOf(context: ProtocolContext, origin: Origin, call: Call): CallContext {
  const ms = Math.min(context.timeoutMs, origin.timeoutMs ?? context.timeoutMs, call.timeoutMs ?? context.timeoutMs);
  return { requestId: origin.requestId, deadline: origin.began + ms, signal: origin.signal };
}

/** Whether a version of a model (default: the one that answers) can answer now; undefined if it is not served here. A lazy one is ready. */
export function modelReady(context: ProtocolContext, name: string, version?: string): boolean | undefined {
  try {
    const { model, servable } = context.manager.registry.select({ name, version, takes: 'tensors' });
    return servable && (model === undefined || model.runner.alive > 0);
  } catch {
    return undefined;
  }
}

/** Puts an error into the protocol's own status and body: one table per protocol. */
export type WriteError = (error: InferenceError) => HttpAnswer;

export interface HttpProtocol {
  protocol: string;
  writeError: WriteError;
}

/** Answers an inference call over HTTP; what the protocol reads and writes are the two steps. */
export async function answerCall(context: ProtocolContext, at: HttpProtocol & { request: FastifyRequest; reply: FastifyReply }, steps: Steps<HttpAnswer>): Promise<FastifyReply> {
  const { request, reply, protocol, writeError } = at;
  const origin: Origin = { protocol, requestId: request.id, began: performance.now(), signal: hangUpSignal(reply), statusOf: (error) => writeError(error).status, note: (note) => { noteCall(request, note); } };
  try {
    const { result, answer } = await runCall(context, origin, steps);
    reply.header(HEADERS.modelVersion, result.spec.version);
    if (result.cache !== undefined) reply.header(HEADERS.cache, result.cache);
    return await sendAnswer(reply, answer);
  } catch (thrown) {
    return sendError(request, reply, asInferenceError(thrown), writeError);
  }
}

/** The same for a call on the short way (docs/adr/0013). It never throws. */
export async function answerPlainCall(context: ProtocolContext, at: HttpProtocol & { request: PlainRequest }, steps: Steps<HttpAnswer>): Promise<PlainAnswer> {
  const { request, protocol, writeError } = at;
  const { id: requestId, began, signal, note } = request;
  try {
    const { result, answer } = await runCall(context, { protocol, requestId, began, signal, note, statusOf: (error) => writeError(error).status }, steps);
    const { status, type, body, bare = false, headers } = answer;
    const beside = result.cache === undefined ? {} : { [HEADERS.cache]: result.cache };
    return { status, type, body, bare, headers: { [HEADERS.modelVersion]: result.spec.version, ...beside, ...headers } };
  } catch (thrown) {
    const error = asInferenceError(thrown);
    if (error.code === 'internal_error') request.failed(error);
    const retry = error.retryAfterSeconds === undefined ? {} : { 'retry-after': String(error.retryAfterSeconds) };
    const { headers, bare = false, ...answer } = writeError(error);
    return { ...answer, bare, headers: { ...retry, ...headers } };
  }
}

/** Sends an error in the protocol's words. */
export function sendError(request: FastifyRequest, reply: FastifyReply, error: InferenceError, writeError: WriteError): FastifyReply {
  return sendRefused({ request, reply }, error, writeError(error));
}

/**
 * A part of the application in which every refusal, also those made before a route runs, is written by the protocol, and in which a
 * body of any content type is read as bytes (`request.body` is a Buffer, or undefined).
 */
export function protocolScope(app: FastifyInstance, options: { context: ProtocolContext; writeError: WriteError }, add: (scope: FastifyInstance) => void): void {
  const { context, writeError } = options;
  const plugin = (scope: FastifyInstance, _options: object, done: () => void): void => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', readBody);
    scope.setErrorHandler((thrown, request, reply) => {
      const error = asRefusal(thrown as FastifyError, context.maxBodyBytes);
      countRefusal(context, { request, reply }, error, writeError(error).status);
      return sendError(request, reply, error, writeError);
    });
    add(scope);
    done();
  };
  void app.register(plugin);
}

/** The body of a request as bytes; none is an empty one. */
export function bodyOf(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}
