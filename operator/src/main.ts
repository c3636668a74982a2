// Owns starting and stopping the operator process. No logic: it builds the parts, hands them to each other and waits for a signal.
import { connect, createClient, createTransport, systemClock } from '@slipway/kube';
import type { Client, Connection } from '@slipway/kube';
import { ConfigError, helpText, loadConfig } from './config.ts';
import type { OperatorConfig } from './config.ts';
import { createOperator } from './operator.ts';
import { createLog } from './runtime/log.ts';
import type { Log } from './runtime/log.ts';
import { createMetrics } from './runtime/metrics.ts';
import type { OperatorMetrics } from './runtime/metrics.ts';

/** Renewals have a pool and a deadline of their own, so that no busy API server or long list can cost leadership. */
const LEASE_TIMEOUT_MS = 4_000;

function clientOf(connection: Connection, metrics: OperatorMetrics, timeoutMs?: number): Client {
  const options = { connection, clock: systemClock, userAgent: 'slipway-operator', onRequest: metrics.requested };
  return createClient(createTransport(timeoutMs === undefined ? options : { ...options, timeoutMs }));
}

async function run(config: OperatorConfig, log: Log): Promise<void> {
  const metrics = createMetrics();
  const connection = await connect({ env: process.env, clock: systemClock, kubeconfig: config.kubeconfig, context: config.context });
  const client = clientOf(connection, metrics);
  const leaseClient = clientOf(connection, metrics, LEASE_TIMEOUT_MS);
  const operator = createOperator({ config, client, leaseClient, clock: systemClock, random: Math.random, log, metrics });
  const adminPort = await operator.start();
  log.info({ adminPort, server: connection.server, watchNamespaces: config.watchNamespaces }, 'operator started');
  await signalled();
  log.info({}, 'stopping');
  await operator.stop();
  await Promise.all([client.close(), leaseClient.close()]);
  log.info({}, 'stopped');
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) return void process.stdout.write(helpText());
  const config = loadConfig(args, process.env);
  const log = createLog({ level: config.logLevel, component: 'operator', instance: config.lease.identity });
  try {
    await run(config, log);
  } catch (error) {
    log.error({ err: error }, 'the operator cannot run');
    process.exitCode = 1;
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\nsee --help\n`);
  process.exitCode = 2;
}
