// Owns the process: settings, start order, signals. Must not hold logic: everything it calls is tested without it.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startAdmin } from './admin.ts';
import { createApp } from './app.ts';
import type { App } from './app.ts';
import { ConfigError, configOf, helpText } from './config.ts';
import type { Config } from './config.ts';
import { createDisk } from './disk.ts';
import { createLog } from './log.ts';
import type { Log } from './log.ts';

/** A ConfigMap deleted by hand is back from the operator well within this. */
const WITHDRAW_DELAY_MS = 10_000;
/** Ctrl-C: what is under way may end, but nobody waits long. */
const INTERRUPT_FINISH_MS = 2000;

function appOf(config: Config, log: Log): App {
  const disk = createDisk(path.join(config.stateDir, 'table.json'), (error) => log.warn({ error: String(error) }, 'table on disk'));
  return createApp({ ...config, disk, log, withdrawDelayMs: WITHDRAW_DELAY_MS, random: Math.random, now: () => performance.now() });
}

async function stop(config: Config, app: App, signal: NodeJS.Signals): Promise<void> {
  if (signal === 'SIGINT') await app.drain({ acceptUntil: Promise.resolve(), finishMs: INTERRUPT_FINISH_MS });
  else await app.drain({ acceptUntil: sleep(config.drainDelaySeconds * 1000) });
  await app.close();
}

function onSignals(config: Config, app: App, log: Log): void {
  let stopping = false;
  const handle = (signal: NodeJS.Signals): void => {
    log.info({ signal, underWay: app.underWay }, stopping ? 'leaving at once' : 'leaving');
    if (stopping) process.exit(1);
    stopping = true;
    void stop(config, app, signal).then(() => process.exit(0));
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
}

async function main(config: Config): Promise<void> {
  const log = createLog(config.logLevel, { component: 'router', pod: config.pod }, (line) => process.stdout.write(line));
  const app = appOf(config, log);
  onSignals(config, app, log);
  // Serving comes first: neither the disk nor the API server has to answer for the admin port to do so.
  const admin = await startAdmin({ port: config.adminPort, host: config.host, missing: () => app.routes.missing(), metrics: () => app.metricsText(), report: () => app.routes.report() });
  log.info({ adminPort: admin.port, namespace: config.namespace }, 'started');
  await app.routes.loadFromDisk();
  // Loaded only now: a router that was killed refuses callers until it listens again, and the client of the API server is most of its code.
  const { followCluster } = await import('./kubernetes.ts');
  await followCluster({ env: process.env, namespace: config.namespace, routes: app.routes, log, random: Math.random, withdrawDelayMs: WITHDRAW_DELAY_MS });
}

function run(): void {
  if (process.argv.includes('--help')) {
    process.stdout.write(helpText());
    return;
  }
  try {
    main(configOf(process.env)).catch((error: unknown) => {
      process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
      process.exit(1);
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\nSee --help.\n`);
    process.exit(2);
  }
}

run();
