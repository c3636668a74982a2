// Owns the cleartext HTTP/2 session to one pod, used for gRPC: opened when first needed, replaced when it ends.
// Must not know requests' meaning, retries or other pods.
import http2 from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';
import type { Attempt, BodyPlan, FlatHeaders, OutgoingRequest, Receiver } from './exchange.ts';
import type { Address } from './http1-connection.ts';

const { constants } = http2;
const authorityOf = ({ host, port }: Address): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Headers as node:http2 wants them: repeated names become lists. */
export function headerObject(headers: FlatHeaders): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = {};
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    const value = headers[i + 1] as string;
    const present = object[name];
    object[name] = present === undefined ? value : Array.isArray(present) ? [...present, value] : [present, value];
  }
  return object;
}

/** The other way round, without the pseudo headers. */
export function flatHeaders(headers: IncomingHttpHeaders): FlatHeaders {
  const flat: FlatHeaders = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':')) continue;
    for (const one of Array.isArray(value) ? value : [value]) flat.push(name, String(one));
  }
  return flat;
}

/** A session and whether its connection was ever made. */
interface Live {
  session: ClientHttp2Session;
  connected: boolean;
}

class Http2Attempt implements Attempt {
  private readonly stream: ClientHttp2Stream;
  private readonly live: Live;
  private readonly reused: boolean;
  private receiver: Receiver | undefined;
  private headSeen = false;
  private trailers: FlatHeaders = [];
  private sendTrailers: FlatHeaders = [];
  private problem = '';

  constructor(live: Live, stream: ClientHttp2Stream, receiver: Receiver) {
    this.live = live;
    this.stream = stream;
    this.receiver = receiver;
    this.reused = live.connected;
    stream.on('response', (headers: IncomingHttpHeaders & IncomingHttpStatusHeader, flags: number) => this.onResponse(headers, flags));
    stream.on('trailers', (headers: IncomingHttpHeaders) => (this.trailers = flatHeaders(headers)));
    stream.on('data', (chunk: Buffer) => this.receiver?.data(chunk));
    stream.on('end', () => this.onEnd());
    stream.on('drain', () => this.receiver?.drained());
    stream.on('wantTrailers', () => stream.sendTrailers(headerObject(this.sendTrailers)));
    stream.on('error', (error: Error) => (this.problem = error.message));
    stream.on('close', () => this.onClose());
  }

  private onResponse(headers: IncomingHttpHeaders & IncomingHttpStatusHeader, flags: number): void {
    const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const receiver = this.receiver;
    this.headSeen = true;
    if (ended) this.receiver = undefined;
    receiver?.head(Number(headers[':status']), flatHeaders(headers), ended);
  }

  private onEnd(): void {
    const receiver = this.receiver;
    // Without a head, or after a reset, this is no end of an answer: `close` follows and tells.
    if (!this.headSeen || this.stream.rstCode !== constants.NGHTTP2_NO_ERROR || this.problem !== '') return;
    this.receiver = undefined;
    receiver?.end(undefined, this.trailers);
  }

  private onClose(): void {
    const receiver = this.receiver;
    this.receiver = undefined;
    const refused = this.stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
    const kind = refused || !this.live.connected ? 'connect' : 'reset';
    receiver?.failed({ kind, reused: this.reused, message: this.problem || `stream closed with code ${this.stream.rstCode}` });
  }

  write(chunk: Buffer): boolean {
    return this.stream.write(chunk);
  }

  end(trailers: FlatHeaders): void {
    this.sendTrailers = trailers;
    this.stream.end();
  }

  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    this.stream.resume();
  }

  abort(): void {
    this.receiver = undefined;
    this.stream.close(constants.NGHTTP2_CANCEL);
  }
}

function requestHeaders(request: OutgoingRequest): Record<string, string | string[]> {
  return {
    ...headerObject(request.headers),
    [constants.HTTP2_HEADER_METHOD]: request.method,
    [constants.HTTP2_HEADER_PATH]: request.path,
    [constants.HTTP2_HEADER_SCHEME]: 'http',
    [constants.HTTP2_HEADER_AUTHORITY]: request.host,
    te: 'trailers',
  };
}

export class Http2Upstream {
  private readonly address: Address;
  private readonly connectTimeoutMs: number;
  private current: Live | undefined;
  private readonly sessions = new Set<ClientHttp2Session>();

  constructor(address: Address, connectTimeoutMs: number) {
    this.address = address;
    this.connectTimeoutMs = connectTimeoutMs;
  }

  get size(): number {
    return this.sessions.size;
  }

  send(request: OutgoingRequest, body: BodyPlan, receiver: Receiver): Attempt {
    const live = this.liveSession();
    const bytes = body.kind === 'whole' ? body.bytes : undefined;
    const bodyless = body.kind === 'whole' && bytes === undefined;
    const stream = live.session.request(requestHeaders(request), { endStream: bodyless, waitForTrailers: body.kind === 'stream' });
    const attempt = new Http2Attempt(live, stream, receiver);
    if (bytes !== undefined) stream.end(bytes);
    return attempt;
  }

  private liveSession(): Live {
    const { current } = this;
    if (current !== undefined && !current.session.closed && !current.session.destroyed) return current;
    const live = { session: http2.connect(authorityOf(this.address)), connected: false };
    this.watch(live);
    this.current = live;
    return live;
  }

  private watch(live: Live): void {
    const { session } = live;
    // A process that stood still hears of its timers before its sockets: the connection may be there already.
    const late = (): void => (live.connected ? undefined : session.destroy(new Error(`no connection within ${this.connectTimeoutMs} ms`)));
    const timer = setTimeout(() => setImmediate(late), this.connectTimeoutMs);
    session.on('connect', () => {
      clearTimeout(timer);
      live.connected = true;
    });
    // Its streams tell their receivers; the session has nobody of its own to tell.
    session.on('error', () => undefined);
    session.on('goaway', () => this.forget(live));
    session.on('close', () => {
      clearTimeout(timer);
      this.forget(live);
      this.sessions.delete(session);
    });
    this.sessions.add(session);
  }

  private forget(live: Live): void {
    if (this.current === live) this.current = undefined;
  }

  drain(): void {
    for (const session of this.sessions) session.close();
    this.current = undefined;
  }

  destroy(): void {
    for (const session of this.sessions) session.destroy();
    this.current = undefined;
  }
}
