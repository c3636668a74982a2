// Owns what the native API looks at of a request, whichever way it came. Must not know what any of it means.
import type { FastifyRequest } from 'fastify';
import type { PlainRequest } from '../../http/plain/exchange.ts';
import { queryOf } from './query.ts';

export interface Asked {
  id: string;
  /** A parameter of the query; an empty one is none. @throws InferenceError malformed_request for one that is given twice */
  query(name: string): string | undefined;
  /** By its name in lower case, as it came. */
  header(name: string): string | undefined;
  /** Undefined where the request has none; one of no bytes is a body. */
  body: Buffer | undefined;
}

export const askedOf = (request: FastifyRequest): Asked => ({
  id: request.id,
  query: (name) => queryOf(request, name),
  header: (name) => {
    const value = request.headers[name];
    return typeof value === 'string' ? value : undefined;
  },
  body: Buffer.isBuffer(request.body) ? request.body : undefined,
});

/** On the short way (docs/adr/0013), where paths have no query. */
export const askedPlainly = ({ id, headers, body }: PlainRequest): Asked => ({
  id,
  query: () => undefined,
  header: (name) => headers.get(name),
  body,
});
