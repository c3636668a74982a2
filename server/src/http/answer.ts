// Owns an answer on HTTP as whoever makes it says it, and how the application sends it. Must not know what is answered.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { InferenceError } from '../inference/errors.ts';

/** An answer on HTTP. */
export interface HttpAnswer {
  status: number;
  type: string;
  body: string | Buffer;
  /** Whether the type is said as it is; else JSON that is text says its charset. */
  bare?: boolean;
  /** Further fields, names in lower case. */
  headers?: Readonly<Record<string, string>>;
}

export function sendAnswer(reply: FastifyReply, { status, type, body, bare = false, headers = {} }: HttpAnswer): FastifyReply {
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
  return reply.code(status).type(type).send(bare && typeof body === 'string' ? Buffer.from(body) : body); // Fastify adds a charset to text alone
}

/** Sends a refusal in the words it was put in, with Retry-After; what the server itself got wrong is logged. */
export function sendRefused({ request, reply }: { request: FastifyRequest; reply: FastifyReply }, error: InferenceError, answer: HttpAnswer): FastifyReply {
  if (error.code === 'internal_error') request.log.error({ err: error.cause ?? error, reqId: request.id }, 'call failed');
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds));
  return sendAnswer(reply, answer);
}
