// Owns the answer to a call that failed, outside of protocols with error bodies of their own: problem+json, Retry-After, log line; and the
// refusal of what reaches no route, in the words of the protocol whose path it is.
import { maxHeaderSize, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { asInferenceError, InferenceError, problemFor, type ErrorCode } from '../inference/errors.ts';
import { sendRefused, type HttpAnswer } from './answer.ts';
import { HEADERS, requestIdOf } from './request-context.ts';

const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** An error as problem+json. */
export const problemOf = (error: InferenceError, requestId: string): HttpAnswer =>
  ({ status: error.status, type: PROBLEM_TYPE, body: JSON.stringify(problemFor(error, requestId)) });

/** How whoever owns a path refuses what reaches no route there. */
export type WriteUnrouted = (error: InferenceError, request: { method: string; path: string }) => HttpAnswer;

/** Refused because there is no such route. */
export const isUnrouted = ({ code }: InferenceError): boolean => code === 'not_found' || code === 'method_not_allowed';

/** What most frameworks say then: the name of the status; undefined for another refusal. */
export const unroutedWords = (error: InferenceError): string | undefined => (isUnrouted(error) ? STATUS_CODES[error.status] : undefined);

/** Told of what was refused, before it is answered. */
type OnRefusal = (exchange: { request: FastifyRequest; reply: FastifyReply }, error: InferenceError) => void;

export interface ErrorHandling {
  maxBodyBytes: number;
  refused?: OnRefusal;
  /** Whose words a path that has no route is refused in; undefined: as problem+json. */
  ownerOf?: (path: string) => WriteUnrouted | undefined;
}

/** Characters of one segment of a path: names of models, each of which may be encoded in several. */
const MAX_SEGMENT = 1024;

/** What Fastify is told at its start: paths that it cannot read are refused like those that have no route. */
export const errorOptions = (options: ErrorHandling): Pick<FastifyServerOptions, 'frameworkErrors' | 'routerOptions' | 'clientErrorHandler'> => ({
  clientErrorHandler: refuseUnread,
  routerOptions: { maxParamLength: MAX_SEGMENT },
  frameworkErrors: (thrown, request, reply) => {
    const path = pathOf(request);
    const detail = thrown.code === 'FST_ERR_MAX_PARAM_LENGTH' ? `A segment of the path has more than ${String(MAX_SEGMENT)} characters.` : `The path ${path.slice(0, 200)} is not a valid URL.`;
    reply.header(HEADERS.requestId, request.id); // no hook has run
    void sendUnrouted(options, { request, reply }, new InferenceError('malformed_request', detail));
  },
});

/** What Node says of a request that it could not read. */
const UNREAD: Readonly<Record<string, { status: number; detail: string }>> = {
  HPE_HEADER_OVERFLOW: { status: 431, detail: `The head of the request is over the limit of ${String(maxHeaderSize)} bytes.` },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, detail: 'The request did not come in time.' },
};
const NOT_HTTP = { status: 400, detail: 'The request is not HTTP/1.1 as it can be read here.' };

/** Nobody knows whose path it is, nor what comes after it on the connection. */
function refuseUnread(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const { status, detail } = UNREAD[error.code ?? ''] ?? NOT_HTTP;
  const requestId = requestIdOf(undefined);
  const title = STATUS_CODES[status] ?? '';
  const body = JSON.stringify({ ...problemFor(new InferenceError('malformed_request', detail), requestId), title, status });
  if (socket.writable) socket.write(`HTTP/1.1 ${String(status)} ${title}\r\n${HEADERS.requestId}: ${requestId}\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${String(Buffer.byteLength(body))}\r\nconnection: close\r\n\r\n${body}`);
  socket.destroy();
}

export function addErrorHandling(app: FastifyInstance, options: ErrorHandling): void {
  const { maxBodyBytes, refused = () => undefined } = options;
  const routes = new Routes();
  app.addHook('onRoute', ({ method, url }) => { routes.add([method].flat(), url); });
  app.setErrorHandler((thrown, request, reply) => {
    const error = asRefusal(thrown as FastifyError, maxBodyBytes);
    refused({ request, reply }, error);
    return sendRefused({ request, reply }, error, problemOf(error, request.id));
  });
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request);
    const allowed = routes.methodsOf(path);
    if (allowed.length === 0) return sendUnrouted(options, { request, reply }, new InferenceError('not_found', `There is no ${request.method} ${path}.`));
    reply.header('allow', allowed.join(', '));
    return sendUnrouted(options, { request, reply }, new InferenceError('method_not_allowed', `${path} takes ${allowed.join(', ')}, not ${request.method}.`));
  });
}

const pathOf = ({ url }: FastifyRequest): string => url.split('?')[0] ?? '/';

function sendUnrouted({ ownerOf }: ErrorHandling, { request, reply }: { request: FastifyRequest; reply: FastifyReply }, error: InferenceError): FastifyReply {
  const path = pathOf(request);
  const owner = ownerOf?.(path);
  return sendRefused({ request, reply }, error, owner === undefined ? problemOf(error, request.id) : owner(error, { method: request.method, path }));
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** The routes there are, to tell a wrong method from a wrong path. */
class Routes {
  readonly #known: { methods: readonly string[]; pattern: RegExp }[] = [];

  add(methods: readonly string[], url: string): void {
    this.#known.push({ methods, pattern: patternOf(url) });
  }

  methodsOf(path: string): string[] {
    const own = this.#known.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods);
    return METHODS.filter((method) => own.includes(method));
  }
}

const patternOf = (url: string): RegExp => new RegExp(`^${url.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(/:[A-Za-z]+/g, '[^/]+').replaceAll('\\*', '.*')}$`);

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
