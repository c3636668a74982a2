// What happens to nodes and controllers, under load: a drain, a kubelet that starts anew, endpoints that lag behind the pods by seconds.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Aftermath } from './support/aftermath.ts';
import { isTrue } from './support/isvc.ts';
import { signalDaemon } from './support/processes.ts';
import type { Pod } from './support/processes.ts';
import { canaryOf, Release } from './support/release.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

/** Requests a second. */
const RATE = 50;
const SECONDS_WITHOUT_ENDPOINTS = 5;

const world = new World();
const namespace = 'e2e-faults-node';
const name = 'sentiment';
const release = new Release({ world, name, namespace, rate: RATE });
const aftermath = new Aftermath(world, namespace);

const servers = (): Promise<Pod[]> => world.list<Pod>('pods', namespace, '-l', 'app.kubernetes.io/component=server');
const ready = (count: number): Promise<unknown> => release.until(`${count}/${count}`, (isvc) => isvc.status?.summary?.ready === `${count}/${count}` && isTrue(isvc, 'Ready'));

interface Node {
  metadata: { name: string };
  status: { conditions: { type: string; status: string; lastHeartbeatTime: string }[] };
}

const nodes = async (): Promise<Node[]> => (JSON.parse(await world.kubectl('get', 'nodes', '-o', 'json')) as { items: Node[] }).items;

describe('nodes and controllers', () => {
  beforeAll(async () => {
    await world.namespace(namespace);
    await release.startWith(canaryOf(50), 2);
    await aftermath.begin();
  });
  afterEach(() => {
    release.killLoad();
  });
  afterAll(async () => {
    await world.kubectl('delete', 'namespace', namespace, '--wait=false', '--ignore-not-found');
  });

  it('endpoints that lag behind the pods cost no request: what is out of reach is left alone', async () => {
    const running = await release.startLoad();
    const [victim] = await servers();
    signalDaemon(world.access.id, 'kube-controller-manager', 'SIGSTOP');
    try {
      await world.kubectl('delete', 'pod', victim?.metadata.name ?? '', '-n', namespace, '--grace-period=2', '--wait=true', '--timeout=60s');
      await running.phase('lagging');
      await running.sent(100);
    } finally {
      signalDaemon(world.access.id, 'kube-controller-manager', 'SIGCONT');
    }
    await until('there is another pod', async () => (await servers()).filter((pod) => pod.metadata.name !== victim?.metadata.name).length === 2);
    await ready(2);
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
    expect(report.phases['lagging']?.sent).toBeGreaterThanOrEqual(100);
  });

  it('a kubelet killed in the middle of a rollout delays it, and nothing else', async () => {
    await release.startLoad();
    await release.setModel('v2');
    signalDaemon(world.access.id, 'kubelet', 'SIGKILL');
    await release.waitingAt(50);
    await release.promote();
    const isvc = await release.healthy();
    const report = await release.stopLoad();
    // A kubelet that starts takes every pod for not ready until its first probe has answered. On the only node that is both routers, and
    // for some hundred milliseconds the Service leads nowhere. A request that reached a router is never lost.
    expect(report.failures.filter((failure) => !failure.includes('ECONNREFUSED'))).toEqual([]);
    expect(report.failed).toBeLessThan(RATE * SECONDS_WITHOUT_ENDPOINTS);
    await aftermath.noOrphans(isvc);
    await aftermath.atRest();
  });

  it('a drain leaves one router and one server serving, and waits; uncordon brings the rest back', async () => {
    const [node] = await nodes();
    await release.startLoad();
    try {
      const drained = world.kubectl('drain', node?.metadata.name ?? '', '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=20s');
      await expect(drained).rejects.toThrow(/disruption budget|timed? ?out|global timeout/i);
      const left = await servers();
      expect(left.length).toBeGreaterThan(0);
    } finally {
      await world.kubectl('uncordon', node?.metadata.name ?? '');
    }
    await ready(2);
    await until('two routers are ready', async () => (await world.get<{ status: { readyReplicas?: number } }>('deployment', 'slipway-router', namespace)).status.readyReplicas === 2);
    await until('an operator leads', async () => (await world.leader()).metadata.name);
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
    await aftermath.noOrphans(await release.isvc());
    await aftermath.atRest();
    await aftermath.memoryAsBefore();
  });
});
