// Owns the routes that managed clouds call in a container: SageMaker, Vertex AI, Azure ML. Vertex AI names its paths by environment
// variables and may name ones that exist, so its URLs are rewritten to paths of ours. Must not import backends.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PICTURE_TYPES } from '../../http/bodies.ts';
import { HEADERS } from '../../http/request-context.ts';
import type { Call, CallResult } from '../../pipeline/call.ts';
import { callFor, type Sent } from '../instances.ts';
import { answerCall, bodyOf, protocolScope, type ProtocolContext } from '../protocol.ts';
import { decodeInvocation, decodeScore, decodeVertex, encodeInvocation, encodeScore, encodeVertex, type Body } from './codec.ts';
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

interface Cloud {
  protocol: string;
  decode(request: FastifyRequest): Sent;
  encode(result: CallResult, request: FastifyRequest): Body;
}

const textOf = (request: FastifyRequest): string => bodyOf(request).toString('utf8');
const typeOf = (request: FastifyRequest): string => (request.headers['content-type'] ?? '').toLowerCase();

const SAGEMAKER: Cloud = {
  protocol: 'sagemaker',
  decode: (request) => decodeInvocation(textOf(request), typeOf(request)),
  encode: (result, request) => encodeInvocation(result, request.headers.accept ?? ''),
};
const VERTEX: Cloud = { protocol: 'vertex', decode: (request) => decodeVertex(textOf(request)), encode: encodeVertex };
const AZURE: Cloud = { protocol: 'azure', decode: (request) => decodeScore(textOf(request)), encode: encodeScore };

/** @param ownsRoot whether `/` is Azure ML's liveness (KServe's dialect has it otherwise) */
export function addCloudRoutes(app: FastifyInstance, context: ProtocolContext, ownsRoot: boolean): void {
  protocolScope(app, { context, writeError }, (scope) => {
    for (const [url, cloud] of [['/invocations', SAGEMAKER], [VERTEX_PREDICT, VERTEX], ['/score', AZURE]] as const) {
      scope.post(url, (request, reply) => answer(context, cloud, { request, reply }));
    }
    scope.get(VERTEX_HEALTH, (_request, reply) => reply.code(context.ready() ? 200 : 503).send({ status: context.ready() ? 'healthy' : 'unready' }));
    if (ownsRoot) scope.get('/', () => ({ status: 'Healthy' }));
  });
}

function answer(context: ProtocolContext, cloud: Cloud, { request, reply }: { request: FastifyRequest; reply: FastifyReply }): Promise<FastifyReply> {
  return answerCall(context, { request, reply, protocol: cloud.protocol, writeError }, {
    decode: () => callOf(context, cloud, request),
    encode: (result) => ({ status: 200, ...cloud.encode(result, request) }),
  });
}

function callOf(context: ProtocolContext, cloud: Cloud, request: FastifyRequest): Call | Promise<Call> {
  const which = { name: targetModel(request), version: request.headers[HEADERS.modelVersion] as string | undefined };
  if (!PICTURE_TYPES.includes(typeOf(request))) return callFor(context, which, cloud.decode(request));
  return { modelName: which.name, modelVersion: which.version, items: [{ pictures: [bodyOf(request)] }], maxBatchSize: undefined, extras: false };
}

/** SageMaker's multi-model header names an archive; its name is the model's. */
function targetModel(request: FastifyRequest): string | undefined {
  const header = request.headers['x-amzn-sagemaker-target-model'];
  return typeof header === 'string' && header !== '' ? header.replace(/\.tar\.gz$/, '') : undefined;
}
