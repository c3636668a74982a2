// Owns HTTP/1.1 towards callers, on Node's own strict parser: what could be read in two ways never gets past it.
// Must not know routes or pods.
import http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { errorText } from '../problems.ts';
import type { FlatHeaders } from '../upstream/exchange.ts';
import type { Caller, CallerListener, OnCaller } from './caller.ts';

export interface Http1Options {
  maxHeaderBytes: number;
  /** Milliseconds for the whole head to arrive. */
  headTimeoutMs: number;
  /** Milliseconds that an idle connection is kept. */
  idleMs: number;
  /** True once every answer should ask the caller to leave. */
  closing: () => boolean;
}

/** Milliseconds that a caller may take to read the rest of an answer without reading anything. */
const UNREAD_MS = 30_000;

/** Answers up to this are joined to their head. */
const JOIN_MAX = 16 * 1024;

/** A caller that hangs up is told by `close`. */
const ignore = (): void => undefined;

function bodyFollows(req: IncomingMessage): boolean {
  const { rawHeaders } = req;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 14 && name.toLowerCase() === 'content-length') return rawHeaders[i + 1] !== '0';
    if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') return true;
  }
  return false;
}

class Http1Caller implements Caller {
  readonly protocol = 'http1';
  readonly port: number;
  readonly method: string;
  readonly target: string;
  readonly authority = undefined;
  readonly headers: FlatHeaders;
  readonly hasBody: boolean;
  private readonly req: IncomingMessage;
  private readonly res: ServerResponse;
  private readonly closing: () => boolean;
  private readonly awaitsContinue: boolean;
  private listener: CallerListener | undefined;
  private awaitsDrain = false;
  private answered = false;

  constructor(req: IncomingMessage, res: ServerResponse, { closing, awaitsContinue }: { closing: () => boolean; awaitsContinue: boolean }) {
    this.req = req;
    this.res = res;
    this.closing = closing;
    this.awaitsContinue = awaitsContinue;
    this.port = req.socket.localPort ?? 0;
    this.method = req.method as string;
    this.target = req.url as string;
    this.headers = req.rawHeaders;
    this.hasBody = bodyFollows(req);
  }

  get remoteAddress(): string {
    return this.req.socket.remoteAddress ?? '';
  }

  listen(listener: CallerListener): void {
    const { req, res } = this;
    if (this.hasBody) {
      req.on('data', (chunk: Buffer) => listener.bodyData(chunk));
      req.on('end', () => listener.bodyEnd(req.rawTrailers));
      if (this.awaitsContinue) res.writeContinue();
    }
    this.listener = listener;
    res.on('error', ignore);
    res.on('close', () => {
      if (!this.answered) listener.gone();
    });
  }

  pauseBody(): void {
    this.req.pause();
  }

  resumeBody(): void {
    this.req.resume();
  }

  head(status: number, headers: FlatHeaders, ended: boolean): void {
    // An answer that comes before the request is complete leaves bytes nobody wants on the connection.
    if (this.closing() || (this.hasBody && !this.req.complete)) headers.push('Connection', 'close');
    this.res.writeHead(status, headers as unknown as http.OutgoingHttpHeader[]);
    if (ended) this.end(undefined, []);
  }

  write(chunk: Buffer): boolean {
    const more = this.res.write(chunk);
    // Most answers never wait for their caller, so the listener is only added when one does.
    if (!more && !this.awaitsDrain) this.awaitDrain();
    return more;
  }

  private awaitDrain(): void {
    this.awaitsDrain = true;
    this.res.once('drain', () => {
      this.awaitsDrain = false;
      this.listener?.writable();
    });
  }

  end(last: Buffer | undefined, trailers: FlatHeaders): void {
    this.answered = true;
    if (trailers.length > 0) this.res.addTrailers(pairs(trailers));
    if (last === undefined) this.res.end();
    // As text of the same encoding it is joined to the head and leaves in one write; as a buffer it would take two.
    else if (last.length <= JOIN_MAX) this.res.end(last.toString('latin1'), 'latin1');
    else this.res.end(Buffer.from(last));
    // A caller who does not read what is already answered is no longer covered by the request's deadline.
    if (this.req.socket.writableLength > 0) this.req.socket.setTimeout(UNREAD_MS);
  }

  destroy(): void {
    this.req.socket.destroy();
  }
}

function pairs(flat: FlatHeaders): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i < flat.length; i += 2) result.push([flat[i] as string, flat[i + 1] as string]);
  return result;
}

/** Status for what the parser refused. */
function statusOf(error: NodeJS.ErrnoException): number {
  if (error.code === 'HPE_HEADER_OVERFLOW') return 431;
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408;
  return 400;
}

/** The HTTP/1.1 side. It listens nowhere itself: connections are handed to it. */
export function createHttp1(options: Http1Options, onCaller: OnCaller): http.Server {
  const server = http.createServer({
    insecureHTTPParser: false,
    maxHeaderSize: options.maxHeaderBytes,
    headersTimeout: options.headTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, options.headTimeoutMs),
    keepAliveTimeout: options.idleMs,
    // The whole request has a deadline of its own, per route.
    requestTimeout: 0,
    requireHostHeader: true,
    joinDuplicateHeaders: false,
  });
  const { closing } = options;
  const onRequest = (req: IncomingMessage, res: ServerResponse): void => onCaller(new Http1Caller(req, res, { closing, awaitsContinue: false }));
  server.on('request', onRequest);
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => onCaller(new Http1Caller(req, res, { closing, awaitsContinue: true })));
  server.on('checkExpectation', onRequest);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
    else socket.end(errorText(statusOf(error)), 'latin1');
  });
  server.on('connect', (_req: IncomingMessage, socket: Socket) => socket.end(errorText(501), 'latin1'));
  // Never emitted by a server that does not listen, but it is what starts the check of slow heads.
  server.emit('listening');
  return server;
}
