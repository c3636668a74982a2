// Owns which content types are read and that a body stays bytes until its route knows what it is. Must not parse.
import type { FastifyInstance } from 'fastify';
import { readBody } from './body-reader.ts';

/** curl -d sends JSON as a form unless told otherwise; nothing here reads forms, so it is taken as JSON. */
const JSON_TYPES = ['application/json', 'application/x-www-form-urlencoded', 'text/plain'];
export const PICTURE_TYPES = ['image/png', 'image/jpeg'];

export function addBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  // A body without a type is taken as JSON; Fastify would otherwise not read it, over HTTP/2 not even see it.
  app.addHook('onRequest', (request, _reply, done) => {
    request.headers['content-type'] ||= 'application/json';
    done();
  });
  for (const type of [...JSON_TYPES, ...PICTURE_TYPES, 'application/octet-stream', /^application\/.*\+json/]) {
    app.addContentTypeParser(type, readBody);
  }
}
