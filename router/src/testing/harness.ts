// Owns what the router's tests run against: real upstream servers on loopback addresses (each stands for a pod), a router in this
// process, and callers. Everything started here is ended by `close`.
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import type { RouteBackend, RouteEntry } from '@slipway/api';
import { freePort } from '../../../tools/free-port.ts';
import { createApp } from '../app.ts';
import type { App, AppOptions } from '../app.ts';
import type { Disk } from '../disk.ts';
import { createLog } from '../log.ts';

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
  text: string;
}

type ByRole = Partial<Record<RouteBackend['role'], readonly Upstream[]>>;

export interface CallOptions {
  method?: string;
  path?: string;
  headers?: http.OutgoingHttpHeaders | string[];
  body?: string | Buffer;
  agent?: http.Agent;
}

const closers: (() => Promise<void> | void)[] = [];

/** Ends everything that was started since the last call. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

export function onClose(close: () => Promise<void> | void): void {
  closers.push(close);
}

/** Listens on a free port and resolves with it. */
export function listen(server: net.Server, host = '127.0.0.1', port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => resolve((server.address() as AddressInfo).port));
  });
}

export interface Upstream {
  readonly host: string;
  readonly port: number;
  /** Requests begun. */
  readonly hits: () => number;
  /** Connections opened so far. */
  readonly connections: () => number;
  readonly stop: () => Promise<void>;
}

let nextHost = 2;

/** A loopback address of its own, as a pod has one. */
export const podAddress = (): string => `127.1.${(nextHost >> 8) & 255}.${nextHost++ & 255}`;

/** An HTTP/1.1 pod. The target port of a route is one for all its pods, so `port` can be given. */
export async function http1Pod(handler: http.RequestListener, port = 0, host = podAddress()): Promise<Upstream> {
  let hits = 0;
  let connections = 0;
  const server = http.createServer((req, res) => {
    hits++;
    handler(req, res);
  });
  server.on('connection', () => connections++);
  return upstreamOf(server, { host, port, hits: () => hits, connections: () => connections });
}

/** A pod that speaks whatever `handler` makes of the bytes. */
export async function rawPod(handler: (socket: net.Socket, connection: number) => void, port = 0, host = podAddress()): Promise<Upstream> {
  let connections = 0;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    handler(socket, ++connections);
  });
  const stop = (): void => sockets.forEach((socket) => socket.destroy());
  return upstreamOf(server, { host, port, hits: () => connections, connections: () => connections }, stop);
}

/** A cleartext HTTP/2 pod. */
export async function http2Pod(handler: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void, port = 0, host = podAddress()): Promise<Upstream> {
  let hits = 0;
  let connections = 0;
  const server = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => {
    connections++;
    sessions.add(session);
  });
  server.on('stream', (stream, headers) => {
    hits++;
    stream.on('error', () => undefined);
    handler(stream, headers);
  });
  const stop = (): void => sessions.forEach((session) => session.destroy());
  return upstreamOf(server, { host, port, hits: () => hits, connections: () => connections }, stop);
}

type Counts = Pick<Upstream, 'host' | 'hits' | 'connections'> & { port: number };

async function upstreamOf(server: net.Server, { host, port, hits, connections }: Counts, end?: () => void): Promise<Upstream> {
  const actual = await listen(server, host, port);
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopped ??= new Promise((resolve) => {
      server.close(() => resolve());
      end?.();
      if (server instanceof http.Server) server.closeAllConnections();
    }));
  onClose(stop);
  return { host, port: actual, hits, connections, stop };
}

export const backend = (role: RouteBackend['role'], weight: number, modelVersion: string): RouteBackend => ({ revision: `svc-${role}`, role, weight, modelVersion });

export interface Router {
  app: App;
  /** Public and preview port of the one service. */
  port: number;
  previewPort: number;
  /** Changes the entry; its sequence rises. */
  route(over: Partial<RouteEntry>): void;
  /** Says which pods the revisions have: by role. */
  pods(byRole: ByRole, unready?: ByRole): void;
  call(options?: CallOptions): Promise<Answer>;
  metric(name: string, labels?: string): number;
}

export interface RouterOptions {
  targetPort: number;
  route?: Partial<RouteEntry>;
  app?: Partial<AppOptions>;
  disk?: Disk;
  ports?: { public: number; preview: number };
  random?: () => number;
}

export function appOptions(over: Partial<AppOptions> = {}): AppOptions {
  return {
    pod: 'router-0',
    host: '127.0.0.1',
    maxBodyBytes: 8 * 1024 * 1024,
    maxHeaderBytes: 16 * 1024,
    maxConnections: 1000,
    connectTimeoutMs: 1000,
    headTimeoutMs: 15_000,
    accessLog: 0,
    withdrawDelayMs: 0,
    disk: undefined,
    log: createLog('silent', {}, () => undefined),
    random: () => 0.5,
    now: () => performance.now(),
    ...over,
  };
}

/** One HTTP/1.1 request with a body or without, answered whole. */
export function call(port: number, options: CallOptions = {}): Promise<Answer> {
  const { method = options.body === undefined ? 'GET' : 'POST', path = '/predict', headers = {}, body, agent } = options;
  return new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port, method, path, headers, agent: agent ?? new http.Agent() }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        const all = Buffer.concat(chunks);
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: all, text: all.toString() });
      });
    });
    req.on('error', reject);
    req.end(body);
  });
}

/** Sends these bytes on a connection of its own and resolves with everything that comes back until it is closed. */
export function rawCall(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? undefined : reject(error)));
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
    socket.write(bytes);
  });
}

/** Value of a metric whose label text contains `labels`, summed; 0 if there is none. */
export function metricOf(text: string, name: string, labels = ''): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
    if (line.includes(labels)) sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}

const addressesOf = (byRole: ByRole): Map<string, string[]> => new Map(Object.entries(byRole).map(([role, pods = []]) => [`svc-${role}`, pods.map((p) => p.host)]));

/** A router with one service, listening. */
export async function startRouter(options: RouterOptions): Promise<Router> {
  const app = createApp(appOptions({ ...options.app, ...(options.disk === undefined ? {} : { disk: options.disk }), ...(options.random === undefined ? {} : { random: options.random }) }));
  onClose(() => app.close());
  const ports = options.ports ?? { public: await freePort(), preview: await freePort() };
  let entry: RouteEntry = {
    schema: 1,
    uid: 'uid-1',
    sequence: 1,
    namespace: 'ns',
    name: 'svc',
    ports,
    targetPort: options.targetPort,
    backends: [backend('stable', 100, 'v1')],
    timeoutSeconds: 20,
    retry: 'Auto',
    ...options.route,
  };
  const offer = (): void => app.routes.offer('svc-route', JSON.stringify(entry));
  offer();
  app.routes.markSynced(new Set(['svc-route']));
  await app.whenListening();
  return {
    app,
    port: ports.public,
    previewPort: ports.preview,
    route(over) {
      entry = { ...entry, ...over, sequence: entry.sequence + 1 };
      offer();
    },
    pods: (byRole, unready = {}) => app.routes.setAddresses(addressesOf(byRole), addressesOf(unready)),
    call: (callOptions) => call(ports.public, callOptions),
    metric: (name, labels) => metricOf(app.metricsText(), name, labels),
  };
}

/** Resolves once `condition` holds; rejects after `ms` milliseconds, naming it. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
