// Owns the refusal of bodies that would not fit into memory, by their Content-Length, before they are read.
import type { FastifyInstance } from 'fastify';
import type { MemoryBudget } from '../pipeline/memory-budget.ts';

/** The bytes, the text made of them, and the values parsed from it. */
const BODY_FACTOR = 4;
/** Smaller bodies cannot hurt; the bound on waiting calls holds them. */
const FREE_BYTES = 65_536;

/** @param maxBodyBytes beyond it a body is refused anyway, in words that name that limit */
export function addMemoryAdmission(app: FastifyInstance, memory: MemoryBudget, maxBodyBytes: number): void {
  app.addHook('onRequest', (request, reply, done) => {
    const announced = Number(request.headers['content-length'] ?? 0);
    if (!(announced > FREE_BYTES && announced <= maxBodyBytes)) {
      done();
      return;
    }
    try {
      const release = memory.admit(announced * BODY_FACTOR);
      reply.raw.once('close', release);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
}
