// Owns CORS of a server that runs alone; behind an InferenceService the router answers preflights. Must not know routes.
import type { FastifyInstance } from 'fastify';
import { HEADERS } from './request-context.ts';

const ALLOWED_HEADERS = 'content-type, content-encoding, accept-version, x-request-id, traceparent, slipway-model-version, slipway-tensor-shape, slipway-tensor-dtype';
const EXPOSED = [...Object.values(HEADERS), 'slipway-tensor-name', 'slipway-tensor-shape', 'slipway-tensor-dtype'].join(', ');
const MAX_AGE_SECONDS = 600;

/** What answers to requests without an origin say. */
export const varyOf = (origins: readonly string[]): string | undefined => (origins.length === 0 ? undefined : 'origin');

/** @param origins exact origins, or `*` */
export function addCors(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  const allow = (origin: string | undefined): string | undefined => {
    if (origin === undefined) return undefined;
    return origins.includes('*') ? '*' : origins.find((candidate) => candidate === origin);
  };
  app.addHook('onRequest', async (request, reply) => {
    const allowed = allow(request.headers.origin);
    if (allowed !== '*') reply.header('vary', 'origin');
    if (allowed === undefined) return;
    reply.header('access-control-allow-origin', allowed);
    reply.header('access-control-expose-headers', EXPOSED);
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return;
    reply.header('access-control-allow-methods', 'GET, POST').header('access-control-allow-headers', ALLOWED_HEADERS);
    await reply.header('access-control-max-age', String(MAX_AGE_SECONDS)).code(204).send();
  });
}
