// Owns the end of a server: stay ready and serving while the word gets round, tell every caller to come back elsewhere, then
// close what is idle and finish the rest. Must not know models.
import type { FastifyInstance } from 'fastify';
import type { Http2ServerRequest } from 'node:http2';
import { InferenceError } from '../inference/errors.ts';

export type DrainState = 'serving' | 'draining' | 'closed';

export class Drain {
  #state: DrainState = 'serving';

  get state(): DrainState {
    return this.#state;
  }

  /** SIGTERM came: calls are still taken, every answer says that the connection ends. */
  begin(): void {
    if (this.#state === 'serving') this.#state = 'draining';
  }

  /** The delay is over: what still comes on an old connection is refused. */
  close(): void {
    this.#state = 'closed';
  }

  attach(app: FastifyInstance): void {
    app.addHook('onRequest', (request, reply, done) => {
      if (this.#state === 'serving') {
        done();
        return;
      }
      if (request.raw.httpVersionMajor === 2) (request.raw as unknown as Http2ServerRequest).stream.session?.close();
      else reply.header('connection', 'close');
      const refused = this.#state === 'closed' && !request.url.startsWith('/health');
      done(refused ? new InferenceError('draining', 'The server is shutting down.') : undefined);
    });
  }
}
