// Owns what every request carries and every answer repeats: request id, trace parent, revision, time it began, whether its
// caller is still there. Must not know models.
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';

export const HEADERS = {
  requestId: 'x-request-id',
  traceparent: 'traceparent',
  modelVersion: 'slipway-model-version',
  revision: 'slipway-revision',
  /** `hit` or `miss`, where the model keeps answers. */
  cache: 'slipway-cache',
  /** The router's word for what this server's revision is at present. */
  role: 'slipway-role',
} as const;

/** What the router says that this server's revision is. A caller who says it alone, without a router, is not heard. */
export function roleOf(headers: Readonly<Record<string, string | string[] | undefined>>): string | undefined {
  const given = headers[HEADERS.role];
  return typeof given === 'string' ? given : undefined;
}

const SAFE_ID = /^[\x21-\x7e]{1,128}$/;

/** The given request id if it is printable and short, else a new one. */
export function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && SAFE_ID.test(given) ? given : randomUUID();
}

export function addRequestContext(app: FastifyInstance, revision: string | undefined): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header(HEADERS.requestId, request.id);
    const trace = request.headers[HEADERS.traceparent];
    if (trace !== undefined) reply.header(HEADERS.traceparent, trace);
    if (revision !== undefined) reply.header(HEADERS.revision, revision);
    done();
  });
}

/** Aborted when the caller hangs up before the answer is out. Who waits looks at it; nobody is told, so it need be no AbortSignal. */
export function hangUpSignal(reply: FastifyReply): { readonly aborted: boolean } {
  const signal = { aborted: false };
  const { raw } = reply;
  raw.once('close', () => {
    signal.aborted = !raw.writableFinished;
  });
  return signal;
}
