// Owns the one listener that speaks HTTP/1.1 and cleartext HTTP/2: it looks at the first bytes of a connection and hands it to
// the server that speaks it. On HTTP/2 each stream goes to gRPC if that takes it, else to the routes. Must not know either.
import http from 'node:http';
import http2 from 'node:http2';
import type { Socket } from 'node:net';
import type { PlainConnections } from './plain/connections.ts';
import { keepStreamsApart } from './stream-table.ts';

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** An HTTP/2 connection opens with `PRI * HTTP/2.0`; no HTTP/1.1 method begins with PRI. */
const PREFACE = Buffer.from('PRI');
const SILENT_MS = 30_000;
/** Longer than the router keeps an idle connection, so that it never sends into one that is being closed. */
export const KEEP_ALIVE_MS = 75_000;

/** Calls at once on one HTTP/2 connection. */
const MAX_STREAMS = 1000;
/** Bytes a caller may send before it hears that they were read: of one call, and of a connection. Tensors are large. */
const STREAM_WINDOW = 1024 * 1024;
const SESSION_WINDOW = 8 * 1024 * 1024;
/** MiB that one connection's streams may hold; each message is admitted against the memory budget by itself. */
const SESSION_MEMORY = 1024;

/** Takes a stream, or says that it is not its own. */
export type StreamHandler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => boolean;

export interface Listener {
  /** Listens for both; hand it to Fastify as its server. */
  server: http.Server;
  /** Takes a connection that another port accepted. */
  accept(socket: Socket): void;
  /** Gives HTTP/1.1 connections to whoever reads plain requests; what that does not take comes back for Node's server. */
  usePlain(open: (notPlain: (socket: Socket) => void) => PlainConnections): void;
  /** Ends every HTTP/2 session as soon as its streams are answered, and every idle HTTP/1.1 connection. */
  closeIdle(): void;
  /** Ends everything at once. */
  destroy(): void;
}

export function createListener(handler: Handler, streams: StreamHandler = () => false): Listener {
  const server = http.createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true }, handler);
  const sessions = new Set<http2.ServerHttp2Session>();
  const second = createHttp2(handler, streams);
  second.on('session', (session) => {
    keepStreamsApart(session);
    session.setLocalWindowSize(SESSION_WINDOW);
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  second.on('sessionError', () => undefined);
  const toNode = ownConnections(server);
  let plain: PlainConnections | undefined;
  const accept = (socket: Socket): void => {
    sniff(socket, (isHttp2) => {
      if (isHttp2) second.emit('connection', socket);
      else if (plain === undefined) toNode(socket);
      else plain.accept(socket);
    });
  };
  server.on('connection', accept);
  return {
    server,
    accept,
    usePlain: (open) => {
      plain = open(toNode);
    },
    closeIdle: () => {
      for (const session of sessions) session.close();
      plain?.closeIdle();
      server.closeIdleConnections();
    },
    destroy: () => {
      for (const session of sessions) session.destroy();
      plain?.destroy();
      server.closeAllConnections();
    },
  };
}

/** Connections come to the server only through the function returned. */
function ownConnections(server: http.Server): (socket: Socket) => void {
  const own = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  return (socket) => {
    for (const listener of own) listener.call(server, socket);
  };
}

/** The routes hear of streams through a listener that Node adds for them; the stream handler is asked before it. */
function createHttp2(handler: Handler, streams: StreamHandler): http2.Http2Server {
  const settings = { maxConcurrentStreams: MAX_STREAMS, initialWindowSize: STREAM_WINDOW };
  const server = http2.createServer({ settings, maxSessionMemory: SESSION_MEMORY }, handler as unknown as (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void);
  const routes = server.listeners('stream') as ((stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, ...rest: unknown[]) => void)[];
  server.removeAllListeners('stream');
  server.on('stream', (stream, headers, ...rest: unknown[]) => {
    if (!streams(stream, headers)) for (const route of routes) route.call(server, stream, headers, ...rest);
  });
  return server;
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
