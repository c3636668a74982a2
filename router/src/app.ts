// Owns how the parts of the router are put together, and how they are taken down without losing a request.
// Must not know Kubernetes, the environment or signals.
import { Deadlines } from './deadlines.ts';
import type { Disk } from './disk.ts';
import { Connections } from './downstream/connections.ts';
import { createHttp1 } from './downstream/http1.ts';
import { createHttp2 } from './downstream/http2.ts';
import { Plain } from './downstream/plain.ts';
import type { Ended } from './exchange.ts';
import { readGauges } from './metrics/gauges.ts';
import { Metrics } from './metrics/metrics.ts';
import type { Log } from './log.ts';
import { createProxy } from './proxy.ts';
import { Budget } from './request-body.ts';
import { Routes } from './routes.ts';
import { Pods } from './upstream/pods.ts';

export interface AppOptions {
  pod: string;
  host: string | undefined;
  maxBodyBytes: number;
  maxHeaderBytes: number;
  maxConnections: number;
  connectTimeoutMs: number;
  /** Milliseconds for a request's head to arrive. */
  headTimeoutMs: number;
  /** Part of the requests that is logged. */
  accessLog: number;
  withdrawDelayMs: number;
  disk: Disk | undefined;
  log: Log;
  /** A number in [0,1). */
  random: () => number;
  /** Milliseconds on a monotonic clock. */
  now: () => number;
}

export interface DrainOptions {
  /** New connections are still accepted until this resolves. */
  acceptUntil: Promise<unknown>;
  /** Milliseconds after that for what is under way; default: the longest timeout of any entry. */
  finishMs?: number;
}

export interface App {
  readonly routes: Routes;
  readonly metrics: Metrics;
  metricsText(): string;
  /** Requests under way. */
  readonly underWay: number;
  /** Resolves when every port of the table listens. */
  whenListening(): Promise<void>;
  /** Takes the router down: keeps accepting for a while, asks callers to leave, then finishes what is under way. */
  drain(options: DrainOptions): Promise<void>;
  /** Breaks off whatever is left. */
  close(): Promise<void>;
}

const MIB = 1024 * 1024;
/** Bodies up to this are waited for before a pod is chosen. */
const WAIT_FOR_BODY = 64 * 1024;
const REPLAY_MAX = MIB;
const REPLAY_BUDGET = 32 * MIB;
const MAX_ATTEMPTS = 5;
const UPSTREAM_IDLE_MS = 30_000;
const DOWNSTREAM_IDLE_MS = 75_000;
const PORT_RETRY_MS = 500;
const MAX_STREAMS = 256;
const FORGET_MS = 10 * 60_000;
const AVOID_MS = { first: 250, longest: 5000 };

/** Counts what is under way and tells when there is nothing left. */
class UnderWay {
  count = 0;
  private onNone: (() => void) | undefined;

  leave(): void {
    this.count--;
    if (this.count === 0) this.onNone?.();
  }

  whenNone(): Promise<void> {
    return this.count === 0 ? Promise.resolve() : new Promise((resolve) => (this.onNone = resolve));
  }
}

/** Resolves with `done` or after `ms` milliseconds, whichever is first. */
async function atMost(ms: number, done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([done, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}

function accessLogger({ log, accessLog, random }: AppOptions): (end: Ended) => void {
  if (accessLog === 0) return () => undefined;
  return ({ exchange, status, ms }) => {
    if (random() >= accessLog) return;
    const { caller, outgoing, requestId, binding } = exchange.request;
    log.info({ requestId, inferenceservice: binding.entry.route.name, revision: exchange.revision, method: caller.method, path: outgoing.path, status, ms: Math.round(ms * 10) / 10 }, 'request');
  };
}

interface Parts {
  options: AppOptions;
  closing: () => boolean;
  pods: Pods;
  metrics: Metrics;
  deadlines: Deadlines;
  underWay: UnderWay;
  table: () => Routes['table'];
}

function proxyOf({ options, pods, metrics, deadlines, underWay, table }: Parts): ReturnType<typeof createProxy> {
  const logEnd = accessLogger(options);
  return createProxy({
    table,
    pods,
    deadlines,
    now: options.now,
    random: options.random,
    waitForBody: WAIT_FOR_BODY,
    maxAttempts: MAX_ATTEMPTS,
    body: { replayMax: REPLAY_MAX, max: options.maxBodyBytes, budget: new Budget(REPLAY_BUDGET) },
    seriesOf: (binding, backend) => metrics.of(binding.entry.route.name, backend),
    begun: () => underWay.count++,
    ended: (end) => {
      underWay.leave();
      logEnd(end);
    },
  });
}

interface Downstream {
  connections: Connections;
  plain: Plain;
  http1: ReturnType<typeof createHttp1>;
  http2: ReturnType<typeof createHttp2>;
}

/** The sides that callers see, on ports that the table will name. */
function downstreamOf(parts: Parts): Downstream {
  const { options, closing, metrics } = parts;
  const proxy = proxyOf(parts);
  const { maxHeaderBytes, maxConnections, headTimeoutMs, host, log } = options;
  const http1 = createHttp1({ maxHeaderBytes, headTimeoutMs, idleMs: DOWNSTREAM_IDLE_MS, closing }, proxy);
  const plain = new Plain({ maxHeaderBytes, idleMs: DOWNSTREAM_IDLE_MS, closing, notPlain: (socket) => void http1.emit('connection', socket) }, proxy);
  const http2 = createHttp2({ maxHeaderBytes, maxStreams: MAX_STREAMS, closing }, proxy);
  const connections = new Connections(
    {
      host,
      maxConnections,
      firstBytesMs: headTimeoutMs,
      retryMs: PORT_RETRY_MS,
      onPortError: (port, error) => log.error({ port, error: error.message }, 'port cannot be opened; trying again'),
      onRefused: () => metrics.refusedConnections++,
    },
    { http1: (socket) => plain.accept(socket), http2: (socket) => http2.accept(socket) },
  );
  return { connections, plain, http1, http2 };
}

/** Asks callers to leave, accepts until then those who have not heard of it, then lets go of all who are not being served. */
async function leave({ connections, plain, http1, http2 }: Downstream, acceptUntil: Promise<unknown>): Promise<void> {
  http2.announceClosing();
  await acceptUntil;
  connections.close();
  plain.closeIdle();
  http1.closeIdleConnections();
  http2.close();
}

/** A router that serves nothing yet: its routes take entries and addresses in at any time. */
export function createApp(options: AppOptions): App {
  const { now, log, disk, withdrawDelayMs, pod } = options;
  const state = { closing: false };
  const pods = new Pods({ connectTimeoutMs: options.connectTimeoutMs, idleMs: UPSTREAM_IDLE_MS, now, avoidMs: AVOID_MS });
  const metrics = new Metrics();
  const deadlines = new Deadlines(now);
  const underWay = new UnderWay();
  const parts = { options, closing: () => state.closing, pods, metrics, deadlines, underWay, table: () => routes.table };
  const down = downstreamOf(parts);
  const { connections, plain, http1 } = down;
  const routes: Routes = new Routes({ pod, pods, connections, disk, log, withdrawDelayMs });
  const forgetting = setInterval(() => metrics.keep((isvc, revision) => routes.knows(isvc, revision)), FORGET_MS);
  forgetting.unref();

  return {
    routes,
    metrics,
    metricsText: () => metrics.text(() => readGauges({ routes, connections, pods })),
    get underWay() {
      return underWay.count;
    },
    whenListening: () => connections.whenListening(),
    drain: async ({ acceptUntil, finishMs }) => {
      state.closing = true;
      await leave(down, acceptUntil);
      // An answer that was given has still to reach its caller: connections end when it has.
      await atMost(finishMs ?? routes.longestTimeoutMs(), Promise.all([underWay.whenNone(), connections.whenEmpty()]));
    },
    close: async () => {
      clearInterval(forgetting);
      routes.close();
      connections.destroy();
      plain.close();
      http1.close();
      pods.close();
      deadlines.stop();
      await disk?.settled();
    },
  };
}
