// Builds the public HTTP application without listening: the one visible list of what happens to a request, in order.
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance, type FastifyServerFactory, type FastifyServerOptions } from 'fastify';
import type { ServerState } from '@slipway/api';
import type { ServerConfig } from './config.ts';
import { addAccessLog } from './http/access-log.ts';
import { addBodies } from './http/bodies.ts';
import { addCompression } from './http/compression.ts';
import { addCors } from './http/cors.ts';
import type { Drain } from './http/drain.ts';
import { addErrorHandling, errorOptions, type ErrorHandling, type WriteUnrouted } from './http/errors.ts';
import { addMemoryAdmission, growing } from './http/memory-admission.ts';
import { countRefusal } from './http/refusals.ts';
import { addRequestContext, HEADERS, requestIdOf } from './http/request-context.ts';
import { allowManagement } from './http/management.ts';
import type { Parts } from './parts.ts';
import { addInfoRoutes } from './protocols/native/info-routes.ts';
import { addNativeRoutes } from './protocols/native/routes.ts';
import { addCloudRoutes, vertexUrl, type VertexPaths } from './protocols/clouds/routes.ts';
import { addKserveRoutes, writeUnrouted as writeUnroutedKserve } from './protocols/kserve/routes.ts';
import type { ProtocolContext } from './protocols/protocol.ts';
import { addTfServingRoutes, routedUrl, writeUnrouted as writeUnroutedTfServing } from './protocols/tfserving/routes.ts';
import { writeError as writeUnroutedTorchServe } from './protocols/torchserve/errors.ts';
import { addTorchServeRoutes } from './protocols/torchserve/routes.ts';
import { addV2Routes, writeUnrouted as writeUnroutedV2 } from './protocols/v2/routes.ts';

export interface AppOptions {
  config: ServerConfig;
  parts: Parts;
  drain: Drain;
  state: () => ServerState;
  ready: () => boolean;
  serverFactory?: FastifyServerFactory;
}

export function buildApp(options: AppOptions): FastifyInstance {
  const { config, parts, drain, state, ready, serverFactory } = options;
  const loggerInstance: FastifyBaseLogger = parts.log;
  const errors = errorHandling(options);
  const app = Fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (logger) => logger, // a logger per request costs more than it tells; lines name the request id
    bodyLimit: config.MAX_BODY_BYTES,
    return503OnClosing: false, // drain.ts refuses late calls, in the words of the catalogue
    genReqId: (raw) => requestIdOf(raw.headers[HEADERS.requestId]),
    ...errorOptions(errors),
    ...rewriting(config),
    ...(serverFactory === undefined ? {} : { serverFactory }),
  });
  addErrorHandling(app, errors); // every refusal below becomes problem+json, or what the protocol of its path says
  addRequestContext(app, config.REVISION); // request id, trace parent, revision on every answer
  addAccessLog(app, parts.access); // one line for a sampled call, when it is answered
  drain.attach(app); // shutting down: connections end, late calls are refused
  addCors(app, config.BEHIND_ROUTER ? [] : config.CORS_ORIGINS); // browsers, when there is no router to answer them
  addMemoryAdmission(app, parts.memory, config.MAX_BODY_BYTES); // refused by its announced size, before a byte of it is kept
  addCompression(app, { maxBodyBytes: config.MAX_BODY_BYTES, grows: (reply) => growing(parts.memory, reply) }); // inflated with a limit; answers compressed where asked
  addBodies(app); // bytes until the route knows what they are
  addInfoRoutes(app, { registry: parts.manager.registry, metrics: parts.metrics, maxTextLength: config.MAX_TEXT_LENGTH, state, ready, backend: () => parts.pool.report() });
  const context = protocolContext(options);
  addNativeRoutes(app, { context, bodies: parts.bodies }); // predict and batch-predict, of both versions
  addV2Routes(app, context, parts.v2); // Open Inference Protocol V2 (KServe, Triton, MLServer)
  const kserve = config.V1_DIALECT === 'kserve';
  addTfServingRoutes(app, { context, ...parts.tfserving }, !kserve); // TensorFlow Serving's REST, unless /v1/models is KServe's
  if (kserve) addKserveRoutes(app, context, parts.instances);
  addTorchServeRoutes(app, context, parts.instances);
  addCloudRoutes(app, { context, bodies: parts.instances }, !kserve); // SageMaker, Vertex AI, Azure ML
  return app;
}

function errorHandling({ config, parts }: AppOptions): ErrorHandling {
  return {
    maxBodyBytes: config.MAX_BODY_BYTES,
    refused: (exchange, error) => { countRefusal(parts, exchange, error, error.status); },
    ownerOf: (path) => OWNERS[config.V1_DIALECT].find(([own]) => own.test(path))?.[1],
  };
}

/** Whose words are said below a path where there is no route; of the native API, problem+json. */
const NATIVE: readonly [RegExp, undefined] = [/^\/v[12]\/(?:batch-)?predict$/, undefined];
const OTHERS = [[/^\/v2(?:\/|$)/, writeUnroutedV2], [/^\/predictions(?:\/|$)/, writeUnroutedTorchServe]] as const;
const OWNERS = {
  tfserving: [NATIVE, [/^\/v1(?:\/|$)/i, writeUnroutedTfServing], ...OTHERS],
  kserve: [NATIVE, [/^\/v1(?:\/|$)/, writeUnroutedKserve], ...OTHERS],
} as const satisfies Record<ServerConfig['V1_DIALECT'], readonly (readonly [RegExp, WriteUnrouted | undefined])[]>;

/** Vertex AI names its paths itself; they may be ones that mean something else here. */
function rewriting({ AIP_PREDICT_ROUTE: predict, AIP_HEALTH_ROUTE: health, V1_DIALECT: dialect }: ServerConfig): Pick<FastifyServerOptions, 'rewriteUrl'> {
  const paths: VertexPaths = { predict, health };
  const served = dialect === 'tfserving' ? routedUrl : (url: string): string => url;
  return { rewriteUrl: ({ url = '/' }) => served(vertexUrl(paths, url)) };
}

/** What all protocols are made from. */
export function protocolContext({ config, parts, state, ready }: AppOptions): ProtocolContext {
  const policy = { behindRouter: config.BEHIND_ROUTER, token: config.ADMIN_TOKEN, host: config.HOST };
  return {
    engine: parts.engine,
    manager: parts.manager,
    metrics: parts.metrics,
    revision: config.REVISION,
    timeoutMs: config.REQUEST_TIMEOUT_SECONDS * 1000,
    maxBodyBytes: config.MAX_BODY_BYTES,
    ready,
    state,
    mayManage: (authorization) => {
      allowManagement(policy, authorization);
    },
  };
}
