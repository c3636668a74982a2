// Owns cleartext HTTP/2 towards callers (gRPC among them): streams in, frames out, sessions told to leave at shutdown.
// Must not know routes or pods.
import http2 from 'node:http2';
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { FlatHeaders } from '../upstream/exchange.ts';
import { flatHeaders, headerObject } from '../upstream/http2-session.ts';
import type { Caller, CallerListener, OnCaller } from './caller.ts';

const { constants } = http2;

export interface Http2Options {
  maxHeaderBytes: number;
  maxStreams: number;
  closing: () => boolean;
}

const PSEUDO = 58; // ':'

/**
 * GOAWAY with the highest stream id there is and no error (RFC 9113, 6.8): "go elsewhere, but nothing is turned down". Written by hand, because after
 * `session.goaway()` nghttp2 passes over every new stream without a word, whatever id it was given: a stream that crossed with it waited until the
 * connection ended. Between two writes of the session the connection is always between two frames.
 */
const LEAVING = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, constants.NGHTTP2_NO_ERROR]);

function ordinary(raw: FlatHeaders): FlatHeaders {
  const headers: FlatHeaders = [];
  for (let i = 0; i < raw.length; i += 2) {
    if ((raw[i] as string).charCodeAt(0) !== PSEUDO) headers.push(raw[i] as string, raw[i + 1] as string);
  }
  return headers;
}

class Http2Caller implements Caller {
  readonly protocol = 'http2';
  readonly port: number;
  readonly method: string;
  readonly target: string;
  readonly authority: string | undefined;
  readonly headers: FlatHeaders;
  readonly hasBody: boolean;
  private readonly stream: ServerHttp2Stream;
  private trailers: FlatHeaders = [];
  private requestTrailers: FlatHeaders = [];
  private answered = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: FlatHeaders) {
    this.stream = stream;
    this.port = stream.session?.socket.localPort ?? 0;
    this.method = headers[':method'] ?? '';
    this.target = headers[':path'] ?? '';
    this.authority = headers[':authority'];
    this.headers = ordinary(raw);
    this.hasBody = !stream.endAfterHeaders;
  }

  get remoteAddress(): string {
    return this.stream.session?.socket.remoteAddress ?? '';
  }

  listen(listener: CallerListener): void {
    const { stream } = this;
    if (this.hasBody) {
      stream.on('data', (chunk: Buffer) => listener.bodyData(chunk));
      stream.on('trailers', (headers) => (this.requestTrailers = flatHeaders(headers)));
      stream.on('end', () => {
        if (!stream.aborted) listener.bodyEnd(this.requestTrailers);
      });
    } else stream.resume();
    stream.on('drain', () => listener.writable());
    stream.on('wantTrailers', () => stream.sendTrailers(headerObject(this.trailers)));
    stream.on('close', () => {
      if (!this.answered) listener.gone();
    });
  }

  pauseBody(): void {
    this.stream.pause();
  }

  resumeBody(): void {
    this.stream.resume();
  }

  head(status: number, headers: FlatHeaders, ended: boolean): void {
    if (ended) this.answered = true;
    if (this.stream.destroyed || this.stream.headersSent) return;
    try {
      this.stream.respond({ ...headerObject(headers), ':status': status }, { endStream: ended, waitForTrailers: !ended });
    } catch {
      // What HTTP/1.1 allows and HTTP/2 does not, such as a header that may be there once being there twice.
      this.destroy();
    }
  }

  write(chunk: Buffer): boolean {
    return this.stream.write(chunk);
  }

  end(last: Buffer | undefined, trailers: FlatHeaders): void {
    this.answered = true;
    // The answer to HEAD ended with its headers.
    if (this.stream.writableEnded) return;
    this.trailers = trailers;
    if (last === undefined) this.stream.end();
    else this.stream.end(Buffer.from(last));
  }

  destroy(): void {
    this.answered = true;
    this.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}

export interface Http2Side {
  /** Takes over a connection whose first bytes are HTTP/2's, unread. */
  accept(socket: Socket): void;
  /** Tells every caller to open its next connection elsewhere; what is under way and what still comes is served. */
  announceClosing(): void;
  /** Takes no new streams; connections end with their last one. */
  close(): void;
}

/** The HTTP/2 side. It listens nowhere itself. */
export function createHttp2(options: Http2Options, onCaller: OnCaller): Http2Side {
  const server: Http2Server = http2.createServer({
    maxSessionMemory: 10,
    settings: { maxConcurrentStreams: options.maxStreams, maxHeaderListSize: options.maxHeaderBytes },
  });
  /** The connection of each session. Node keeps it from who asks the session for it. */
  const sockets = new Map<ServerHttp2Session, Socket>();
  let arriving: Socket | undefined;
  const announce = (session: ServerHttp2Session): void => {
    if (!session.destroyed) sockets.get(session)?.write(LEAVING);
  };
  server.on('session', (session: ServerHttp2Session) => {
    if (arriving !== undefined) sockets.set(session, arriving);
    session.on('error', () => undefined);
    session.on('close', () => sockets.delete(session));
    // Our settings have to come first; once the caller has acknowledged them, they have.
    if (options.closing()) session.once('localSettings', () => announce(session));
  });
  server.on('stream', (stream, headers, _flags, raw) => {
    stream.on('error', () => undefined);
    onCaller(new Http2Caller(stream, headers, raw));
  });
  return {
    accept: (socket) => {
      arriving = socket;
      server.emit('connection', socket);
      arriving = undefined;
    },
    announceClosing: () => [...sockets.keys()].forEach(announce),
    close: () => [...sockets.keys()].forEach((session) => session.close()),
  };
}
