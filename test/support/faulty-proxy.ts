// A TLS proxy in front of a real API server that misbehaves in chosen ways, and counts what is asked of it. It shows the API server's own
// certificate, so a client needs nothing but another address. Must not know what is tested.
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import path from 'node:path';
import type { ApiServer } from './apiserver.ts';
import { WatchLines } from './watch-lines.ts';

/** What goes wrong, from `inject` to `heal`. */
export type Fault =
  /** Connections are cut with a reset, those of open watches too. */
  | { kind: 'reset' }
  /** Nothing is answered any more, and open watches fall silent for ever; connections stay open. */
  | { kind: 'half-open' }
  /** HTTP status instead of an answer; Retry-After in seconds. */
  | { kind: 'status'; status: 410 | 429 | 500; retryAfter?: number }
  /** Watches, open ones too, are told 410 in an ERROR event. */
  | { kind: 'gone-event' }
  /** Answers come 64 bytes at a time. */
  | { kind: 'slow' }
  /** Answers and watches end in the middle: of a list's JSON, of an event's line. */
  | { kind: 'truncated' }
  /** An event's line is cut in the middle, and the watch goes on. */
  | { kind: 'garbled' }
  /** Every event comes twice. */
  | { kind: 'duplicated' }
  /** Two events change places. */
  | { kind: 'reordered' };

/** Each of them once, by a name for tests. */
export const FAULTS: Record<string, Fault> = {
  reset: { kind: 'reset' },
  'half-open': { kind: 'half-open' },
  '410 over HTTP': { kind: 'status', status: 410 },
  '410 in the watch': { kind: 'gone-event' },
  '429 with Retry-After': { kind: 'status', status: 429, retryAfter: 1 },
  '500': { kind: 'status', status: 500 },
  'slow bytes': { kind: 'slow' },
  'answers cut off': { kind: 'truncated' },
  'a line cut off': { kind: 'garbled' },
  'events twice': { kind: 'duplicated' },
  'events out of order': { kind: 'reordered' },
};

export interface Asked {
  method: string;
  /** With the query. */
  url: string;
  watch: boolean;
  /** performance.now() of the request and, if the proxy itself refused it, of that answer. */
  at: number;
  refusedAt?: number;
}

export interface FaultyProxy {
  /** Path of a kubeconfig of the administrator that leads here. */
  readonly kubeconfig: string;
  readonly url: string;
  /** Every request since the start. */
  readonly asked: Asked[];
  /** How often the present fault has struck. */
  readonly struck: number;
  /** Open connections of clients. */
  readonly connections: number;
  inject(fault: Fault): void;
  heal(): void;
  stop(): Promise<void>;
}

const GONE = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'too old resource version', reason: 'Expired', code: 410 };
const REASONS = { 410: 'Expired', 429: 'TooManyRequests', 500: 'InternalError' } as const;
const PIECE = 64;

class Proxy implements FaultyProxy {
  readonly asked: Asked[] = [];
  readonly kubeconfig: string;
  struck = 0;
  private readonly target: ApiServer;
  private readonly server;
  private readonly agent: Agent;
  private readonly sockets = new Set<Socket>();
  private readonly watches = new Set<ServerResponse>();
  /** Answers that never go on. */
  private readonly silent = new WeakSet<ServerResponse>();
  private readonly lines = new Map<ServerResponse, WatchLines>();
  /** What is still to trickle out, by answer. */
  private readonly trickles = new Map<ServerResponse, { data: Buffer; last: boolean }>();
  private fault: Fault | undefined;

  constructor(target: ApiServer, name: string) {
    this.target = target;
    this.agent = new Agent({ keepAlive: true, ca: target.ca });
    this.kubeconfig = path.join(target.folder, `${name}.kubeconfig`);
    const certificates = path.join(target.folder, 'certificates');
    const [cert, key] = ['crt', 'key'].map((end) => readFileSync(path.join(certificates, `apiserver.${end}`)));
    this.server = createServer({ cert, key, keepAliveTimeout: 60_000, requestTimeout: 0 }, (incoming, answer) => this.serve(incoming, answer));
    this.server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      // A reset that meets a connection just being closed fails, and such a socket never says that it is closed.
      const forget = (): boolean => this.sockets.delete(socket);
      socket.on('error', forget).on('close', forget);
    });
    this.server.on('tlsClientError', () => undefined);
  }

  get url(): string {
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get connections(): number {
    return this.sockets.size;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    writeFileSync(this.kubeconfig, readFileSync(this.target.kubeconfig, 'utf8').replace(this.target.url, this.url), { mode: 0o600 });
    return this;
  }

  inject(fault: Fault): void {
    this.fault = fault;
    this.struck = 0;
    for (const lines of this.lines.values()) lines.mode = modeOf(fault);
    for (const watch of [...this.watches]) this.strikeOpen(fault, watch);
  }

  heal(): void {
    this.fault = undefined;
    for (const [answer, lines] of this.lines) this.write(answer, lines.heal());
  }

  async stop(): Promise<void> {
    this.trickles.clear();
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    this.agent.destroy();
    await closed;
  }

  /** What a fault does to a watch that is open already. */
  private strikeOpen(fault: Fault, answer: ServerResponse): void {
    if (fault.kind === 'reset') this.reset(answer);
    else if (fault.kind === 'half-open') this.fallSilent(answer);
    else if (fault.kind === 'gone-event') this.tellGone(answer);
  }

  private serve(incoming: IncomingMessage, answer: ServerResponse): void {
    const { method = 'GET', url = '/' } = incoming;
    const asked: Asked = { method, url, watch: new URL(url, 'http://x').searchParams.get('watch') === 'true', at: performance.now() };
    this.asked.push(asked);
    answer.on('error', () => undefined);
    if (!this.strikesNew(asked, answer)) this.forward(incoming, answer, asked.watch);
    else incoming.resume();
  }

  /** Whether the fault answered (or never will) in the API server's place. */
  private strikesNew(asked: Asked, answer: ServerResponse): boolean {
    const { fault } = this;
    if (fault?.kind === 'reset') this.reset(answer);
    else if (fault?.kind === 'half-open') this.fallSilent(answer);
    else if (fault?.kind === 'status') this.refuse(fault, asked, answer);
    else if (fault?.kind === 'gone-event' && asked.watch) this.tellGone(answer);
    else return false;
    return true;
  }

  private reset(answer: ServerResponse): void {
    this.struck++;
    // The TCP socket below TLS is the one that can be reset.
    const { remotePort } = answer.socket ?? {};
    const raw = [...this.sockets].find((socket) => socket.remotePort === remotePort);
    (raw ?? answer.socket)?.resetAndDestroy();
  }

  private fallSilent(answer: ServerResponse): void {
    this.struck++;
    this.silent.add(answer);
  }

  private refuse({ status, retryAfter }: Fault & { kind: 'status' }, asked: Asked, answer: ServerResponse): void {
    this.struck++;
    answer.writeHead(status, { 'content-type': 'application/json', ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }) });
    answer.end(JSON.stringify({ ...GONE, reason: REASONS[status], code: status, message: `the proxy says ${status}` }));
    asked.refusedAt = performance.now();
  }

  private tellGone(answer: ServerResponse): void {
    this.struck++;
    if (!answer.headersSent) answer.writeHead(200, { 'content-type': 'application/json' });
    answer.end(`${JSON.stringify({ type: 'ERROR', object: GONE })}\n`);
  }

  private forward(incoming: IncomingMessage, answer: ServerResponse, watch: boolean): void {
    const { host: _host, connection: _connection, ...headers } = incoming.headers;
    const upstream = request(`${this.target.url}${incoming.url}`, { method: incoming.method, headers, agent: this.agent }, (response) => this.relay(response, answer, watch));
    upstream.on('error', () => answer.destroy());
    answer.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  }

  private relay(response: IncomingMessage, answer: ServerResponse, watch: boolean): void {
    response.on('error', () => answer.destroy());
    if (this.silent.has(answer)) return;
    const { 'content-length': _length, 'transfer-encoding': _encoding, connection: _connection, ...headers } = response.headers;
    answer.writeHead(response.statusCode ?? 502, headers).flushHeaders();
    if (watch && response.statusCode === 200) this.relayWatch(response, answer);
    else void this.relayWhole(response, answer);
  }

  private relayWatch(response: IncomingMessage, answer: ServerResponse): void {
    const lines = new WatchLines(modeOf(this.fault), () => this.struck++);
    this.watches.add(answer);
    this.lines.set(answer, lines);
    answer.on('close', () => {
      this.watches.delete(answer);
      this.lines.delete(answer);
    });
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      const { out, ends } = lines.take(text);
      if (out !== '') this.write(answer, out);
      if (ends) answer.end();
    });
    response.on('end', () => answer.end());
  }

  private async relayWhole(response: IncomingMessage, answer: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const cut = this.fault?.kind === 'truncated' && body.length > 1;
    if (cut) this.struck++;
    this.write(answer, cut ? body.subarray(0, body.length / 2) : body, true);
  }

  private write(answer: ServerResponse, data: string | Buffer, last = false): void {
    if (this.silent.has(answer)) return;
    if (this.fault?.kind === 'slow' || this.trickles.has(answer)) return this.trickle(answer, Buffer.from(data), last);
    if (data.length > 0) answer.write(data);
    if (last) answer.end();
  }

  private trickle(answer: ServerResponse, data: Buffer, last: boolean): void {
    this.struck++;
    const under = this.trickles.get(answer);
    this.trickles.set(answer, { data: Buffer.concat([under?.data ?? Buffer.alloc(0), data]), last });
    if (under === undefined) this.drip(answer);
  }

  private drip(answer: ServerResponse): void {
    const left = this.trickles.get(answer);
    if (left === undefined || answer.destroyed) return void this.trickles.delete(answer);
    const { data, last } = left;
    answer.write(data.subarray(0, PIECE));
    if (data.length > PIECE) {
      this.trickles.set(answer, { data: data.subarray(PIECE), last });
      return void setTimeout(() => this.drip(answer), 1);
    }
    this.trickles.delete(answer);
    if (last) answer.end();
  }
}

const LINE_FAULTS = ['truncated', 'garbled', 'duplicated', 'reordered'] as const;
const modeOf = (fault: Fault | undefined): (typeof LINE_FAULTS)[number] | undefined => LINE_FAULTS.find((kind) => kind === fault?.kind);

let proxies = 0;

/** A proxy that behaves until a fault is injected. */
export const startFaultyProxy = (target: ApiServer): Promise<FaultyProxy> => new Proxy(target, `proxy-${++proxies}`).start();
