// A router as it runs in a cluster, in a process of its own, in front of servers of this machine: 90 of 100 calls to v1, 10 to v2.
// Must not know who calls.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { metricOf } from '../../../router/src/testing/harness.ts';
import { ROOT } from '../../server/support/server.ts';
import { freePort } from '../../../tools/free-port.ts';

const SCRIPT = path.join(ROOT, 'test', 'load', 'router-process.ts');

export interface RouterProcess {
  port: number;
  /** Value of a metric, from its admin port. */
  metric(name: string, labels: string): Promise<number>;
  stop(): Promise<void>;
}

/** Both revisions listen on one port, each on an address; one address may be both. */
export async function startRouterProcess(targetPort: number, addresses: Readonly<Record<'v1' | 'v2', string>>): Promise<RouterProcess> {
  const [port, admin] = [await freePort(), await freePort()];
  const args = [port, targetPort, addresses.v1, addresses.v2, admin].map(String);
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const ready = (async () => {
    for await (const chunk of child.stdout) if (String(chunk).includes('ready')) return true;
    return false;
  })();
  if (!(await ready)) throw new Error('the router ended before it listened');
  child.stdout.resume();
  return {
    port,
    metric: async (name, labels) => metricOf(await (await fetch(`http://127.0.0.1:${String(admin)}/metrics`)).text(), name, labels),
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
