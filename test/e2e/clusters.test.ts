// Local clusters side by side: what happens to one does not touch the other, and none leaves anything behind, however it
// ends. Uses clusters of its own; the one that the other end-to-end tests share is the neighbour that must not notice.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../../tools/exec.ts';
import { builtClients } from '../../tools/cluster/clients.ts';
import { BASE_IMAGES, layoutOf } from '../../tools/cluster/local/layout.ts';
import { down, removeOrphans, up } from '../../tools/cluster/local/lifecycle.ts';
import { readRecord, type ClusterRecord } from '../../tools/cluster/local/record.ts';
import { expose, runInNetwork } from '../../tools/cluster/local/services.ts';
import { identify } from '../../tools/cluster/processes.ts';
import { until } from '../../tools/cluster/wait.ts';
import { listeners, LOOPBACK_HEX, marksOf, NO_TRACES, tracesOf, type Marks } from '../support/cluster/traces.ts';

const run = Math.random().toString(36).slice(2, 7);
const [a, b, c] = [`t${run}a`, `t${run}b`, `t${run}c`] as const;
const lines: string[] = [];
const options = { report: (line: string) => void lines.push(line), owner: identify(process.pid) };
const cli = path.join(import.meta.dirname, '..', '..', 'tools', 'cluster', 'cli.ts');
const SETTINGS = ['kernel/panic', 'kernel/panic_on_oops', 'vm/overcommit_memory', 'vm/panic_on_oom'];

const record = (id: string): ClusterRecord => {
  const found = readRecord(layoutOf(id));
  if (found === undefined) throw new Error(`no record of ${id}`);
  return found;
};
const marks = (id: string): Marks => marksOf(record(id), layoutOf(id).folder);
const settings = (): string[] => SETTINGS.map((name) => readFileSync(`/proc/sys/${name}`, 'utf8'));

async function kubectl(id: string, ...args: string[]): Promise<string> {
  const clients = await builtClients(options);
  return exec([clients.kubectl, `--kubeconfig=${layoutOf(id).kubeconfig}`, ...args], { timeoutMs: 60_000 });
}

async function runPod(id: string, name: string): Promise<void> {
  // Without controllers' help at first: the default service account appears a moment after the API server.
  await until(() => kubectl(id, 'get', 'serviceaccount', 'default').then(() => true, () => false), { timeoutMs: 30_000, otherwise: () => 'no service account' });
  await kubectl(id, 'run', name, `--image=${BASE_IMAGES.pause}`, '--image-pull-policy=Never');
  await kubectl(id, 'wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s');
}

/** Identity and state of every container of every pod. */
async function containers(id: string): Promise<string[]> {
  const { items } = JSON.parse(await kubectl(id, 'get', 'pods', '--all-namespaces', '--output=json')) as { items: { metadata: { name: string }; status: { phase: string; containerStatuses: { containerID: string; restartCount: number }[] } }[] };
  return items.map(({ metadata, status }) => `${metadata.name} ${status.phase} ${status.containerStatuses.map((each) => `${each.containerID} ${each.restartCount}`).join()}`).sort();
}

async function expectGone(wanted: Marks): Promise<void> {
  // The kernel takes a moment to let go of what the last process of a namespace held.
  await until(() => Object.values(tracesOf(wanted)).flat().length === 0, { timeoutMs: 10_000, otherwise: () => '' }).catch(() => undefined);
  expect(tracesOf(wanted)).toEqual(NO_TRACES);
}

describe('two clusters side by side', () => {
  const before = { listeners: listeners(), settings: settings() };
  let [marksA, marksB]: Marks[] = [];

  beforeAll(async () => {
    await removeOrphans(options);
    await Promise.all([up(a, options), up(b, options)]);
    await Promise.all([runPod(a, 'one'), runPod(b, 'one')]);
    [marksA, marksB] = [marks(a), marks(b)];
  });
  afterAll(async () => {
    for (const id of [a, b, c]) await down(id, options);
  });

  it('have a network, a control group and a folder each', () => {
    expect(marksA?.network).not.toBe(marksB?.network);
    expect(marksA?.token).not.toBe(marksB?.token);
    expect(marksA?.folder).not.toBe(marksB?.folder);
  });

  it('resolve names and route Services inside, and give them a URL outside', async () => {
    const script = "const r=new (require('dns').promises.Resolver)();r.setServers(['10.79.0.10']);r.resolve4('kubernetes.default.svc.cluster.local').then(console.log)";
    for (const id of [a, b]) {
      expect(await runInNetwork(id, [process.execPath, '-e', script], { timeoutMs: 20_000 })).toContain('10.79.0.1');
      const url = await expose(id, { namespace: 'kube-system', name: 'kube-dns', port: 9153 }, options);
      expect(await (await fetch(`${url}/metrics`)).text()).toContain('coredns_build_info');
      expect(await expose(id, { namespace: 'kube-system', name: 'kube-dns', port: 9153 }, options)).toBe(url);
    }
  });

  it('listen on loopback only and leave the settings of the machine alone', () => {
    const added = [...listeners()].filter((address) => !before.listeners.has(address));
    expect(added.length).toBeGreaterThanOrEqual(4);
    expect(added.filter((address) => !address.startsWith(LOOPBACK_HEX))).toEqual([]);
    expect(settings()).toEqual(before.settings);
  });

  it('start again what was killed, without touching pods', async () => {
    const pods = await containers(a);
    const etcd = await endDaemon(a, 'etcd');
    await endDaemon(a, 'kubelet');
    await endDaemon(a, 'containerd');
    process.kill(record(a).processes['relay-api']?.pid ?? 0, 'SIGKILL');
    await up(a, options);
    expect(await exec(['pgrep', '-P', String(record(a).processes['etcd']?.pid)])).not.toBe(etcd);
    await kubectl(a, 'wait', '--for=condition=Ready', 'pod/one', '--timeout=60s');
    expect(await containers(a)).toEqual(pods);
  });

  it('do not notice that the other is stopped', async () => {
    const pods = await containers(b);
    await down(a, options);
    if (marksA !== undefined) await expectGone(marksA);
    // Longer than a kubelet takes to kill pods that it takes for orphans: a new pod comes and goes meanwhile.
    await runPod(b, 'two');
    await kubectl(b, 'delete', 'pod', 'two', '--wait=true', '--timeout=60s');
    expect(await containers(b)).toEqual(pods);
  });

  it('leave nothing behind when every process of theirs but the pods was killed', async () => {
    for (const { pid } of Object.values(record(b).processes)) process.kill(pid, 'SIGKILL');
    await down(b, options);
    if (marksB !== undefined) await expectGone(marksB);
    expect(settings()).toEqual(before.settings);
  });

  it('leave nothing behind when the start is killed half-way, and start after that', async () => {
    const child = spawn(process.execPath, [cli, 'up', c], { stdio: ['ignore', 'ignore', 'pipe'] });
    await new Promise<void>((resolve) => child.stderr.on('data', (data: Buffer) => { if (data.includes('importing')) resolve(); }));
    child.kill('SIGKILL');
    const half = marks(c);
    await down(c, options);
    await expectGone(half);
    await up(c, options);
    await runPod(c, 'one');
    const whole = marks(c);
    await down(c, options);
    await expectGone(whole);
  });
});

/** Kills the daemon itself, not the shell that would start it again; returns its pid once it is gone. */
async function endDaemon(id: string, name: string): Promise<string> {
  const pid = (await exec(['pgrep', '-P', String(record(id).processes[name]?.pid)])).trim();
  process.kill(Number(pid), 'SIGKILL');
  return pid;
}
