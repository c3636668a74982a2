// Addresses on 127.0.0.1 that lead into a cluster: opens the port out here and hands it to a relay process in there.
// It must not know what the targets are.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import path from 'node:path';
import { identify, type ProcessId } from '../processes.ts';
import { joinFile } from './control-groups.ts';
import { NETWORK } from './layout.ts';
import { entering } from './namespaces.ts';
import type { RelayOrder } from './relay-main.ts';

/** What a relay needs to be started. */
export interface RelayStart {
  readonly anchor: ProcessId;
  readonly controlGroup: string;
  readonly logFile: string;
  /** `host:port` inside the cluster. */
  readonly target: string;
  /** The port on 127.0.0.1 to use again, or 0 for any. */
  readonly port: number;
}

const HANDOVER_MS = 10_000;
const main = path.join(import.meta.dirname, 'relay-main.ts');

/** Starts a relay; resolves with its port once it accepts. Throws an Error (EADDRINUSE) if a wanted port is taken. */
export async function startRelay(start: RelayStart): Promise<{ process: ProcessId; port: number }> {
  const server = await listen(start.port);
  try {
    const port = (server.address() as AddressInfo).port;
    return { process: await handOver(start, server), port };
  } finally {
    server.close();
  }
}

function listen(port: number): Promise<Server> {
  const { promise, resolve, reject } = Promise.withResolvers<Server>();
  const server = createServer();
  server.once('error', reject);
  server.listen({ host: '127.0.0.1', port }, () => resolve(server));
  return promise;
}

async function handOver(start: RelayStart, server: Server): Promise<ProcessId> {
  const child = startProcess(start);
  const { promise, resolve, reject } = Promise.withResolvers<ProcessId>();
  const fail = (why: string): void => reject(new Error(`the relay to ${start.target} did not start (${why}); see ${start.logFile}`));
  const timer = setTimeout(fail, HANDOVER_MS, 'time-out');
  child.once('error', (error) => fail(error.message));
  child.once('exit', (code) => fail(`ended with ${code}`));
  child.once('message', () => {
    const process = child.pid === undefined ? undefined : identify(child.pid);
    if (process === undefined) fail('it is gone');
    else resolve(process);
  });
  const [host = '', port = ''] = start.target.split(':');
  const order: RelayOrder = { host, port: Number(port), dns: NETWORK.dns };
  child.send(order, server);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    child.removeAllListeners();
    child.disconnect();
    child.unref();
  }
}

function startProcess({ anchor, controlGroup, logFile }: RelayStart): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  const command = entering(anchor, { network: true }, [process.execPath, main]);
  try {
    return spawn('/bin/sh', ['-c', 'echo $$ > "$0" && exec "$@"', joinFile(controlGroup), ...command], {
      cwd: '/',
      detached: true,
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
      stdio: ['ignore', log, log, 'ipc'],
    });
  } finally {
    closeSync(log);
  }
}
