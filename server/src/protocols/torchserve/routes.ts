// Owns TorchServe's inference routes. `/ping` is SageMaker's too: both read the status alone. Must not import backends.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendAnswer } from '../../http/answer.ts';
import { HEADERS } from '../../http/request-context.ts';
import type { InstanceBodies, Which } from '../instances/bodies.ts';
import { answerCall, bodyOf, protocolScope, type ProtocolContext } from '../protocol.ts';
import type { Shape } from './codec.ts';
import { jsonAnswer, writeError } from './errors.ts';

const PROTOCOL = 'torchserve';

type Named = { Params: { model: string; version?: string } };

export function addTorchServeRoutes(app: FastifyInstance, context: ProtocolContext, bodies: InstanceBodies): void {
  protocolScope(app, { context, writeError }, (scope) => {
    scope.get('/ping', (_request, reply) => {
      const ready = context.ready();
      return sendAnswer(reply, jsonAnswer(ready ? 200 : 503, { status: ready ? 'Healthy' : 'Unhealthy' }));
    });
    // curl -T sends PUT, curl -d POST; TorchServe takes both.
    for (const url of ['/predictions/:model', '/predictions/:model/:version']) {
      scope.route<Named>({ method: ['POST', 'PUT'], url, config: { counted: (request) => ({ protocol: PROTOCOL, target: whichOf(request as FastifyRequest<Named>) }) }, handler: (request, reply) => predict(context, bodies, { request, reply }) });
    }
  });
}

const whichOf = ({ params, headers }: FastifyRequest<Named>): Which => ({ name: params.model, version: params.version ?? (headers[HEADERS.modelVersion] as string | undefined) });

function predict(context: ProtocolContext, bodies: InstanceBodies, { request, reply }: { request: FastifyRequest<Named>; reply: FastifyReply }): Promise<FastifyReply> {
  const which = whichOf(request);
  let shape: Shape | undefined;
  return answerCall(context, { request, reply, protocol: PROTOCOL, writeError }, {
    target: which,
    decode: async () => {
      const read = await bodies.read({ protocol: PROTOCOL, body: bodyOf(request), contentType: request.headers['content-type'] ?? '', which });
      ({ shape } = read);
      return read.call;
    },
    encode: async (result) => ({ ...(await bodies.print(PROTOCOL, result, { accept: '', shape })), bare: true }),
  });
}
