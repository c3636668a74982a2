// Owns TorchServe's inference routes. `/ping` is SageMaker's too: both read the status alone. Must not import backends.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HEADERS } from '../../http/request-context.ts';
import { answerCall, bodyOf, protocolScope, type HttpAnswer, type ProtocolContext } from '../protocol.ts';
import { decodeBody, encodePrediction, type Decoded } from './codec.ts';
import { writeError } from './errors.ts';

const PROTOCOL = 'torchserve';

type Named = { Params: { model: string; version?: string } };

export function addTorchServeRoutes(app: FastifyInstance, context: ProtocolContext): void {
  protocolScope(app, { context, writeError }, (scope) => {
    scope.get('/ping', (_request, reply) => {
      const ready = context.ready();
      return reply.code(ready ? 200 : 503).type('application/json').send(JSON.stringify({ status: ready ? 'Healthy' : 'Unhealthy' }));
    });
    // curl -T sends PUT, curl -d POST; TorchServe takes both.
    for (const url of ['/predictions/:model', '/predictions/:model/:version']) {
      scope.route<Named>({ method: ['POST', 'PUT'], url, handler: (request, reply) => predict(context, request, reply) });
    }
  });
}

function predict(context: ProtocolContext, request: FastifyRequest<Named>, reply: FastifyReply): Promise<FastifyReply> {
  const { model, version = request.headers[HEADERS.modelVersion] as string | undefined } = request.params;
  let shape: Decoded['shape'] = 'one';
  return answerCall(context, { request, reply, protocol: PROTOCOL, writeError }, {
    decode: async () => {
      const { spec } = await context.engine.describe({ name: model, version, takes: 'tensors' });
      const decoded = decodeBody(bodyOf(request), request.headers['content-type'] ?? '', spec);
      ({ shape } = decoded);
      return { modelName: spec.name, modelVersion: spec.version, items: [decoded.item], maxBatchSize: undefined, extras: false };
    },
    encode: (result): HttpAnswer => ({ status: 200, type: 'application/json', body: encodePrediction(result, shape) }),
  });
}
