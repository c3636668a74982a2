// Owns the listening ports of the route table and which protocol a new connection speaks, by its first bytes.
// Must not know requests or what a port's entry says.
import net from 'node:net';
import type { Socket } from 'node:net';

export interface Protocols {
  http1: (socket: Socket) => void;
  http2: (socket: Socket) => void;
}

export interface ListenOptions {
  /** Address; undefined: all. */
  host: string | undefined;
  /** Connections at once, over all ports; more are refused. */
  maxConnections: number;
  /** Milliseconds for the first bytes to arrive. */
  firstBytesMs: number;
  /** Milliseconds before a port that could not be opened is tried again. */
  retryMs: number;
  onPortError: (port: number, error: Error) => void;
  /** A connection was refused. */
  onRefused: () => void;
}

/** Three bytes tell: no method but HTTP/2's preface begins so. */
const PREFACE = Buffer.from('PRI');

class Port {
  readonly number: number;
  private readonly connections: Connections;
  private server: net.Server | undefined;
  private retry: NodeJS.Timeout | undefined;
  listening = false;

  constructor(number: number, connections: Connections) {
    this.number = number;
    this.connections = connections;
    this.open();
  }

  private open(): void {
    const { host, onPortError, retryMs } = this.connections.options;
    const server = net.createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) => this.connections.accept(socket));
    this.server = server;
    server.on('listening', () => {
      this.listening = true;
      this.connections.changed();
    });
    server.on('error', (error) => {
      this.listening = false;
      onPortError(this.number, error);
      this.connections.changed();
      this.retry = setTimeout(() => this.open(), retryMs);
    });
    server.listen({ host, port: this.number });
  }

  /** Accepts no more; connections that are open stay. */
  close(): void {
    clearTimeout(this.retry);
    this.listening = false;
    this.server?.removeAllListeners('listening');
    this.server?.close();
  }
}

export class Connections {
  readonly options: ListenOptions;
  private readonly protocols: Protocols;
  private readonly ports = new Map<number, Port>();
  private readonly sockets = new Set<Socket>();
  private readonly waiting = new Set<() => void>();
  /** Connections whose protocol is not known yet. */
  private readonly silent = new Set<Socket>();
  private onEmpty: (() => void) | undefined;

  constructor(options: ListenOptions, protocols: Protocols) {
    this.options = options;
    this.protocols = protocols;
  }

  /** Listens on exactly these ports. */
  set(wanted: Iterable<number>): void {
    const numbers = new Set(wanted);
    for (const [number, port] of this.ports) {
      if (numbers.has(number)) continue;
      port.close();
      this.ports.delete(number);
    }
    for (const number of numbers) {
      if (!this.ports.has(number)) this.ports.set(number, new Port(number, this));
    }
    this.changed();
  }

  isListening(port: number): boolean {
    return this.ports.get(port)?.listening === true;
  }

  get allListening(): boolean {
    for (const port of this.ports.values()) if (!port.listening) return false;
    return true;
  }

  get open(): number {
    return this.sockets.size;
  }

  /** Resolves once every port listens. */
  whenListening(): Promise<void> {
    if (this.allListening) return Promise.resolve();
    return new Promise((resolve) => this.waiting.add(resolve));
  }

  changed(): void {
    if (!this.allListening) return;
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }

  accept(socket: Socket): void {
    if (this.sockets.size >= this.options.maxConnections) {
      this.options.onRefused();
      socket.destroy();
      return;
    }
    this.sockets.add(socket);
    this.silent.add(socket);
    socket.on('close', () => this.closed(socket));
    socket.on('error', () => undefined);
    socket.setTimeout(this.options.firstBytesMs, () => socket.destroy());
    this.peek(socket);
  }

  private peek(socket: Socket, held: Buffer[] = []): void {
    socket.once('readable', () => {
      const more = socket.read() as Buffer | null;
      if (more === null) {
        socket.destroy();
        return;
      }
      const bytes = held.length === 0 ? more : Buffer.concat([...held, more]);
      const known = Math.min(bytes.length, PREFACE.length);
      const matches = bytes.subarray(0, known).equals(PREFACE.subarray(0, known));
      if (matches && known < PREFACE.length) return this.peek(socket, [bytes]);
      socket.unshift(bytes);
      this.hand(socket, matches);
    });
  }

  private closed(socket: Socket): void {
    this.sockets.delete(socket);
    this.silent.delete(socket);
    if (this.sockets.size === 0) this.onEmpty?.();
  }

  private hand(socket: Socket, isHttp2: boolean): void {
    this.silent.delete(socket);
    socket.setTimeout(0);
    socket.removeAllListeners('timeout');
    // Node's HTTP/1.1 answers callers who have ended their side; its HTTP/2 would keep their connections for ever.
    socket.allowHalfOpen = !isHttp2;
    if (isHttp2) this.protocols.http2(socket);
    else this.protocols.http1(socket);
  }

  /** Stops accepting, and ends connections that have not said anything yet. */
  close(): void {
    for (const port of this.ports.values()) port.close();
    for (const socket of this.silent) socket.destroy();
  }

  /** Resolves when no connection is open. */
  whenEmpty(): Promise<void> {
    if (this.sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.onEmpty = resolve));
  }

  /** Breaks off whatever is still open. */
  destroy(): void {
    this.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
