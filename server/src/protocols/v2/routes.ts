// Owns the HTTP routes of the Open Inference Protocol V2. Must not import backends.
import type { FastifyInstance } from 'fastify';
import { protocolScope, type ProtocolContext } from '../protocol.ts';
import { writeError } from './errors.ts';

export function addV2Routes(app: FastifyInstance, context: ProtocolContext): void {
  protocolScope(app, { context, writeError }, (scope) => {
    scope.get('/v2/health/live', (_request, reply) => reply.code(200).send({ live: true }));
    scope.get('/v2/health/ready', (_request, reply) => {
      const ready = context.ready();
      return reply.code(ready ? 200 : 503).send({ ready });
    });
  });
}
