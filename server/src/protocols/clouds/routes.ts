// Owns the routes that managed clouds call in a container: SageMaker, Vertex AI, Azure ML. Vertex AI names its paths by environment
// variables and may name ones that exist, so its URLs are rewritten to paths of ours. Must not import backends.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PICTURE_TYPES } from '../../http/bodies.ts';
import { HEADERS } from '../../http/request-context.ts';
import type { Call } from '../../pipeline/call.ts';
import type { InstanceBodies } from '../instances/bodies.ts';
import type { Protocol } from '../instances/formats.ts';
import { answerCall, bodyOf, protocolScope, type ProtocolContext } from '../protocol.ts';
import { writeError } from './errors.ts';

/** AIP_PREDICT_ROUTE and AIP_HEALTH_ROUTE. */
export interface VertexPaths {
  predict: string | undefined;
  health: string | undefined;
}

const VERTEX_PREDICT = '/vertex/predict';
const VERTEX_HEALTH = '/vertex/health';

/** The URL that a request is routed by. */
export function vertexUrl(paths: VertexPaths, url: string): string {
  const path = url.split('?')[0];
  if (path === paths.predict) return VERTEX_PREDICT;
  return path === paths.health ? VERTEX_HEALTH : url;
}

const CLOUDS = [['/invocations', 'sagemaker'], [VERTEX_PREDICT, 'vertex'], ['/score', 'azure']] as const;

const typeOf = (request: FastifyRequest): string => (request.headers['content-type'] ?? '').toLowerCase();

export interface CloudOptions {
  context: ProtocolContext;
  bodies: InstanceBodies;
}

/** @param ownsRoot whether `/` is Azure ML's liveness (KServe's dialect has it otherwise) */
export function addCloudRoutes(app: FastifyInstance, options: CloudOptions, ownsRoot: boolean): void {
  const { context } = options;
  protocolScope(app, { context, writeError }, (scope) => {
    for (const [url, protocol] of CLOUDS) scope.post(url, { config: { counted: (request) => ({ protocol, target: whichOf(request) }) } }, (request, reply) => answer(options, protocol, { request, reply }));
    scope.get(VERTEX_HEALTH, (_request, reply) => reply.code(context.ready() ? 200 : 503).send({ status: context.ready() ? 'healthy' : 'unready' }));
    if (ownsRoot) scope.get('/', () => ({ status: 'Healthy' }));
  });
}

function answer({ context, bodies }: CloudOptions, protocol: Protocol, { request, reply }: { request: FastifyRequest; reply: FastifyReply }): Promise<FastifyReply> {
  return answerCall(context, { request, reply, protocol, writeError }, {
    target: whichOf(request),
    decode: () => callOf(bodies, protocol, request),
    encode: (result) => bodies.print(protocol, result, { accept: request.headers.accept ?? '' }),
  });
}

async function callOf(bodies: InstanceBodies, protocol: Protocol, request: FastifyRequest): Promise<Call> {
  const which = whichOf(request);
  const [contentType, body] = [typeOf(request), bodyOf(request)];
  if (!PICTURE_TYPES.includes(contentType)) return (await bodies.read({ protocol, body, contentType, which })).call;
  return { modelName: which.name, modelVersion: which.version, items: [{ pictures: [body] }], maxBatchSize: undefined, extras: false };
}

const whichOf = (request: FastifyRequest): { name: string | undefined; version: string | undefined } => ({ name: targetModel(request), version: request.headers[HEADERS.modelVersion] as string | undefined });

/** SageMaker's multi-model header names an archive; its name is the model's. */
function targetModel(request: FastifyRequest): string | undefined {
  const header = request.headers['x-amzn-sagemaker-target-model'];
  return typeof header === 'string' && header !== '' ? header.replace(/\.tar\.gz$/, '') : undefined;
}
