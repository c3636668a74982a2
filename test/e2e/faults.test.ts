// Faults under load on the real node: the operator's leader, routers, servers, the API server and etcd are killed without warning. Nothing can
// help a caller whose connection leads to a killed router until the Service has dropped it: those are counted, and bounded by that moment.
// Everything else must be answered, and the release must end well.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { InferenceService } from '@slipway/api';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { layoutOf } from '../../tools/cluster/local/layout.ts';
import { readRecord } from '../../tools/cluster/local/record.ts';
import type { Load } from '../support/load/load.ts';
import type { LoadReport } from '../support/load/protocol.ts';
import { isTrue, manifest, weightOf } from './support/isvc.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const world = new World();
const namespace = 'e2e-faults';
const name = 'sentiment';
const RATE = 100;
/** Requests of the time in which a Service still leads to a killed pod: until the kubelet has noticed and the endpoints are written. */
const UNTIL_DROPPED = RATE;
const CANARY = { strategy: 'Canary', canary: { steps: [{ setWeight: 20 }, { pause: {} }, { setWeight: 60 }, { pause: {} }] } };

const example = JSON.parse(readFileSync(new URL('./fixtures/versions-differ.json', import.meta.url), 'utf8')) as { text: string; expect: Record<string, string> };

interface Pod {
  metadata: { name: string; uid: string };
}

let load: Load | undefined;

async function startLoad(): Promise<Load> {
  load = await world.load({ url: await world.clusterIp(name, namespace), path: '/predict', rate: RATE, body: { text: example.text }, expect: example.expect, timeoutMs: 10_000 });
  return load;
}

async function stopLoad(): Promise<LoadReport> {
  const report = await load?.stop();
  load = undefined;
  if (report === undefined) throw new Error('no load was running');
  return report;
}

/** SIGKILL for the program of the pod's main container, from outside, so that nothing in it can say good-bye. */
function kill9(pod: Pod | undefined): void {
  const pids = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isProgramOf(pod?.metadata.uid ?? 'none', pid));
  if (pids.length !== 1) throw new Error(`${pids.length} programs run in ${pod?.metadata.name}`);
  process.kill(Number(pids[0]), 'SIGKILL');
}

function isProgramOf(uid: string, pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(uid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('/app/');
  } catch {
    return false;
  }
}

/** How often the pod's main container was started again. */
const restarts = async (pod: Pod | undefined): Promise<number> =>
  (await world.get<{ status: { containerStatuses: { restartCount: number; ready: boolean }[] } }>('pod', pod?.metadata.name ?? '', namespace)).status.containerStatuses.reduce((sum, one) => sum + (one.ready ? one.restartCount : 0), 0);

async function killLeader(): Promise<void> {
  const lease = (await world.list<{ metadata: { name: string }; spec: { holderIdentity?: string } }>('lease', world.access.releaseNamespace)).find((one) => (one.spec.holderIdentity ?? '') !== '');
  const holder = lease?.spec.holderIdentity ?? '';
  const pods = await world.list<Pod>('pods', world.access.releaseNamespace);
  const leader = pods.find((pod) => holder.startsWith(pod.metadata.name));
  if (leader === undefined) throw new Error(`no pod holds the lease (${holder})`);
  kill9(leader);
}

/** Kills a daemon of the control plane; the cluster starts it again. */
function killDaemon(daemon: string): void {
  const shell = readRecord(layoutOf(world.access.id))?.processes[daemon]?.pid;
  const pid = Number(execFileSync('pgrep', ['-P', String(shell)], { encoding: 'utf8' }).trim());
  process.kill(pid, 'SIGKILL');
}

async function promote(): Promise<void> {
  const value = (await world.isvc(name, namespace)).status?.rollout?.promote ?? '';
  await world.kubectl('annotate', 'isvc', name, '-n', namespace, '--overwrite', `serving.slipway.dev/promote=${value}`);
}

const setModel = (version: string): Promise<string> =>
  world.kubectl('patch', 'isvc', name, '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec: { model: { storageUri: `file:///models/sentiment/${version}`, version } } }));

const waitingAt = (weight: number) => (isvc: InferenceService): boolean => isvc.status?.rollout?.state === 'Waiting' && weightOf(isvc, 'v2') === weight;

const routersReady = (): Promise<boolean> =>
  until('two routers are ready', async () => (await world.get<{ status: { readyReplicas?: number } }>('deployment', 'slipway-router', namespace)).status.readyReplicas === 2);

describe('faults under load', () => {
  beforeAll(async () => {
    await world.namespace(namespace);
    await world.apply(manifest({ name, namespace, model: 'sentiment/v1', replicas: 2, rollout: CANARY }));
    await world.healthy(name, namespace);
  });
  afterEach(() => {
    load?.kill();
    load = undefined;
  });
  afterAll(async () => {
    await world.deleteNamespace(namespace);
  });

  it("a canary ends well although the operator's leader is killed at every step, and no request fails", async () => {
    await startLoad();
    await setModel('v2');
    await killLeader();
    await world.isvcUntil('waiting at 20 %', name, namespace, waitingAt(20));
    await promote();
    await killLeader();
    await world.isvcUntil('waiting at 60 %', name, namespace, waitingAt(60));
    await promote();
    await killLeader();
    const isvc = await world.healthy(name, namespace);
    const report = await stopLoad();
    expect(report.failures).toEqual([]);
    expect(weightOf(isvc, 'v2')).toBe(100);
  });

  it('a killed server pod costs no request', async () => {
    const stable = (await world.isvc(name, namespace)).status?.rollout?.stable ?? '';
    const [victim] = await world.list<Pod>('pods', namespace, '-l', `serving.slipway.dev/revision=${stable}`);
    await startLoad();
    kill9(victim);
    await until('it runs again', async () => (await restarts(victim)) === 1);
    await world.isvcUntil('2/2 again', name, namespace, (isvc) => isvc.status?.summary?.ready === '2/2' && isTrue(isvc, 'Ready'));
    const report = await stopLoad();
    expect(report.failures).toEqual([]);
  });

  it('a killed router costs only what reaches it before the Service drops it', async () => {
    const [victim] = await world.list<Pod>('pods', namespace, '-l', 'app.kubernetes.io/component=router');
    const running = await startLoad();
    kill9(victim);
    await until('it runs again', async () => (await restarts(victim)) === 1);
    await routersReady();
    await running.phase('after');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const report = await stopLoad();
    process.stderr.write(`e2e  killed router: ${report.failed} of ${report.sent} requests met it before the Service dropped it\n`);
    expect(report.failed, report.failures.join('\n')).toBeLessThanOrEqual(UNTIL_DROPPED);
    expect(report.phases['after']?.failed).toBe(0);
  });

  it('routers and servers go on serving while etcd and the API server are away, and the operator goes on afterwards', async () => {
    await startLoad();
    killDaemon('etcd');
    killDaemon('kube-apiserver');
    await until('the API server answers again', async () => (await world.kubectl('get', '--raw', '/readyz')).includes('ok'));
    await world.kubectl('scale', 'isvc', name, '-n', namespace, '--replicas=1');
    await world.isvcUntil('1/1', name, namespace, (isvc) => isvc.status?.summary?.ready === '1/1' && isTrue(isvc, 'Ready'));
    const report = await stopLoad();
    expect(report.failures).toEqual([]);
  });
});
