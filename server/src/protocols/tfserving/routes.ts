// Owns TensorFlow Serving's REST API on HTTP: which URL is which call. Bodies and words are in the codecs beside it; the work is the
// engine's. Must not import backends.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendAnswer, type HttpAnswer } from '../../http/answer.ts';
import { isUnrouted, type WriteUnrouted } from '../../http/errors.ts';
import type { PlainRoute } from '../../http/plain/exchange.ts';
import { HEADERS, roleOf } from '../../http/request-context.ts';
import { asInferenceError, type InferenceError } from '../../inference/errors.ts';
import { following } from '../../pipeline/soon.ts';
import { answerCall, answerPlainCall, bodyOf, protocolScope, sendError, type Steps } from '../protocol.ts';
import { readCall, writeCall } from './bodies.ts';
import { choose, outputsOf, stepsOf, type TfServing } from './call.ts';
import { errorBody, httpStatusOf } from './errors.ts';
import { invalid } from './fill.ts';
import { metadataBody, statusBody, stateOf, type VersionStatus } from './info-bodies.ts';
import type { Format } from './predict-request.ts';
import { parseTarget, type Method, type Target } from './target.ts';
import { versionsMissing } from './versions.ts';

const PROTOCOL = 'tfserving';
const JSON_TYPE = 'application/json';
/** The route of all calls: the colon before the method belongs to the last segment, so the path is taken apart here. */
const CALLS = '/v1/models/*';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** TensorFlow Serving says no charset. */
const jsonAnswer = (status: number, body: string | Buffer): HttpAnswer => ({ status, type: JSON_TYPE, bare: true, body });

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
    for (const url of ['/v1/models', CALLS]) scope.route({ method: METHODS, url, exposeHeadRoute: false, config: { counted }, handler: (request, reply) => answer(server, request, reply) });
  });
}

/** The path as the caller wrote it. */
const pathOf = (request: FastifyRequest): string => request.originalUrl.split('?')[0] ?? '';

/** The URL that a request is routed by: TensorFlow Serving looks for its paths whatever the case of their letters. */
export const routedUrl = (url: string): string => url.replace(/^\/v1\/models(?=[/?]|$)/i, '/v1/models');

/** Versions are numbers in a URL, which the engine does not know: a refusal is counted under the version that answers where none is named. */
function counted(request: FastifyRequest): { protocol: string; target: { name: string; version: undefined } } | undefined {
  try {
    const { kind, target } = parseTarget(request.method, pathOf(request));
    return kind === 'call' ? { protocol: PROTOCOL, target: { name: target.name, version: undefined } } : undefined;
  } catch {
    return undefined;
  }
}

async function answer(server: TfServing, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  try {
    if (request.method === 'OPTIONS') return await preflight(request, reply);
    const parsed = parseTarget(request.method, pathOf(request));
    parsed.target.role = roleOf(request.headers);
    if (parsed.kind === 'call') return await answerCall(server.context, { request, reply, protocol: PROTOCOL, writeError }, callSteps(server, parsed, bodyOf(request)));
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

/** What is neither encoded nor written in other letters, with a version that is a number of 64 bits. */
const PLAIN_CALL = /^\/v1\/models\/[\w.~-]{1,100}(?:\/versions\/\d{1,18}|\/labels\/[\w.~-]{1,100})?:(?:predict|classify|regress)$/;

/** Calls on the short way (docs/adr/0013), where /v1/models is TensorFlow Serving's. */
export function plainTfServing(server: TfServing): (target: string) => PlainRoute | undefined {
  return (path) => {
    const parsed = PLAIN_CALL.test(path) ? parseTarget('POST', path) : undefined;
    if (parsed?.kind !== 'call') return undefined;
    const { method, target } = parsed;
    return {
      template: CALLS,
      answer: (request) => {
        const asked = { method, target: { ...target, role: request.headers.get(HEADERS.role) } };
        return answerPlainCall(server.context, { request, protocol: PROTOCOL, writeError }, callSteps(server, asked, request.body));
      },
    };
  };
}

function callSteps(server: TfServing, { method, target }: { method: Method; target: Target }, body: Buffer): Steps<HttpAnswer> {
  const { bodies } = server;
  let format: Format = 'row';
  return stepsOf(server, {
    target,
    api: method,
    entrypoint: 'REST',
    decode: ({ spec }) => following(readCall(bodies, body, { method, spec }), (read) => {
      format = read.format;
      return read;
    }),
    encode: (result) => following(writeCall(bodies, { method, format, outputs: outputsOf(result), spec: result.spec }, result.cache !== undefined), (text) => jsonAnswer(200, text)),
  });
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
