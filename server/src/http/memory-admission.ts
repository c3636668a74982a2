// Owns the refusal of bodies that would not fit into memory: by their Content-Length before they are read, by what comes where that says
// little, of compressed and of chunked ones.
import type { FastifyInstance } from 'fastify';
import type { MemoryBudget } from '../pipeline/memory-budget.ts';

/** The bytes, the text made of them, and the values parsed from it. */
const BODY_FACTOR = 4;
/** Smaller bodies cannot hurt; the bound on waiting calls holds them. */
const FREE_BYTES = 65_536;
/** What comes is admitted in pieces of so many bytes. */
const PIECE_BYTES = 1_048_576;

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

/** Told of each piece of a body whose size nobody knew. @throws InferenceError memory_exhausted, exceeds_memory_budget */
export type Growth = (bytes: number) => void;

/** Sets memory aside for a body as it comes, until its answer is sent. */
export function growing(memory: Pick<MemoryBudget, 'admit'>, { raw }: { raw: { once(event: 'close', listener: () => void): unknown } }): Growth {
  let come = 0;
  let admitted = FREE_BYTES;
  const held: (() => void)[] = [];
  return (bytes) => {
    come += bytes;
    if (come <= admitted) return;
    const piece = Math.ceil((come - admitted) / PIECE_BYTES) * PIECE_BYTES;
    if (held.push(memory.admit(piece * BODY_FACTOR)) === 1) raw.once('close', () => { for (const release of held) release(); });
    admitted += piece;
  };
}
