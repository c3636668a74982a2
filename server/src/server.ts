// Puts a server together and starts it: listeners, models, state, the way it ends. Used by main.ts, tests and the library.
import net from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { ServerState } from '@slipway/api';
import { buildAdmin } from './admin.ts';
import { buildApp } from './app.ts';
import type { ServerConfig } from './config.ts';
import { buildGrpc } from './grpc.ts';
import { codeFolder } from './host/compile-cache.ts';
import { Drain } from './http/drain.ts';
import { createListener, type Handler, type Listener } from './http/listener.ts';
import { refreshGauges } from './metrics/gauges.ts';
import { buildParts, type Parts } from './parts.ts';
import { buildPlain } from './plain.ts';
import { modelKey, serverState } from './server-state.ts';

export interface RunningServer {
  /** Port of the API. */
  port: number;
  adminPort: number;
  parts: Parts;
  state: () => ServerState;
  /** Resolves when the models of MODEL_PATH are settled: ready or failed. */
  settled: Promise<void>;
  /** SIGTERM: accept for the drain delay, finish, close. Resolves when everything is closed. */
  drain(): Promise<void>;
  /** Closes at once. */
  close(): Promise<void>;
}

const DRAIN_POLL_MS = 20;

export async function startServer(config: ServerConfig): Promise<RunningServer> {
  const parts = buildParts(config);
  parts.manager.registry.settling = true; // from the first call on, until the models of MODEL_PATH are settled
  const drain = new Drain();
  let started = false;
  const state = (): ServerState => stateOf(config, parts, { started, draining: drain.state !== 'serving' });
  const ready = (): boolean => drain.state !== 'closed' && stateOf(config, parts, { started, draining: false }).phase === 'Ready';
  const ref: { listener?: Listener } = {};
  const facts = { config, parts, drain, state, ready };
  const grpc = buildGrpc(facts);
  const serverFactory = (handler: Handler): Listener['server'] => (ref.listener = createListener(handler, grpc)).server;
  const app = buildApp({ ...facts, serverFactory });
  const admin = buildAdmin({ config, manager: parts.manager, metrics: parts.metrics, state });
  parts.metrics.onScrape((metrics) => refreshGauges(metrics, parts, { revision: config.REVISION, ready }));
  const { listener } = ref;
  if (listener === undefined) throw new Error('Fastify did not ask for its server');
  // A path that Vertex AI chooses itself may be one of those that are taken there.
  if (config.AIP_PREDICT_ROUTE === undefined && config.AIP_HEALTH_ROUTE === undefined) listener.usePlain(buildPlain(facts));
  const open: Open = { app, admin, listener, aliases: await listen(config, app, admin, listener), drain };
  const settled = parts.manager.loadFrom(config.MODEL_PATH).finally(() => {
    started = true;
    parts.manager.registry.settling = false;
    report(config, parts, state());
  });
  return {
    port: portOf(app),
    adminPort: portOf(admin),
    parts,
    state,
    settled,
    close: () => close(open, parts),
    drain: () => drainAndClose(open, parts, config),
  };
}

/** Everything that listens. */
interface Open {
  app: FastifyInstance;
  admin: FastifyInstance;
  listener: Listener;
  aliases: net.Server[];
  drain: Drain;
}

async function close({ app, admin, listener, aliases }: Open, parts: Parts): Promise<void> {
  listener.destroy();
  await Promise.all([...aliases.map(closeNet), app.close(), admin.close()]);
  await Promise.all([parts.manager.close(), parts.thread.close()]);
}

async function drainAndClose(open: Open, parts: Parts, config: ServerConfig): Promise<void> {
  const { app, listener, aliases, drain } = open;
  drain.begin();
  parts.log.info({ seconds: config.DRAIN_DELAY_SECONDS }, 'draining: still serving, connections end with their answers');
  await delay(config.DRAIN_DELAY_SECONDS * 1000);
  for (const server of [app.server, ...aliases]) server.close();
  listener.closeIdle();
  await finish(parts, config.REQUEST_TIMEOUT_SECONDS * 1000, () => {
    listener.closeIdle();
  });
  drain.close();
  await close(open, parts);
}

async function listen(config: ServerConfig, app: FastifyInstance, admin: FastifyInstance, listener: Listener): Promise<net.Server[]> {
  await admin.listen({ port: config.ADMIN_PORT, host: config.adminHost });
  await app.listen({ port: config.PORT, host: config.HOST });
  return Promise.all(config.aliasPorts.map((port) => openAlias(port, config.HOST, listener)));
}

/** A further port of the same API. */
function openAlias(port: number, host: string, listener: Listener): Promise<net.Server> {
  const server = net.createServer({ noDelay: true }, (socket) => {
    listener.accept(socket);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      resolve(server);
    });
  });
}

function portOf(app: FastifyInstance): number {
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const closeNet = (server: net.Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until no call is under way, at most as long as one call may take. */
async function finish(parts: Parts, limitMs: number, tick: () => void): Promise<void> {
  const end = performance.now() + limitMs;
  while (parts.metrics.inFlight > 0 && performance.now() < end) {
    await delay(DRAIN_POLL_MS);
    tick();
  }
}

function stateOf(config: ServerConfig, parts: Parts, at: { started: boolean; draining: boolean }): ServerState {
  const entries = parts.manager.registry.entries();
  const keys = (pick: (entry: (typeof entries)[number]) => boolean): Set<string> => new Set(entries.filter(pick).map(modelKey));
  const { startFault } = parts.manager;
  return serverState({
    models: parts.manager.metadata().map((model) => ({ ...model, backend: parts.pool.report().name })),
    lazy: keys((entry) => entry.servable && entry.phase !== 'Ready'),
    lost: keys((entry) => entry.model !== undefined && entry.model.runner.alive === 0),
    startFault: startFault === undefined ? undefined : { reason: startFault.reason, message: startFault.message },
    ...at,
    behindRouter: config.BEHIND_ROUTER,
    backend: parts.pool.report().name,
    threads: config.threads,
    memoryBytes: process.memoryUsage.rss() + parts.pool.outsideBytes(),
  });
}

function report(config: ServerConfig, parts: Parts, state: ServerState): void {
  const backend = parts.pool.report();
  const line = { phase: state.phase, reason: state.reason, detail: state.message, backend: backend.name, threads: config.threads, memoryBudget: config.memoryBudget };
  if (state.phase === 'Failed') parts.log.error(line, 'nothing can be served');
  else parts.log.info(line, 'models settled');
  if (backend.detail !== undefined) parts.log.error({ detail: backend.detail }, 'NATIVE TENSORFLOW IS MISSING');
  const code = config.COMPILE_CACHE === undefined ? {} : codeFolder(config.COMPILE_CACHE);
  if ('fault' in code) parts.log.info({ detail: code.fault }, 'compiled JavaScript is not kept for the next start');
}
