// Owns KServe's V1 routes, where V1_DIALECT gives /v1/models to it. Must not import backends.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendAnswer, type HttpAnswer } from '../../http/answer.ts';
import { unroutedWords, type WriteUnrouted } from '../../http/errors.ts';
import { asInferenceError, InferenceError } from '../../inference/errors.ts';
import type { InstanceBodies, Which } from '../instances/bodies.ts';
import { answerCall, bodyOf, protocolScope, sendError, type ProtocolContext } from '../protocol.ts';
import { HEADERS } from '../../http/request-context.ts';
import { encodeExplanations } from './codec.ts';
import { writeError as errorAnswer } from './errors.ts';

const PROTOCOL = 'kserve-v1';
const JSON_TYPE = 'application/json';
/** The colon before the verb belongs to the last segment, so that segment is taken apart here. */
const VERB = /^([^:]+):(predict|explain)$/;

/** KServe says no charset. */
const bare = (answer: HttpAnswer): HttpAnswer => ({ ...answer, bare: true });
const writeError = (error: InferenceError, model?: string): HttpAnswer => bare(errorAnswer(error, model));
const sendJson = (reply: FastifyReply, body: object): FastifyReply => sendAnswer(reply, bare({ status: 200, type: JSON_TYPE, body: JSON.stringify(body) }));

/** What reaches no route below /v1: the words of the framework that KServe runs on. */
export const writeUnrouted: WriteUnrouted = (error) => {
  const detail = unroutedWords(error);
  return detail === undefined ? writeError(error) : bare({ status: error.status, type: JSON_TYPE, body: JSON.stringify({ detail }) });
};

type Named = { Params: { model: string } };

export function addKserveRoutes(app: FastifyInstance, context: ProtocolContext, bodies: InstanceBodies): void {
  protocolScope(app, { context, writeError }, (scope) => {
    scope.get('/', (_request, reply) => sendJson(reply, { status: 'alive' }));
    scope.get('/v1/models', (_request, reply) => sendJson(reply, { models: namesOf(context) }));
    scope.get<Named>('/v1/models/:model', (request, reply) => readiness(context, request, reply));
    scope.post<Named>('/v1/models/:model', { config: { counted: (request) => ({ protocol: PROTOCOL, target: calledOf(request as FastifyRequest<Named>).which }) } }, (request, reply) => answer(context, bodies, { request, reply }));
  });
}

const namesOf = (context: ProtocolContext): string[] => [...new Set(context.manager.registry.entries().map((entry) => entry.name))];

async function readiness(context: ProtocolContext, request: FastifyRequest<Named>, reply: FastifyReply): Promise<FastifyReply> {
  const { model } = request.params;
  try {
    const entry = context.manager.registry.select({ name: model, version: undefined, takes: 'tensors' });
    const ready = entry.servable;
    if (!ready) throw new InferenceError('model_not_ready', '');
    return await sendJson(reply, { name: model, ready });
  } catch (thrown) {
    return sendError(request, reply, asInferenceError(thrown), (error) => writeError(error, model));
  }
}

function calledOf({ params, headers }: FastifyRequest<Named>): { which: Which; verb: string | undefined } {
  const [, name, verb] = VERB.exec(params.model) ?? [];
  return { which: { name, version: headers[HEADERS.modelVersion] as string | undefined }, verb };
}

function answer(context: ProtocolContext, bodies: InstanceBodies, { request, reply }: { request: FastifyRequest<Named>; reply: FastifyReply }): Promise<FastifyReply> {
  const { which, verb } = calledOf(request);
  const { name, version } = which;
  const explain = verb === 'explain';
  return answerCall(context, { request, reply, protocol: PROTOCOL, writeError: (error) => writeError(error, name) }, {
    target: { name, version },
    decode: async () => {
      if (name === undefined) throw new InferenceError('not_found', `There is no ${request.method} ${request.url}; calls end in :predict or :explain.`);
      return (await bodies.read({ protocol: PROTOCOL, body: bodyOf(request), contentType: '', which: { name, version }, extras: explain })).call;
    },
    encode: async (result) => bare(explain ? { status: 200, type: JSON_TYPE, body: encodeExplanations(result) } : await bodies.print(PROTOCOL, result, { accept: '' })),
  });
}
