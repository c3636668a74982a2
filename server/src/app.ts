// Builds the public HTTP application without listening: the one visible list of what happens to a request, in order.
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyServerFactory } from 'fastify';
import type { ServerConfig } from './config.ts';
import { addBodies } from './http/bodies.ts';
import { addErrorHandling } from './http/errors.ts';
import { addRequestContext, HEADERS, requestIdOf } from './http/request-context.ts';
import type { Parts } from './parts.ts';
import { addNativeRoutes } from './protocols/native/routes.ts';

export function buildApp(config: ServerConfig, parts: Parts, serverFactory?: FastifyServerFactory): FastifyInstance {
  const app = Fastify({
    loggerInstance: parts.log as FastifyBaseLogger,
    disableRequestLogging: true,
    bodyLimit: config.MAX_BODY_BYTES,
    genReqId: (raw) => requestIdOf(raw.headers[HEADERS.requestId]),
    ...(serverFactory === undefined ? {} : { serverFactory }),
  });
  addErrorHandling(app, { maxBodyBytes: config.MAX_BODY_BYTES });
  addRequestContext(app, config.REVISION);
  addBodies(app);
  addNativeRoutes(app, { engine: parts.engine, metrics: parts.metrics, revision: config.REVISION, timeoutMs: config.REQUEST_TIMEOUT_SECONDS * 1000 });
  return app;
}
