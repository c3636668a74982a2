// Owns reading one parameter of the query. Must not know what it means.
import type { FastifyRequest } from 'fastify';
import { InferenceError } from '../../inference/errors.ts';

/**
 * A parameter of the query; an empty one is none.
 * @throws InferenceError malformed_request for one that is given twice: it is not guessed which was meant
 */
export function queryOf(request: FastifyRequest, name: string): string | undefined {
  const value = (request.query as Record<string, string | string[] | undefined>)[name];
  if (Array.isArray(value)) throw new InferenceError('malformed_request', `${name} is given ${String(value.length)} times; once is enough.`);
  return value === '' ? undefined : value;
}
