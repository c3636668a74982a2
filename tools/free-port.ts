// Owns finding a TCP port that nobody listens on, for programs and tests that must be told theirs. Must not know who takes it.
import net from 'node:net';

/**
 * Below the range that kernels give to outgoing connections (from 32768 on Linux, from 49152 elsewhere) and to node ports (from 30000): a
 * port that a kernel names as free can be some connection's own a moment later, and then the program that was told it cannot listen.
 */
const [FIRST, LAST] = [12_000, 29_999];
const given = new Set<number>();

/** A port that was free a moment ago on all addresses; never the same twice in one process. Throws if there is none. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < LAST - FIRST; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if (!given.has(port) && (await isFree(port))) {
      given.add(port);
      return port;
    }
  }
  throw new Error(`no free port between ${FIRST} and ${LAST}: end what listens there`);
}

function isFree(port: number): Promise<boolean> {
  const server = net.createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once('error', () => resolve(false));
  server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  return promise;
}
