// Owns the answer to a call that failed, outside of protocols with error bodies of their own: problem+json, Retry-After, log line.
import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { asInferenceError, InferenceError, problemFor, type ErrorCode } from '../inference/errors.ts';

const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** An error as problem+json. */
export const problemOf = (error: InferenceError, requestId: string): { status: number; type: string; body: string } =>
  ({ status: error.status, type: PROBLEM_TYPE, body: JSON.stringify(problemFor(error, requestId)) });

/** Sends an error as problem+json. */
function sendProblem(request: FastifyRequest, reply: FastifyReply, error: InferenceError): FastifyReply {
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds));
  const { status, type, body } = problemOf(error, request.id);
  return reply.code(status).type(type).send(body);
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Told of what was refused, before it is answered. */
type OnRefusal = (exchange: { request: FastifyRequest; reply: FastifyReply }, error: InferenceError) => void;

export function addErrorHandling(app: FastifyInstance, limits: { maxBodyBytes: number }, refused: OnRefusal = () => undefined): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = asRefusal(thrown as FastifyError, limits.maxBodyBytes);
    refused({ request, reply }, error);
    if (error.code === 'internal_error') request.log.error({ err: error.cause ?? error, reqId: request.id }, 'call failed');
    return sendProblem(request, reply, error);
  });
  app.setNotFoundHandler((request, reply) => {
    const url = request.url.split('?')[0] ?? '/';
    const allowed = METHODS.filter((method) => app.hasRoute({ method, url }));
    if (allowed.length === 0) return sendProblem(request, reply, new InferenceError('not_found', `There is no ${request.method} ${url}.`));
    reply.header('allow', allowed.join(', '));
    return sendProblem(request, reply, new InferenceError('method_not_allowed', `${url} takes ${allowed.join(', ')}, not ${request.method}.`));
  });
}

/** Fastify's own refusals in the words of the catalogue. */
export function asRefusal(thrown: FastifyError, maxBodyBytes: number): InferenceError {
  if (thrown instanceof InferenceError) return thrown;
  switch (thrown.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new InferenceError('body_too_large', `The body is over the limit of ${String(maxBodyBytes)} bytes.`);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new InferenceError('unsupported_media_type', 'Send application/json, application/octet-stream, image/png or image/jpeg.');
    default:
      return byStatus(thrown);
  }
}

function byStatus(thrown: FastifyError): InferenceError {
  const status = thrown.statusCode ?? 500;
  if (status < 400 || status >= 500) return asInferenceError(thrown);
  const code: ErrorCode = status === 415 ? 'unsupported_media_type' : status === 413 ? 'body_too_large' : 'malformed_request';
  return new InferenceError(code, thrown.message === '' ? (STATUS_CODES[status] ?? 'Refused') : thrown.message, { cause: thrown });
}
