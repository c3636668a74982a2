// Owns connections whose requests are all plain (docs/adr/0013): reads each request from the bare socket and writes its answer at once, with a
// fraction of the objects that node:http makes for it. The first request that is not plain, or that nobody here takes, takes its connection
// to Node's parser for good, with every byte of it unread. Must not know what is asked, nor refuse anything.
import type { Socket } from 'node:net';
import { readPlainHead, type PlainHead } from '@slipway/api/http1';
import { LastHead } from './last-head.ts';

/** Who waits for an answer. */
export interface PlainCaller {
  /** The caller hung up: nobody reads an answer any more. */
  readonly aborted: boolean;
  /**
   * @param head status line and fields, each with its line end; what the connection itself has to say is added
   * @param bytes of the body
   */
  answer(head: string, body: string | Buffer, bytes: number): void;
}

/** Answers one request, once, whatever happens; the body is all there. */
export type PlainCall = (body: Buffer, caller: PlainCaller) => void;

export interface PlainOptions {
  /** False once no further request is taken here. */
  open: () => boolean;
  /** Who answers requests with this head here, always; undefined: nobody, they go to Node's parser. */
  take: (head: PlainHead) => PlainCall | undefined;
  /** Takes a connection over, with what was read of it put back. */
  notPlain: (socket: Socket) => void;
  maxHeaderBytes: number;
  /** Larger bodies are not read here. */
  maxBodyBytes: number;
  /** Milliseconds that an idle connection is kept; callers are told so. */
  idleMs: number;
}

const TICK_MS = 1000;
/** An idle connection is kept this much longer than callers are told, for requests that are on their way. */
const IDLE_MARGIN_MS = 1000;
/** Ticks that the rest of a body may take; then the request is for Node's parser, which has limits for that. */
const BODY_TICKS = 2;

/** Bodies up to this are joined to their head. */
const JOIN_MAX = 16 * 1024;

/** A head that was read, and who answers it. */
interface Taken {
  call: PlainCall;
  /** Bytes of the head and of the body. */
  size: number;
  length: number;
}

/** A request whose body is not all there yet. */
interface Waiting extends Taken {
  chunks: Buffer[];
  /** Bytes of the head and the body that are here. */
  have: number;
  since: number;
}

/** Small bodies as Latin-1 text, which carries any bytes: text of ASCII, as most is, is that already. Large ones as bytes. */
function latin1Of(body: string | Buffer, bytes: number): string | Buffer {
  if (bytes > JOIN_MAX) return typeof body === 'string' ? Buffer.from(body) : body;
  if (typeof body !== 'string') return body.toString('latin1');
  return body.length === bytes ? body : Buffer.from(body).toString('latin1');
}

class Caller implements PlainCaller {
  aborted = false;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  answer(head: string, body: string | Buffer, bytes: number): void {
    this.#connection.answer(this, head, latin1Of(body, bytes));
  }
}

class Connection {
  readonly #all: PlainConnections;
  readonly #socket: Socket;
  #current: Caller | undefined;
  #waiting: Waiting | undefined;
  readonly #last = new LastHead<Taken>();
  /** Tick since which it is idle. */
  #since: number;

  constructor(socket: Socket, all: PlainConnections) {
    this.#socket = socket;
    this.#all = all;
    this.#since = all.tick;
    socket.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose).on('drain', this.#onDrain);
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#current !== undefined) this.#hold(bytes);
    else if (this.#waiting !== undefined) this.#more(this.#waiting, bytes);
    else this.#begin(bytes);
  };

  /** As with Node's server, a caller that ends its side has hung up. */
  readonly #onEnd = (): void => {
    this.#socket.end();
  };

  /** The caller reads again: its next request may come. */
  readonly #onDrain = (): void => {
    if (this.#current === undefined) this.#socket.resume();
  };

  readonly #onError = (): void => {
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#all.forget(this);
    if (this.#current !== undefined) this.#current.aborted = true;
    this.#current = undefined;
    this.#waiting = undefined;
  };

  #begin(bytes: Buffer): void {
    const taken = this.#all.options.open() ? (this.#last.find(bytes) ?? this.#read(bytes)) : undefined;
    if (taken === undefined) return this.#handOver(bytes);
    if (bytes.length >= taken.size + taken.length) this.#start(taken, bytes);
    else this.#waiting = { ...taken, chunks: [bytes], have: bytes.length, since: this.#all.tick };
  }

  #read(bytes: Buffer): Taken | undefined {
    const { take, maxHeaderBytes, maxBodyBytes } = this.#all.options;
    const head = readPlainHead(bytes, maxHeaderBytes);
    const call = head === undefined || head.chunked || head.length > maxBodyBytes ? undefined : take(head);
    return head === undefined || call === undefined ? undefined : this.#last.keep(bytes, head.size, { call, size: head.size, length: head.length });
  }

  #more(waiting: Waiting, bytes: Buffer): void {
    waiting.chunks.push(bytes);
    waiting.have += bytes.length;
    if (waiting.have < waiting.size + waiting.length) return;
    this.#waiting = undefined;
    this.#start(waiting, Buffer.concat(waiting.chunks));
  }

  #start({ call, size, length }: Taken, bytes: Buffer): void {
    const end = size + length;
    const caller = new Caller(this);
    this.#current = caller;
    if (bytes.length > end) this.#hold(bytes.subarray(end));
    call(bytes.subarray(size, end), caller);
  }

  /** Puts back what belongs to the next request, until this one is answered. */
  #hold(bytes: Buffer): void {
    this.#socket.pause();
    this.#socket.unshift(bytes);
  }

  /** From here on Node's parser reads, from the first byte of this request. */
  #handOver(bytes: Buffer): void {
    const socket = this.#socket;
    this.#all.forget(this);
    this.#waiting = undefined;
    socket.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError).off('close', this.#onClose).off('drain', this.#onDrain);
    socket.pause();
    socket.unshift(bytes);
    this.#all.options.notPlain(socket);
    socket.resume();
  }

  answer(caller: Caller, head: string, body: string | Buffer): void {
    if (caller !== this.#current) return;
    this.#current = undefined;
    this.#since = this.#all.tick;
    if (this.#socket.writable) this.#write(`${head}${this.#all.fields}`, body);
    // A caller that sends and does not read must not fill the memory: nothing more is read of it until its answers have left.
    if (this.#socket.writableNeedDrain) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** A small body leaves with its head in one write. */
  #write(head: string, body: string | Buffer): void {
    const socket = this.#socket;
    if (typeof body === 'string') {
      socket.write(head + body, 'latin1');
      return;
    }
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(body);
    socket.uncork();
  }

  get idle(): boolean {
    return this.#current === undefined && this.#waiting === undefined && this.#socket.writableLength === 0;
  }

  closeIfIdle(): void {
    if (this.idle) this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Once a tick. */
  check(idleTicks: number): void {
    const { tick } = this.#all;
    if (this.#waiting !== undefined && tick - this.#waiting.since >= BODY_TICKS) this.#handOver(Buffer.concat(this.#waiting.chunks));
    else if (this.idle && tick - this.#since > idleTicks) this.#socket.destroy();
  }
}

/** All connections whose requests have been plain so far. It listens nowhere itself: connections are handed to it. */
export class PlainConnections {
  readonly options: PlainOptions;
  readonly #connections = new Set<Connection>();
  readonly #ticker: NodeJS.Timeout;
  readonly #keepAlive: string;
  tick = 0;
  /** What every answer says of its connection, with the end of the head. */
  fields: string;

  constructor(options: PlainOptions) {
    this.options = options;
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${String(Math.floor(options.idleMs / 1000))}\r\n\r\n`;
    this.fields = this.#fieldsNow();
    this.#ticker = setInterval(() => {
      this.#next();
    }, TICK_MS);
    this.#ticker.unref();
  }

  accept(socket: Socket): void {
    this.#connections.add(new Connection(socket, this));
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  closeIdle(): void {
    for (const connection of this.#connections) connection.closeIfIdle();
  }

  destroy(): void {
    clearInterval(this.#ticker);
    for (const connection of this.#connections) connection.destroy();
  }

  #next(): void {
    this.tick += 1;
    this.fields = this.#fieldsNow();
    const idleTicks = (this.options.idleMs + IDLE_MARGIN_MS) / TICK_MS;
    for (const connection of this.#connections) connection.check(idleTicks);
  }

  readonly #fieldsNow = (): string => `Date: ${new Date().toUTCString()}\r\n${this.#keepAlive}`;
}
