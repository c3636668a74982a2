// Owns the HTTP routes of the Open Inference Protocol V2, with Triton's extensions. Bodies are body.ts and answer.ts; the work is the
// engine's. Must not import backends.
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendAnswer, type HttpAnswer } from '../../http/answer.ts';
import { parseJson } from '../../http/json-body.ts';
import type { PlainRoute } from '../../http/plain/exchange.ts';
import { HEADERS } from '../../http/request-context.ts';
import { unroutedWords, type WriteUnrouted } from '../../http/errors.ts';
import { asInferenceError, InferenceError } from '../../inference/errors.ts';
import { answerCall, answerPlainCall, bodyOf, modelReady, protocolScope, type ProtocolContext, type Steps } from '../protocol.ts';
import { following } from '../../pipeline/soon.ts';
import type { InferBody } from './answer.ts';
import { readBody, writeBody, type V2Bodies } from './bodies.ts';
import { readRawRequest } from './body.ts';
import { writeError } from './errors.ts';
import { callOf, outputsOf, type InferRequest } from './infer.ts';
import { entryOf, loadModel, modelConfig, modelMetadata, modelOf, modelStatistics, refuseFiles, repositoryIndex, serverMetadata, unloadModel, type Target } from './info.ts';

/** Length of the JSON in front of raw tensors. */
const JSON_LENGTH = 'inference-header-content-length';
const JSON_TYPE = 'application/json';
const MODEL = '/v2/models/:model';
const VERSION = `${MODEL}/versions/:version`;

type Named = { Params: { model: string; version?: string } };
type Handler = (request: FastifyRequest<Named>, reply: FastifyReply) => unknown;
type Row = readonly [method: 'GET' | 'POST', paths: readonly string[], handler: Handler, config?: FastifyContextConfig];

export function addV2Routes(app: FastifyInstance, context: ProtocolContext, bodies: V2Bodies): void {
  const routes = routesOf(context, bodies);
  protocolScope(app, { context, writeError }, (scope) => {
    for (const [method, paths, handler, config = {}] of routes) for (const url of paths) scope.route<Named>({ method, url, handler, config });
  });
}

/** What reaches no route below /v2. */
export const writeUnrouted: WriteUnrouted = (error) => writeError(new InferenceError(error.code, unroutedWords(error) ?? error.message));

function routesOf(context: ProtocolContext, bodies: V2Bodies): Row[] {
  return [...serverRoutes(context), ...modelRoutes(context, bodies), ...repositoryRoutes(context)];
}

function serverRoutes(context: ProtocolContext): Row[] {
  return [
    ['GET', ['/v2', '/v2/'], said(() => serverMetadata())],
    ['GET', ['/v2/health/live'], said(() => ({ live: true }))],
    ['GET', ['/v2/health/ready'], (_request, reply) => sendReady(reply, context.ready(), {})],
    ['GET', ['/v2/models'], said(() => ({ models: [...new Set(context.manager.registry.entries().map((entry) => entry.name))] }))],
    ['GET', ['/v2/models/stats'], said(() => modelStatistics(context))],
  ];
}

function modelRoutes(context: ProtocolContext, bodies: V2Bodies): Row[] {
  const both = (suffix: string): string[] => [`${MODEL}${suffix}`, `${VERSION}${suffix}`];
  return [
    ['GET', both(''), said((request) => modelMetadata(context, targetOf(request)))],
    ['GET', both('/config'), said((request) => modelConfig(context, targetOf(request)))],
    ['GET', both('/stats'), said((request) => modelStatistics(context, targetOf(request)))],
    ['GET', both('/ready'), (request, reply) => {
      const target = targetOf(request);
      const { name } = entryOf(context, target);
      return sendReady(reply, modelReady(context, target.name, target.version) === true, { name });
    }],
    ['POST', both('/infer'), (request, reply) => infer(request, reply, { context, bodies }), COUNTED],
  ];
}

/** A repository may be named, as Triton has it: there is one here. */
const repository = (suffix: string): string[] => [`/v2/repository${suffix}`, `/v2/repository/:repository${suffix}`];

function repositoryRoutes(context: ProtocolContext): Row[] {
  return [
    ['POST', repository('/index'), said((request) => repositoryIndex(context, isReadyOnly(optionsOf(request))))],
    ['POST', repository('/models/:model/load'), async (request, reply) => {
      refuseFiles(optionsOf(request)['parameters']);
      await loadModel(context, request.params.model, request.headers.authorization);
      return reply.code(200).send();
    }],
    ['POST', repository('/models/:model/unload'), async (request, reply) => {
      await unloadModel(context, request.params.model, request.headers.authorization);
      return reply.code(200).send();
    }],
  ];
}

/** Only the status counts for Triton's and MLServer's clients; KServe's read the body. */
const sendReady = (reply: FastifyReply, ready: boolean, more: object): FastifyReply => sendAnswer(reply, jsonAnswer(ready ? 200 : 503, { ...more, ready }));

/** V2's servers say no charset. */
const jsonAnswer = (status: number, body: object): HttpAnswer => ({ status, type: JSON_TYPE, bare: true, body: JSON.stringify(body) });

/** What is said as JSON. */
function said(what: (request: FastifyRequest<Named>) => object | Promise<object>): Handler {
  return async (request, reply) => sendAnswer(reply, jsonAnswer(200, await what(request)));
}

const COUNTED: FastifyContextConfig = { counted: (request) => ({ protocol: 'v2', target: targetOf(request as FastifyRequest<Named>) }) };

/** The version of the URL, else of the header. */
function targetOf(request: FastifyRequest<Named>): Target {
  const asked = request.headers[HEADERS.modelVersion];
  return { name: request.params.model, version: request.params.version ?? (typeof asked === 'string' && asked !== '' ? asked : undefined) };
}

function isReadyOnly({ ready = false }: Record<string, unknown>): boolean {
  if (typeof ready !== 'boolean') throw new InferenceError('malformed_request', "Invalid value for 'ready': expected a boolean");
  return ready;
}

/** An optional JSON object as the body. */
function optionsOf(request: FastifyRequest): Record<string, unknown> {
  const body = bodyOf(request);
  if (body.byteLength === 0) return {};
  const parsed = parseJson(body.toString('utf8'));
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new InferenceError('malformed_request', 'the request is not a JSON object');
  return parsed as Record<string, unknown>;
}

function infer(request: FastifyRequest<Named>, reply: FastifyReply, { context, bodies }: { context: ProtocolContext; bodies: V2Bodies }): Promise<FastifyReply> {
  const asked = { target: targetOf(request), body: bodyOf(request), jsonLength: request.headers[JSON_LENGTH] };
  return answerCall(context, { request, reply, protocol: 'v2', writeError }, inferSteps(asked, { context, bodies }));
}

/** A model's name or version as it stands in a path, where nothing is encoded. */
const PLAIN_NAME = '[\\w.~-]{1,100}';
const PLAIN_INFER = new RegExp(`^/v2/models/(${PLAIN_NAME})(?:/versions/(${PLAIN_NAME}))?/infer$`);

/** Inference on the short way (docs/adr/0013). */
export function plainV2(context: ProtocolContext, bodies: V2Bodies): (target: string) => PlainRoute | undefined {
  return (path) => {
    const [, name, version] = PLAIN_INFER.exec(path) ?? [];
    if (name === undefined) return undefined;
    return {
      template: `${version === undefined ? MODEL : VERSION}/infer`,
      answer: (request) => {
        const { headers, body } = request;
        const target = { name, version: version ?? (headers.get(HEADERS.modelVersion) || undefined) };
        return answerPlainCall(context, { request, protocol: 'v2', writeError }, inferSteps({ target, body, jsonLength: headers.get(JSON_LENGTH) }, { context, bodies }));
      },
    };
  };
}

interface Asked {
  target: Target;
  body: Buffer;
  /** The header, as it came. */
  jsonLength: string | string[] | undefined;
}

function inferSteps({ target, body, jsonLength }: Asked, { context, bodies }: { context: ProtocolContext; bodies: V2Bodies }): Steps<HttpAnswer> {
  let asked: InferRequest | undefined;
  return {
    target,
    decode: () => following(modelOf(context, target), ({ spec }) => {
      const jsonBytes = jsonLengthOf(jsonLength);
      return following(jsonBytes === 0 ? readRawRequest(body, spec) : readBody(bodies, body, jsonBytes), (request) => callOf((asked = request), spec));
    }),
    encode: (result) => {
      if (asked === undefined) throw asInferenceError(new Error('encoded before it was decoded'));
      const { name, version } = result.spec;
      return following(writeBody(bodies, { id: asked.id, model: name, version, outputs: outputsOf(asked, result) }, result.cache !== undefined), httpAnswerOf);
    },
  };
}

const httpAnswerOf = ({ bytes, jsonBytes }: InferBody): HttpAnswer =>
  (jsonBytes === undefined ? { status: 200, type: JSON_TYPE, bare: true, body: bytes } : { status: 200, type: 'application/octet-stream', body: bytes, headers: { [JSON_LENGTH]: String(jsonBytes) } });

function jsonLengthOf(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header);
  throw new InferenceError('malformed_request', 'Inference-Header-Content-Length is no number');
}
