// Owns the routes of the native API: which URL and header mean which version, and who answers. Bodies are codec.ts; the work is
// the engine's. Must not import backends.
import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import { InferenceError } from '../../inference/errors.ts';
import { isPicture } from '../../inference/pictures.ts';
import type { Call, CallResult } from '../../pipeline/call.ts';
import { following, type Soon } from '../../pipeline/soon.ts';
import type { HttpAnswer } from '../../http/answer.ts';
import { problemOf } from '../../http/errors.ts';
import { PICTURE_TYPES } from '../../http/bodies.ts';
import type { PlainRoute } from '../../http/plain/exchange.ts';
import { HEADERS } from '../../http/request-context.ts';
import { answerCall, answerPlainCall, type HttpProtocol, type ProtocolContext, type Steps } from '../protocol.ts';
import { apiVersionOf, rememberedVersion } from './api-version.ts';
import { askedOf, askedPlainly, type Asked } from './asked.ts';
import type { Bodies } from './bodies.ts';
import type { Kind } from './body-jobs.ts';
import type { ApiVersion, Outside } from './codec.ts';
import { OCTETS, readOctets, TENSOR_HEADERS, wantsOctets, writeOctets } from './octets.ts';

export interface NativeOptions {
  context: ProtocolContext;
  bodies: Bodies;
}

interface Endpoint {
  url: string;
  kind: Kind;
  /** The version that the path names. */
  fixed: ApiVersion | undefined;
}

const ENDPOINTS: readonly Endpoint[] = (['predict', 'batch-predict'] as const).flatMap((kind): Endpoint[] => [
  { url: `/${kind}`, kind, fixed: undefined },
  { url: `/v1/${kind}`, kind, fixed: 1 },
  { url: `/v2/${kind}`, kind, fixed: 2 },
]);

const protocolFor = (requestId: string): HttpProtocol => ({ protocol: 'native', writeError: (error) => problemOf(error, requestId) });

export function addNativeRoutes(app: FastifyInstance, options: NativeOptions): void {
  const config: FastifyContextConfig = { counted: (request) => ({ protocol: 'native', target: { name: modelNamed(askedOf(request)), version: undefined } }) };
  for (const endpoint of ENDPOINTS) {
    app.post(endpoint.url, { config }, (request, reply) => answerCall(options.context, { request, reply, ...protocolFor(request.id) }, nativeSteps(askedOf(request), endpoint, options)));
  }
}

/** The same on the short way (docs/adr/0013), where a path has no query. */
export function plainNative(options: NativeOptions): (target: string) => PlainRoute | undefined {
  const routes = new Map(ENDPOINTS.map((endpoint): [string, PlainRoute] => [endpoint.url, {
    template: endpoint.url,
    answer: (request) => answerPlainCall(options.context, { request, ...protocolFor(request.id) }, nativeSteps(askedPlainly(request), endpoint, options)),
  }]));
  return (target) => routes.get(target);
}

function nativeSteps(asked: Asked, endpoint: Endpoint, options: NativeOptions): Steps<HttpAnswer> {
  // Raw bytes are the answer to one item; a batch is JSON whatever is accepted.
  const raw = endpoint.kind === 'predict' && wantsOctets(asked.header('accept'));
  let version: ApiVersion = endpoint.fixed ?? 1;
  return {
    target: { name: modelNamed(asked), version: undefined },
    decode: () => {
      version = apiVersionOf(asked, endpoint.fixed);
      const outside: Outside = { modelName: asked.query('modelName'), modelVersion: given(asked, HEADERS.modelVersion) ?? asked.query('modelVersion'), apiVersion: version };
      return following(decode(asked, endpoint.kind, outside, options), (call) => (raw ? { ...call, answer: 'tensors' } : call));
    },
    encode: (result) => {
      const cookie = rememberedVersion(asked, version);
      if (raw) return rawAnswer(result, cookie);
      const answer = { requestId: asked.id, revision: options.context.revision };
      return following(options.bodies.encode({ kind: endpoint.kind, version, result, answer }), (body) => ({ status: 200, type: 'application/json; charset=utf-8', body, headers: cookie }));
    },
  };
}

function rawAnswer(result: CallResult, cookie: Record<string, string>): HttpAnswer {
  const { bytes, headers } = writeOctets(result);
  return { status: 200, type: OCTETS, body: bytes, headers: { ...cookie, ...headers } };
}

/** The model that the query names, for what cannot be read; one that is given twice names none. */
function modelNamed(asked: Asked): string | undefined {
  try {
    return asked.query('modelName');
  } catch {
    return undefined;
  }
}

/** A picture or a raw tensor is the body itself; everything else is JSON. */
function decode(asked: Asked, kind: Kind, outside: Outside, options: NativeOptions): Soon<Call> {
  const { body } = asked;
  if (body === undefined) throw new InferenceError('malformed_request', 'The body is empty; JSON was expected.');
  const type = (asked.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (!PICTURE_TYPES.includes(type) && type !== OCTETS) return options.bodies.decode(kind, body, outside);
  if (kind === 'batch-predict') throw new InferenceError('unsupported_media_type', 'A batch is JSON; a picture in it is {"inputs":{"b64":"..."}}.');
  const { modelName, modelVersion, apiVersion } = outside;
  const target = type === OCTETS ? decodeOctets(asked, body, outside, options.context) : { modelName, modelVersion, items: [{ pictures: [body] }] };
  return following(target, (meant) => ({ ...meant, maxBatchSize: undefined, extras: apiVersion === 2 }));
}

/** What raw bytes mean depends on the model, so it is asked first. */
function decodeOctets(asked: Asked, body: Buffer, { modelName, modelVersion }: Outside, { engine }: ProtocolContext): Soon<Pick<Call, 'modelName' | 'modelVersion' | 'items'>> {
  return following(engine.describe({ name: modelName, version: modelVersion, takes: isPicture(body) ? 'picture' : 'tensors' }), ({ spec }) => {
    const beside = { shape: given(asked, TENSOR_HEADERS.shape) ?? asked.query('shape'), dtype: given(asked, TENSOR_HEADERS.dtype) ?? asked.query('dtype') };
    return { modelName: spec.name, modelVersion: spec.version, items: [readOctets(body, spec, beside)] };
  });
}

/** A header that says something. */
const given = (asked: Asked, name: string): string | undefined => asked.header(name) || undefined;
