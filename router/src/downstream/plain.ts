// Owns the short way for plain HTTP/1.1 requests (plain-head): a connection whose requests are all plain is read and answered here, with a
// fraction of the objects that node:http makes for each. The first request that is not plain takes its connection to Node's parser for good.
// Must not know routes or pods, nor refuse anything but a chunked body that turns out to be none when Node's parser can no longer be given
// the request: whatever else is wrong with one is for that parser to say.
import type { Socket } from 'node:net';
import { readPlainHead, type PlainHead } from '@slipway/api/http1';
import { atEndOfTurn } from '../end-of-turn.ts';
import type { Flushable } from '../end-of-turn.ts';
import { errorText } from '../problems.ts';
import type { FlatHeaders } from '../upstream/exchange.ts';
import type { Caller, CallerListener, OnCaller } from './caller.ts';
import { ChunkedBody } from './chunked-body.ts';
import { AnswerText, dateField } from './plain-answer.ts';

export interface PlainOptions {
  maxHeaderBytes: number;
  /** Milliseconds that an idle connection is kept. */
  idleMs: number;
  /** True once every answer should ask the caller to leave. */
  closing: () => boolean;
  /** Takes a connection over, with what was read of it put back. */
  notPlain: (socket: Socket) => void;
}

const TICK_MS = 1000;
/** An idle connection is kept this much longer than callers are told, for requests that are on their way. */
const IDLE_MARGIN_MS = 1000;
/** Milliseconds that a caller may take to read the rest of an answer without reading anything. */
const UNREAD_MS = 30_000;
/** Ticks that a caller whose request was answered early has to read the answer; its bytes are dropped meanwhile. */
const LINGER_TICKS = 2;
/** Answers up to this are joined to their head and leave in one write. */
const JOIN_MAX = 16 * 1024;
const NOTHING = Buffer.alloc(0);
const CLOSE = 'Connection: close\r\n';

/** What all connections share; refreshed once a second. */
interface Shared {
  readonly options: PlainOptions;
  readonly onCaller: OnCaller;
  readonly connections: Set<Connection>;
  readonly keepAlive: string;
  tick: number;
  date: string;
}

class PlainCaller implements Caller {
  readonly protocol = 'http1';
  readonly method: string;
  readonly target: string;
  readonly authority = undefined;
  readonly headers: FlatHeaders;
  readonly hasBody: boolean;
  private readonly connection: Connection;
  private answer: AnswerText | undefined;

  constructor(connection: Connection, head: PlainHead) {
    this.connection = connection;
    this.method = head.method;
    this.target = head.target;
    this.headers = head.headers;
    this.hasBody = head.chunked || head.length > 0;
  }

  /** The caller was told the beginning of an answer. */
  get answering(): boolean {
    return this.answer !== undefined;
  }

  get port(): number {
    return this.connection.port;
  }

  get remoteAddress(): string {
    return this.connection.remoteAddress;
  }

  listen(listener: CallerListener): void {
    this.connection.listen(this, listener);
  }

  pauseBody(): void {
    this.connection.pauseBody(this);
  }

  resumeBody(): void {
    this.connection.resumeBody(this);
  }

  head(status: number, headers: FlatHeaders, ended: boolean): void {
    const { connection } = this;
    this.answer = new AnswerText(status, headers, { ended, date: connection.shared.date, connection: connection.connectionFields() });
    if (ended) this.end(undefined, []);
  }

  write(chunk: Buffer): boolean {
    const answer = this.answer as AnswerText;
    return answer.takesBody && chunk.length > 0 ? this.connection.write(this, answer.before(chunk.length), chunk, answer.after(chunk.length)) : true;
  }

  end(last: Buffer | undefined, trailers: FlatHeaders): void {
    const answer = this.answer as AnswerText;
    const bytes = last === undefined || !answer.takesBody ? NOTHING : last;
    const before = answer.before(bytes.length);
    const after = answer.after(bytes.length) + answer.end(trailers);
    if (bytes.length <= JOIN_MAX) this.connection.writeText(this, before + bytes.toString('latin1') + after);
    // The bytes are only valid during the call.
    else this.connection.write(this, before, Buffer.from(bytes), after);
    this.connection.answered(this);
  }

  destroy(): void {
    this.connection.destroy(this);
  }
}

/** One connection: one request at a time. A caller that is no longer its present one is not listened to. */
class Connection implements Flushable {
  readonly shared: Shared;
  readonly port: number;
  readonly remoteAddress: string;
  private readonly socket: Socket;
  private current: PlainCaller | undefined;
  private listener: CallerListener | undefined;
  /** Bytes of the present request's body that are still to come, if it has a length. */
  private left = 0;
  /** The present request's body, if it is chunked and not all here. */
  private chunks: ChunkedBody | undefined;
  /** The part of the body that came with the head, until somebody listens. */
  private early: Buffer = NOTHING;
  private leaving = false;
  /** The answer told the caller to leave. */
  private toldToLeave = false;
  private unread = false;
  private heldBack = false;
  /** Tick since which it is idle or leaving. */
  private since: number;

  constructor(socket: Socket, shared: Shared) {
    this.socket = socket;
    this.shared = shared;
    this.since = shared.tick;
    this.port = socket.localPort ?? 0;
    this.remoteAddress = socket.remoteAddress ?? '';
    socket.on('data', this.onData).on('end', this.onEnd).on('close', this.onClose).on('drain', this.onDrain);
  }

  // ---- what the socket says

  private readonly onData = (bytes: Buffer): void => {
    if (this.leaving) return;
    if (this.awaitsBody) return this.take(bytes);
    if (this.current !== undefined) return this.hold(bytes);
    const head = readPlainHead(bytes, this.shared.options.maxHeaderBytes);
    if (head === undefined) this.handOver(bytes);
    else this.begin(head, head.size === bytes.length ? NOTHING : bytes.subarray(head.size));
  };

  private readonly onEnd = (): void => {
    // Half a request is none. A caller that ends its side has hung up, as far as anybody can tell; what was written already still reaches it.
    if (this.awaitsBody) this.socket.destroy();
    else this.socket.end();
  };

  private readonly onClose = (): void => {
    this.shared.connections.delete(this);
    const { listener } = this;
    this.current = undefined;
    this.listener = undefined;
    listener?.gone();
  };

  private readonly onDrain = (): void => this.listener?.writable();

  // ---- a request

  private begin(head: PlainHead, rest: Buffer): void {
    const caller = new PlainCaller(this, head);
    this.current = caller;
    this.left = head.length;
    if (head.chunked) this.chunks = new ChunkedBody((chunk) => this.listener?.bodyData(chunk));
    this.early = rest;
    if (!this.awaitsBody && rest.length > 0) this.hold(rest);
    if (this.unread) this.readAgain();
    this.shared.onCaller(caller);
  }

  listen(caller: PlainCaller, listener: CallerListener): void {
    if (caller !== this.current) return;
    this.listener = listener;
    const { early } = this;
    this.early = NOTHING;
    if (this.awaitsBody && early.length > 0) this.take(early);
  }

  private get awaitsBody(): boolean {
    return this.left > 0 || this.chunks !== undefined;
  }

  /** The next bytes of the body; what follows it waits until the answer is given. */
  private take(bytes: Buffer): void {
    const { left, chunks } = this;
    if (chunks !== undefined) return this.takeChunks(bytes, chunks);
    const mine = bytes.length <= left ? bytes : bytes.subarray(0, left);
    this.left = left - mine.length;
    if (mine !== bytes) this.hold(bytes.subarray(left));
    this.listener?.bodyData(mine);
    if (this.left === 0) this.listener?.bodyEnd([]);
  }

  private takeChunks(bytes: Buffer, chunks: ChunkedBody): void {
    const taken = chunks.push(bytes);
    // The request may have been answered on hearing its data.
    if (this.chunks !== chunks || chunks.state === 'open') return;
    if (chunks.state === 'bad') return this.refuseBody();
    this.chunks = undefined;
    if (taken < bytes.length) this.hold(bytes.subarray(taken));
    this.listener?.bodyEnd(chunks.trailers);
  }

  /** The present request ends as if its caller had hung up, who is told why unless an answer has begun. */
  private refuseBody(): void {
    const { listener, current } = this;
    this.current = undefined;
    this.listener = undefined;
    listener?.gone();
    if (current?.answering === true) this.socket.destroy();
    else {
      this.socket.write(errorText(400), 'latin1');
      this.since = this.shared.tick;
      this.leave();
    }
  }

  /** Puts back what belongs to the next request. */
  private hold(bytes: Buffer): void {
    this.socket.pause();
    this.socket.unshift(bytes);
  }

  pauseBody(caller: PlainCaller): void {
    if (caller === this.current && this.awaitsBody) this.socket.pause();
  }

  resumeBody(caller: PlainCaller): void {
    if (caller === this.current && this.awaitsBody) this.socket.resume();
  }

  /** From here on Node's parser reads, from the first byte of this request. */
  private handOver(bytes: Buffer): void {
    const { socket, shared } = this;
    shared.connections.delete(this);
    if (this.unread) this.readAgain();
    socket.off('data', this.onData).off('end', this.onEnd).off('close', this.onClose).off('drain', this.onDrain);
    socket.pause();
    socket.unshift(bytes);
    shared.options.notPlain(socket);
    socket.resume();
  }

  // ---- its answer

  private get stays(): boolean {
    // An answer that comes before the request is complete leaves bytes nobody wants on the connection.
    return !this.awaitsBody && !this.shared.options.closing();
  }

  connectionFields(): string {
    this.toldToLeave = !this.stays;
    return this.toldToLeave ? CLOSE : this.shared.keepAlive;
  }

  writeText(caller: PlainCaller, text: string): void {
    if (caller !== this.current) return;
    this.holdBack();
    this.socket.write(text, 'latin1');
  }

  /** False: wait for `writable` before writing more. */
  write(caller: PlainCaller, before: string, bytes: Buffer, after: string): boolean {
    if (caller !== this.current) return true;
    const { socket } = this;
    this.holdBack();
    if (before !== '') socket.write(before, 'latin1');
    socket.write(bytes);
    if (after !== '') socket.write(after, 'latin1');
    return !socket.writableNeedDrain;
  }

  answered(caller: PlainCaller): void {
    if (caller !== this.current) return;
    this.current = undefined;
    this.listener = undefined;
    this.early = NOTHING;
    this.since = this.shared.tick;
    if (this.toldToLeave || !this.stays) this.leave();
    else if (this.socket.isPaused()) this.socket.resume();
    if (!this.heldBack) this.noteUnread();
  }

  /** What is written in this turn leaves at its end, in one piece. */
  private holdBack(): void {
    if (this.heldBack) return;
    this.heldBack = true;
    this.socket.cork();
    atEndOfTurn(this);
  }

  flush(): void {
    this.heldBack = false;
    this.socket.uncork();
    if (this.current === undefined) this.noteUnread();
  }

  /** A caller who does not read what is already answered is no longer covered by the request's deadline. */
  private noteUnread(): void {
    if (this.socket.writableLength > 0) this.watchReader();
  }

  private watchReader(): void {
    this.unread = true;
    this.socket.setTimeout(UNREAD_MS, () => (this.socket.writableLength > 0 ? this.socket.destroy() : this.readAgain()));
  }

  private readAgain(): void {
    this.unread = false;
    this.socket.setTimeout(0);
    this.socket.removeAllListeners('timeout');
  }

  // ---- how it ends

  destroy(caller: PlainCaller): void {
    if (caller === this.current) this.socket.destroy();
  }

  /** Closing over bytes that were not read would tell the caller of a broken connection before it has read its answer. */
  private leave(): void {
    this.leaving = true;
    if (!this.awaitsBody) return this.socket.destroySoon();
    this.left = 0;
    this.chunks = undefined;
    this.socket.end();
    this.socket.resume();
  }

  closeIfIdle(): void {
    if (this.current === undefined && !this.leaving) this.socket.destroySoon();
  }

  /** Once a tick. */
  check(idleTicks: number): void {
    if (this.current !== undefined || this.socket.writableLength > 0) return;
    if (this.shared.tick - this.since > (this.leaving ? LINGER_TICKS : idleTicks)) this.socket.destroy();
  }
}

/** The plain side of HTTP/1.1. It listens nowhere itself: connections are handed to it. */
export class Plain {
  private readonly shared: Shared;
  private readonly ticker: NodeJS.Timeout;

  constructor(options: PlainOptions, onCaller: OnCaller) {
    const keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(options.idleMs / 1000)}\r\n`;
    this.shared = { options, onCaller, connections: new Set(), keepAlive, tick: 0, date: dateField() };
    this.ticker = setInterval(() => this.tick(), TICK_MS);
    this.ticker.unref();
  }

  accept(socket: Socket): void {
    this.shared.connections.add(new Connection(socket, this.shared));
  }

  private tick(): void {
    const { shared } = this;
    shared.tick++;
    shared.date = dateField();
    const idleTicks = (shared.options.idleMs + IDLE_MARGIN_MS) / TICK_MS;
    for (const connection of shared.connections) connection.check(idleTicks);
  }

  closeIdle(): void {
    for (const connection of this.shared.connections) connection.closeIfIdle();
  }

  close(): void {
    clearInterval(this.ticker);
  }
}
