// Owns TensorFlow Serving's REST API on HTTP: which URL is which call. Bodies and words are in the codecs beside it; the work is the
// engine's. Must not import backends.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { jsonCost } from '../../http/json-cost.ts';
import { hangUpSignal, HEADERS, roleOf } from '../../http/request-context.ts';
import { asInferenceError, InferenceError } from '../../inference/errors.ts';
import { picturesOf } from '../../inference/inputs.ts';
import type { CallResult, Item } from '../../pipeline/call.ts';
import { bodyOf, protocolScope, sendAnswer, sendError, type HttpAnswer } from '../protocol.ts';
import { choose, outputsOf, run, type Chosen, type Exchange, type TfServing } from './call.ts';
import { errorBody, httpStatusOf } from './errors.ts';
import { decodeExamples, tensorsOf } from './examples.ts';
import { metadataBody, statusBody, stateOf, type VersionStatus } from './info-bodies.ts';
import type { JsonObject, JsonValue } from './json-reader.ts';
import { checkSignature, decodePredict, instancesOf, isNamed, readBody, type Format } from './predict-request.ts';
import { encodePredict } from './predict-response.ts';
import { classesOf, encodeClasses, encodeValues, valuesOf } from './results.ts';
import { parseTarget, type Method, type Target } from './target.ts';
import { versionsMissing } from './versions.ts';

const PROTOCOL = 'tfserving';
const JSON_TYPE = 'application/json';
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** What one body may take in memory once parsed; more would endanger the heap that all calls share. */
const MAX_PARSED_BYTES = 1024 ** 3;
/** Smaller bodies are not weighed. */
const LARGE_BODY_BYTES = 256 * 1024;

/** As bytes: to a text Fastify would add a charset, which TensorFlow Serving does not send. */
const jsonAnswer = (status: number, body: string): HttpAnswer => ({ status, type: JSON_TYPE, body: Buffer.from(body) });

/** An error in TensorFlow Serving's form. */
export function writeError(error: InferenceError): HttpAnswer {
  return jsonAnswer(httpStatusOf(error.code), errorBody(error.message));
}

/** @param ownsModels whether /v1/models is TensorFlow Serving's (V1_DIALECT) */
export function addTfServingRoutes(app: FastifyInstance, server: TfServing, ownsModels: boolean): void {
  protocolScope(app, { context: server.context, writeError }, (scope) => {
    scope.get('/monitoring/prometheus/metrics', (_request, reply) => reply.type('text/plain').send(server.metrics.text()));
    if (!ownsModels) return;
    for (const url of ['/v1/models', '/v1/models/*']) scope.route({ method: METHODS, url, exposeHeadRoute: false, handler: (request, reply) => answer(server, request, reply) });
  });
}

async function answer(server: TfServing, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  try {
    const parsed = parseTarget(request.method, request.url.split('?')[0] ?? '');
    parsed.target.role = roleOf(request.headers);
    if (parsed.kind === 'call') return await call(server, { request, reply }, parsed);
    const body = parsed.kind === 'status' ? status(server, parsed.target) : await metadata(server, parsed.target);
    return await sendAnswer(reply, jsonAnswer(200, body));
  } catch (thrown) {
    return sendError(request, reply, asInferenceError(thrown), writeError);
  }
}

async function call(server: TfServing, { request, reply }: { request: FastifyRequest; reply: FastifyReply }, at: { method: Method; target: Target }): Promise<FastifyReply> {
  const origin = { protocol: PROTOCOL, requestId: request.id, began: performance.now(), signal: hangUpSignal(reply), statusOf: (error: InferenceError) => httpStatusOf(error.code) };
  const exchange = at.method === 'predict' ? predictExchange(bodyOf(request)) : exampleExchange(at.method, bodyOf(request));
  const ran = await run(server, origin, { ...exchange, target: at.target, api: at.method, entrypoint: 'REST' });
  reply.header(HEADERS.modelVersion, ran.result.spec.version);
  if (ran.result.cache !== undefined) reply.header(HEADERS.cache, ran.result.cache);
  return sendAnswer(reply, jsonAnswer(200, ran.answer));
}

type Codec = Pick<Exchange<string>, 'decode' | 'encode'>;

function predictExchange(bytes: Buffer): Codec {
  let format: Format = 'row';
  return {
    decode: ({ spec, inputs }) => {
      const body = readBody(textOf(bytes), 'large-bigint');
      checkSignature(body);
      const pictures = spec.image === undefined ? undefined : picturesOf(body['instances'] === undefined ? body['inputs'] : rowPictures(body, spec.image.name), spec);
      format = body['instances'] === undefined ? 'columnar' : 'row';
      return pictures === undefined ? { tensors: decodePredict(body, inputs).tensors } : { pictures };
    },
    encode: (result) => encodePredict(outputsOf(result), format),
  };
}

/** The values of the only input, row by row. */
function rowPictures(body: JsonObject, input: string): JsonValue[] {
  return instancesOf(body).map((instance) => (isNamed(instance) ? (instance[input] ?? null) : instance));
}

function exampleExchange(method: 'classify' | 'regress', bytes: Buffer): Codec {
  return {
    decode: ({ spec }): Item => {
      const body = readBody(textOf(bytes), 'always-bigint');
      checkSignature(body);
      return { tensors: tensorsOf(decodeExamples(body), spec) };
    },
    encode: (result: CallResult, { spec }: Chosen) => (method === 'classify' ? encodeClasses(classesOf(outputsOf(result), spec)) : encodeValues(valuesOf(outputsOf(result), spec))),
  };
}

/** @throws InferenceError exceeds_memory_budget before the parser would burst the heap */
function textOf(bytes: Buffer): string {
  if (bytes.byteLength > LARGE_BODY_BYTES && jsonCost(bytes) > MAX_PARSED_BYTES) {
    throw new InferenceError('exceeds_memory_budget', 'The body would take more than 1 GiB once parsed. Send fewer or smaller items.');
  }
  return bytes.toString('utf8');
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
