// Faults under load on the real node: the operator's leader, routers, servers, the API server and etcd are killed without warning. Nothing can
// help a caller whose connection leads to a killed router until the Service has dropped it: those are counted, and bounded by that moment.
// Everything else must be answered, and the release must end well.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isTrue, weightOf } from './support/isvc.ts';
import { signalDaemon, signalPod } from './support/processes.ts';
import type { Pod } from './support/processes.ts';
import { canaryOf, Release } from './support/release.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const world = new World();
const namespace = 'e2e-faults';
const name = 'sentiment';
const RATE = 100;
const release = new Release({ world, name, namespace, rate: RATE });
/** Requests of the time in which a Service still leads to a killed pod: until the kubelet has noticed and the endpoints are written. */
const UNTIL_DROPPED = RATE;

/** How often the pod's main container was started again. */
const restarts = async (pod: Pod | undefined): Promise<number> =>
  (await world.get<{ status: { containerStatuses: { restartCount: number; ready: boolean }[] } }>('pod', pod?.metadata.name ?? '', namespace)).status.containerStatuses.reduce((sum, one) => sum + (one.ready ? one.restartCount : 0), 0);

async function killLeader(): Promise<void> {
  signalPod(await world.leader(), 'SIGKILL');
}

const routersReady = (): Promise<boolean> =>
  until('two routers are ready', async () => (await world.get<{ status: { readyReplicas?: number } }>('deployment', 'slipway-router', namespace)).status.readyReplicas === 2);

describe('faults under load', () => {
  beforeAll(async () => {
    await world.namespace(namespace);
    await release.startWith(canaryOf(20, 60), 2);
  });
  afterEach(() => {
    release.killLoad();
  });
  afterAll(async () => {
    await world.deleteNamespace(namespace);
  });

  it("a canary ends well although the operator's leader is killed at every step, and no request fails", async () => {
    await release.startLoad();
    await release.setModel('v2');
    await killLeader();
    await release.waitingAt(20);
    await release.promote();
    await killLeader();
    await release.waitingAt(60);
    await release.promote();
    await killLeader();
    const isvc = await release.healthy();
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
    expect(weightOf(isvc, 'v2')).toBe(100);
  });

  it('a killed server pod costs no request', async () => {
    const stable = (await release.isvc()).status?.rollout?.stable ?? '';
    const [victim] = await world.list<Pod>('pods', namespace, '-l', `serving.slipway.dev/revision=${stable}`);
    await release.startLoad();
    signalPod(victim, 'SIGKILL');
    await until('it runs again', async () => (await restarts(victim)) === 1);
    await release.until('2/2 again', (isvc) => isvc.status?.summary?.ready === '2/2' && isTrue(isvc, 'Ready'));
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
  });

  it('a killed router costs only what reaches it before the Service drops it', async () => {
    const [victim] = await world.list<Pod>('pods', namespace, '-l', 'app.kubernetes.io/component=router');
    const running = await release.startLoad();
    signalPod(victim, 'SIGKILL');
    await until('it runs again', async () => (await restarts(victim)) === 1);
    await routersReady();
    await running.phase('after');
    await running.sent(2 * RATE);
    const report = await release.stopLoad();
    process.stderr.write(`e2e  killed router: ${report.failed} of ${report.sent} requests met it before the Service dropped it\n`);
    expect(report.failed, report.failures.join('\n')).toBeLessThanOrEqual(UNTIL_DROPPED);
    expect(report.phases['after']?.failed).toBe(0);
  });

  it('routers and servers go on serving while etcd and the API server are away, and the operator goes on afterwards', async () => {
    await release.startLoad();
    signalDaemon(world.access.id, 'etcd', 'SIGKILL');
    signalDaemon(world.access.id, 'kube-apiserver', 'SIGKILL');
    await until('the API server answers again', async () => (await world.kubectl('get', '--raw', '/readyz')).includes('ok'));
    await release.scale(1);
    await release.until('1/1', (isvc) => isvc.status?.summary?.ready === '1/1' && isTrue(isvc, 'Ready'));
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
  });
});
