// Owns KServe's V1 routes, where V1_DIALECT gives /v1/models to it. Must not import backends.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { asInferenceError, InferenceError } from '../../inference/errors.ts';
import type { InstanceBodies } from '../instances/bodies.ts';
import { answerCall, bodyOf, protocolScope, sendError, type HttpAnswer, type ProtocolContext } from '../protocol.ts';
import { HEADERS } from '../../http/request-context.ts';
import { encodeExplanations } from './codec.ts';
import { writeError } from './errors.ts';

const PROTOCOL = 'kserve-v1';
/** The colon before the verb belongs to the last segment, so that segment is taken apart here. */
const VERB = /^([^:]+):(predict|explain)$/;

type Named = { Params: { model: string } };

export function addKserveRoutes(app: FastifyInstance, context: ProtocolContext, bodies: InstanceBodies): void {
  protocolScope(app, { context, writeError }, (scope) => {
    scope.get('/', () => ({ status: 'alive' }));
    scope.get('/v1/models', (_request, reply) => reply.type('application/json').send(JSON.stringify({ models: namesOf(context) })));
    scope.get<Named>('/v1/models/:model', (request, reply) => readiness(context, request, reply));
    scope.post<Named>('/v1/models/:model', (request, reply) => answer(context, bodies, { request, reply }));
  });
}

const namesOf = (context: ProtocolContext): string[] => [...new Set(context.manager.registry.entries().map((entry) => entry.name))];

async function readiness(context: ProtocolContext, request: FastifyRequest<Named>, reply: FastifyReply): Promise<FastifyReply> {
  const { model } = request.params;
  try {
    const entry = context.manager.registry.select({ name: model, version: undefined, takes: 'tensors' });
    const ready = entry.servable;
    if (!ready) throw new InferenceError('model_not_ready', '');
    return await reply.type('application/json').send(JSON.stringify({ name: model, ready }));
  } catch (thrown) {
    return sendError(request, reply, asInferenceError(thrown), (error) => writeError(error, model));
  }
}

function answer(context: ProtocolContext, bodies: InstanceBodies, { request, reply }: { request: FastifyRequest<Named>; reply: FastifyReply }): Promise<FastifyReply> {
  const [, name, verb] = VERB.exec(request.params.model) ?? [];
  const version = request.headers[HEADERS.modelVersion] as string | undefined;
  const explain = verb === 'explain';
  return answerCall(context, { request, reply, protocol: PROTOCOL, writeError: (error) => writeError(error, name) }, {
    decode: async () => {
      if (name === undefined) throw new InferenceError('not_found', `There is no ${request.method} ${request.url}; calls end in :predict or :explain.`);
      return (await bodies.read({ protocol: PROTOCOL, body: bodyOf(request), contentType: '', which: { name, version }, extras: explain })).call;
    },
    encode: (result): HttpAnswer | Promise<HttpAnswer> => (explain ? { status: 200, type: 'application/json', body: encodeExplanations(result) } : bodies.print(PROTOCOL, result, { accept: '' })),
  });
}
