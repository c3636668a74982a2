// Owns TensorFlow Serving's REST API on HTTP: which URL is which call. Bodies and words are in the codecs beside it; the work is the
// engine's. Must not import backends.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { noteCall, type Note } from '../../http/access-log.ts';
import { hangUpSignal, HEADERS, roleOf } from '../../http/request-context.ts';
import { asInferenceError, type InferenceError } from '../../inference/errors.ts';
import { bodyOf, protocolScope, sendAnswer, sendError, type HttpAnswer } from '../protocol.ts';
import { isUnrouted, type WriteUnrouted } from '../../http/errors.ts';
import { readCall, writeCall, type TfServingBodies } from './bodies.ts';
import { choose, outputsOf, run, type Exchange, type TfServing } from './call.ts';
import { errorBody, httpStatusOf } from './errors.ts';
import { invalid } from './fill.ts';
import { metadataBody, statusBody, stateOf, type VersionStatus } from './info-bodies.ts';
import type { Format } from './predict-request.ts';
import { parseTarget, type Method, type Target } from './target.ts';
import { versionsMissing } from './versions.ts';

const PROTOCOL = 'tfserving';
const JSON_TYPE = 'application/json';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** As bytes: to a text Fastify would add a charset, which TensorFlow Serving does not send. */
const jsonAnswer = (status: number, body: string | Buffer): HttpAnswer => ({ status, type: JSON_TYPE, body: typeof body === 'string' ? Buffer.from(body) : body });

/** An error in TensorFlow Serving's form. */
export function writeError(error: InferenceError): HttpAnswer {
  return jsonAnswer(httpStatusOf(error.code), errorBody(error.message));
}

/** What reaches no route below /v1: to TensorFlow Serving every path there is a request, well or badly formed. */
export const writeUnrouted: WriteUnrouted = (error, { method, path }) => (isUnrouted(error) ? writeError(invalid(`Malformed request: ${method} ${path}`)) : writeError(error));

/** @param ownsModels whether /v1/models is TensorFlow Serving's (V1_DIALECT) */
export function addTfServingRoutes(app: FastifyInstance, server: TfServing, ownsModels: boolean): void {
  protocolScope(app, { context: server.context, writeError }, (scope) => {
    scope.get('/monitoring/prometheus/metrics', (_request, reply) => reply.type('text/plain').send(Buffer.from(server.metrics.text())));
    if (!ownsModels) return;
    for (const url of ['/v1/models', '/v1/models/*']) scope.route({ method: METHODS, url, exposeHeadRoute: false, config: { counted }, handler: (request, reply) => answer(server, request, reply) });
  });
}

/** Versions are numbers in a URL, which the engine does not know: a refusal is counted under the version that answers where none is named. */
function counted(request: FastifyRequest): { protocol: string; target: { name: string; version: undefined } } | undefined {
  try {
    const { kind, target } = parseTarget(request.method, request.url.split('?')[0] ?? '');
    return kind === 'call' ? { protocol: PROTOCOL, target: { name: target.name, version: undefined } } : undefined;
  } catch {
    return undefined;
  }
}

async function answer(server: TfServing, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  try {
    if (request.method === 'OPTIONS') return await preflight(request, reply);
    const parsed = parseTarget(request.method, request.url.split('?')[0] ?? '');
    parsed.target.role = roleOf(request.headers);
    if (parsed.kind === 'call') return await call(server, { request, reply }, parsed);
    const body = parsed.kind === 'status' ? status(server, parsed.target) : await metadata(server, parsed.target);
    return await sendAnswer(reply, jsonAnswer(200, body));
  } catch (thrown) {
    return sendError(request, reply, asInferenceError(thrown), writeError);
  }
}

/** One that was allowed is answered before it comes here. */
function preflight({ headers }: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (!/https?:\/\//.test(headers.origin ?? '')) throw invalid('Origin header is missing in CORS preflight');
  return sendAnswer(reply, jsonAnswer(200, ''));
}

async function call(server: TfServing, { request, reply }: { request: FastifyRequest; reply: FastifyReply }, at: { method: Method; target: Target }): Promise<FastifyReply> {
  const origin = { protocol: PROTOCOL, requestId: request.id, began: performance.now(), signal: hangUpSignal(reply), statusOf: (error: InferenceError) => httpStatusOf(error.code), note: (note: Note) => { noteCall(request, note); } };
  const codec = codecOf(server.bodies, at.method, bodyOf(request));
  const ran = await run(server, origin, { ...codec, target: at.target, api: at.method, entrypoint: 'REST' });
  reply.header(HEADERS.modelVersion, ran.result.spec.version);
  if (ran.result.cache !== undefined) reply.header(HEADERS.cache, ran.result.cache);
  return sendAnswer(reply, jsonAnswer(200, ran.answer));
}

type Codec = Pick<Exchange<string | Buffer>, 'decode' | 'encode'>;

function codecOf(bodies: TfServingBodies, method: Method, bytes: Buffer): Codec {
  let format: Format = 'row';
  return {
    decode: async ({ spec }) => {
      const read = await readCall(bodies, bytes, { method, spec });
      format = read.format;
      return read.item;
    },
    encode: (result, { spec }) => writeCall(bodies, { method, format, outputs: outputsOf(result), spec }, result.cache !== undefined),
  };
}

function status({ versions }: TfServing, target: Target): string {
  const chosen = target.version === undefined && target.label === undefined ? versions.versionsOf(target, versionsMissing) : [versions.resolve(target, versionsMissing)];
  return statusBody(
    chosen.map((entry): VersionStatus => {
      const error = entry.phase === 'Failed' ? { code: 'model_failed' as const, message: entry.message ?? entry.reason ?? '' } : undefined;
      return { version: versions.numberOf(entry), state: stateOf(entry), error };
    }),
  );
}

async function metadata(server: TfServing, target: Target): Promise<string> {
  const { entry, spec } = await choose(server, target);
  return metadataBody(entry.name, server.versions.numberOf(entry), spec);
}
