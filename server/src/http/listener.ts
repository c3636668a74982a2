// Owns the one listener that speaks HTTP/1.1 and cleartext HTTP/2: it looks at the first bytes of a connection and hands it to
// the server that speaks it. gRPC will be one more handler of the HTTP/2 side. Must not know routes.
import http from 'node:http';
import http2 from 'node:http2';
import type { Socket } from 'node:net';

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** An HTTP/2 connection opens with `PRI * HTTP/2.0`; no HTTP/1.1 method begins with PRI. */
const PREFACE = Buffer.from('PRI');
const SILENT_MS = 30_000;
/** Longer than the router keeps an idle connection, so that it never sends into one that is being closed. */
const KEEP_ALIVE_MS = 75_000;

/** Calls at once on one HTTP/2 connection. */
const MAX_STREAMS = 1000;

export interface Listener {
  /** Listens for both; hand it to Fastify as its server. */
  server: http.Server;
  /** Takes a connection that another port accepted. */
  accept(socket: Socket): void;
  /** Ends every HTTP/2 session as soon as its streams are answered, and every idle HTTP/1.1 connection. */
  closeIdle(): void;
  /** Ends everything at once. */
  destroy(): void;
}

export function createListener(handler: Handler): Listener {
  const server = http.createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true }, handler);
  const sessions = new Set<http2.ServerHttp2Session>();
  const second = http2.createServer({ settings: { maxConcurrentStreams: MAX_STREAMS } }, handler as unknown as (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void);
  second.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  second.on('sessionError', () => undefined);
  const first = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const accept = (socket: Socket): void => {
    sniff(socket, (isHttp2) => {
      if (isHttp2) second.emit('connection', socket);
      else for (const listener of first) listener.call(server, socket);
    });
  };
  server.on('connection', accept);
  return {
    server,
    accept,
    closeIdle: () => {
      for (const session of sessions) session.close();
      server.closeIdleConnections();
    },
    destroy: () => {
      for (const session of sessions) session.destroy();
      server.closeAllConnections();
    },
  };
}

/** Decides as soon as the bytes can, and puts them back for the server that reads on. */
function sniff(socket: Socket, decided: (isHttp2: boolean) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const give = (isHttp2: boolean): void => {
    socket.off('data', onData);
    socket.off('error', onError);
    socket.off('end', onEnd);
    socket.setTimeout(0);
    socket.pause();
    socket.unshift(seen);
    decided(isHttp2);
    // The HTTP/2 session reads what was put back by itself; resuming here would throw it away.
    if (!isHttp2) socket.resume();
  };
  const onData = (chunk: Buffer): void => {
    seen = seen.byteLength === 0 ? chunk : Buffer.concat([seen, chunk]);
    const head = seen.subarray(0, PREFACE.byteLength);
    if (head.equals(PREFACE)) give(true);
    else if (!PREFACE.subarray(0, head.byteLength).equals(head)) give(false);
  };
  const onError = (): void => {
    socket.destroy();
  };
  const onEnd = (): void => {
    socket.end();
  };
  socket.setTimeout(SILENT_MS, onError);
  socket.on('data', onData);
  socket.on('error', onError);
  socket.on('end', onEnd);
}
