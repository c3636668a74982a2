// Owns one kept-alive HTTP/1.1 connection to a pod: one request at a time, written in as few pieces as possible.
// Must not know pools, retries or callers. Written on net.Socket because a general client costs more than the whole rest of the
// router, and because a retry needs to know exactly what was sent and what came back.
import net from 'node:net';
import { atEndOfTurn } from '../end-of-turn.ts';
import type { Flushable } from '../end-of-turn.ts';
import { ChunkedDecoder } from './chunked.ts';
import type { Attempt, BodyPlan, Failure, FlatHeaders, OutgoingRequest, Receiver } from './exchange.ts';
import { BadAnswer, readHead } from './response-head.ts';
import type { ResponseHead } from './response-head.ts';

export interface ConnectionOwner {
  /** The connection is free for the next request; the pod may close it after this many milliseconds, if it said so. */
  idle(connection: Http1Connection, keepAliveMs: number | undefined): void;
  /** The connection is no more. */
  gone(connection: Http1Connection): void;
}

export interface Address {
  host: string;
  port: number;
}

const MAX_HEAD = 64 * 1024;
/** Bodies up to this are joined to the head and sent in one write. */
const JOIN_MAX = 16 * 1024;
const TCP_KEEP_ALIVE_MS = 30_000;
const NOTHING = Buffer.alloc(0);
/**
 * All connections read into this one buffer: what they read is taken in before anything else is read, and copied where it must last.
 * A buffer per read would cost more than everything else here.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);
const LAST_CHUNK = '0\r\n';

function headText(request: OutgoingRequest, framing: string): string {
  let text = `${request.method} ${request.path} HTTP/1.1\r\nHost: ${request.host}\r\n`;
  const { headers } = request;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i] as string}: ${headers[i + 1] as string}\r\n`;
  return `${text}${framing}\r\n`;
}

function framingLine(method: string, body: BodyPlan): string {
  if (body.kind === 'stream') return body.length === undefined ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${body.length}\r\n`;
  if (body.bytes !== undefined) return `Content-Length: ${body.bytes.length}\r\n`;
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? 'Content-Length: 0\r\n' : '';
}

export class Http1Connection implements Attempt, Flushable {
  private readonly socket: net.Socket;
  private readonly owner: ConnectionOwner;
  private receiver: Receiver | undefined;
  private method = '';
  private connected = false;
  private served = 0;
  private chunkedRequest = false;
  private requestEnded = true;
  private head: ResponseHead | undefined;
  private left = 0;
  private decoder: ChunkedDecoder | undefined;
  private held: Buffer = NOTHING;
  private problem = '';
  private readonly connectTimer: NodeJS.Timeout;

  constructor(address: Address, connectTimeoutMs: number, owner: ConnectionOwner) {
    this.owner = owner;
    this.socket = net.connect({ ...address, noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS, onread: { buffer: READ_BUFFER, callback: (length) => this.onRead(length) } });
    // A process that stood still hears of its timers before its sockets: the connection may be there already.
    const late = (): void => (this.connected ? undefined : this.break(`no connection within ${connectTimeoutMs} ms`));
    this.connectTimer = setTimeout(() => setImmediate(late), connectTimeoutMs);
    this.socket.on('connect', () => this.onConnect());
    this.socket.on('end', () => this.onEnd());
    this.socket.on('drain', () => this.receiver?.drained());
    this.socket.on('error', (error) => (this.problem ||= error.message));
    this.socket.on('close', () => this.onClose());
  }

  /** True while it can take a request. */
  get usable(): boolean {
    return !this.socket.destroyed && this.receiver === undefined;
  }

  send(request: OutgoingRequest, body: BodyPlan, receiver: Receiver): this {
    this.receiver = receiver;
    this.method = request.method;
    this.head = undefined;
    this.chunkedRequest = body.kind === 'stream' && body.length === undefined;
    this.requestEnded = body.kind === 'whole';
    const head = headText(request, framingLine(request.method, body));
    this.socket.cork();
    atEndOfTurn(this);
    if (body.kind === 'stream' || body.bytes === undefined) this.socket.write(head, 'latin1');
    else this.writeWhole(head, body.bytes);
    return this;
  }

  flush(): void {
    this.socket.uncork();
  }

  private writeWhole(head: string, bytes: Buffer): void {
    if (bytes.length <= JOIN_MAX) {
      this.socket.write(head + bytes.toString('latin1', 0, bytes.length), 'latin1');
      return;
    }
    this.socket.write(head, 'latin1');
    this.socket.write(bytes);
  }

  write(chunk: Buffer): boolean {
    if (!this.chunkedRequest) return this.socket.write(chunk);
    if (chunk.length === 0) return true;
    this.socket.cork();
    this.socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    this.socket.write(chunk);
    const more = this.socket.write('\r\n', 'latin1');
    this.socket.uncork();
    return more;
  }

  end(trailers: FlatHeaders): void {
    this.requestEnded = true;
    if (this.chunkedRequest) {
      let text = LAST_CHUNK;
      for (let i = 0; i < trailers.length; i += 2) text += `${trailers[i] as string}: ${trailers[i + 1] as string}\r\n`;
      this.socket.write(`${text}\r\n`, 'latin1');
    }
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  abort(): void {
    this.receiver = undefined;
    this.socket.destroy();
  }

  /** Ends an idle connection. */
  close(): void {
    this.socket.destroy();
  }

  private onConnect(): void {
    this.connected = true;
    clearTimeout(this.connectTimer);
  }

  private onRead(length: number): boolean {
    // Bytes that no request asked for: the two sides disagree about where an answer ends.
    if (this.receiver === undefined) this.break('bytes without a request');
    else this.takeSafely(READ_BUFFER.subarray(0, length));
    return true;
  }

  private takeSafely(bytes: Buffer): void {
    try {
      this.take(bytes);
    } catch (error) {
      if (!(error instanceof BadAnswer)) throw error;
      this.fail({ kind: 'bad-answer', reused: false, message: error.message });
    }
  }

  private take(bytes: Buffer): void {
    if (this.head === undefined) this.takeHead(bytes);
    else this.takeBody(bytes);
  }

  private takeHead(bytes: Buffer): void {
    const all = this.held.length === 0 ? bytes : Buffer.concat([this.held, bytes]);
    const at = all.indexOf('\r\n\r\n');
    if (at < 0 ? all.length > MAX_HEAD : at > MAX_HEAD) throw new BadAnswer('head too large');
    this.held = at < 0 ? Buffer.from(all) : NOTHING;
    if (at < 0) return;
    const head = readHead(all.toString('latin1', 0, at), this.method);
    const rest = all.subarray(at + 4);
    if (head.status === 101) throw new BadAnswer('101 without an upgrade');
    if (head.status < 200) {
      if (rest.length > 0) this.takeHead(rest);
      return;
    }
    this.head = head;
    this.beginBody(head, rest);
  }

  private beginBody(head: ResponseHead, rest: Buffer): void {
    const { framing } = head;
    const receiver = this.receiver as Receiver;
    if (framing.kind === 'none') {
      const free = this.release(rest);
      receiver.head(head.status, head.headers, true);
      return free();
    }
    this.left = framing.kind === 'length' ? framing.bytes : 0;
    if (framing.kind === 'chunked') this.decoder = this.newDecoder();
    receiver.head(head.status, head.headers, false);
    // The receiver may have given up on hearing the head.
    if (rest.length > 0 && this.receiver !== undefined) this.takeBody(rest);
  }

  private newDecoder(): ChunkedDecoder {
    return new ChunkedDecoder({
      data: (chunk) => this.receiver?.data(chunk),
      end: (trailers, rest) => this.complete(undefined, trailers, rest),
    });
  }

  private takeBody(bytes: Buffer): void {
    const kind = this.head?.framing.kind;
    if (kind === 'chunked') return this.decoder?.push(bytes);
    if (kind === 'close' || bytes.length < this.left) {
      this.left -= bytes.length;
      return this.receiver?.data(bytes);
    }
    const last = bytes.length === this.left ? bytes : bytes.subarray(0, this.left);
    this.complete(last, [], bytes.subarray(this.left));
  }

  private complete(last: Buffer | undefined, trailers: FlatHeaders, rest: Buffer): void {
    const receiver = this.receiver;
    const free = this.release(rest);
    receiver?.end(last, trailers);
    free();
  }

  /** Detaches the request; what it returns makes the connection free or ends it, once the receiver has heard the end. */
  private release(rest: Buffer): () => void {
    const keepAliveMs = this.head?.keepAliveMs;
    const keep = this.head?.keepAlive === true && this.requestEnded && rest.length === 0 && !this.socket.destroyed;
    this.receiver = undefined;
    this.decoder = undefined;
    this.served++;
    return () => {
      if (!keep) this.socket.destroy();
      else {
        if (this.socket.isPaused()) this.socket.resume();
        this.owner.idle(this, keepAliveMs);
      }
    };
  }

  private onEnd(): void {
    if (this.receiver !== undefined && this.head?.framing.kind === 'close') this.complete(undefined, [], NOTHING);
    else this.break('closed by the pod');
  }

  private break(message: string): void {
    this.problem ||= message;
    this.socket.destroy();
  }

  private fail(failure: Failure): void {
    const receiver = this.receiver;
    this.receiver = undefined;
    this.socket.destroy();
    receiver?.failed(failure);
  }

  private onClose(): void {
    clearTimeout(this.connectTimer);
    this.owner.gone(this);
    this.fail({ kind: this.connected ? 'reset' : 'connect', reused: this.served > 0, message: this.problem || 'connection closed' });
  }
}
