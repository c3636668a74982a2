// Owns nodes without a kubelet: kwok makes their pods Ready, a small process answers in place of the model servers. Everything else (scheduler,
// controllers, API server, routers) is real. Must not know what is measured.
//
// The addresses of simulated pods are local addresses of the cluster's network namespace, so the operator's questions to a serving pod
// (GET /state, asked until its package is pinned) take the way they take elsewhere, and end in simulated-servers.ts.
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Client, KubeObject } from '@slipway/kube';
import { NODES } from '@slipway/kube';
import { ensurePrograms } from '../../tools/cluster/binaries.ts';
import type { Report } from '../../tools/cluster/cluster.ts';
import { NETWORK } from '../../tools/cluster/local/layout.ts';
import { until } from '../../tools/cluster/wait.ts';
import { exec } from '../../tools/exec.ts';
import type { ClusterAccess } from './cluster-access.ts';

export interface SimulatedNodes {
  /**
   * Ends the processes and removes the nodes. Pods must be gone by then: nobody ends them afterwards. Nodes that are kept count as lost after
   * some 50 s, unless somebody starts them again.
   */
  stop(options?: { keepNodes?: boolean }): Promise<void>;
}

export interface SimulatedNodesOptions {
  access: ClusterAccess;
  client: Client;
  /** At most 15: the cluster has room for so many pod networks beside the real node's. */
  count: number;
  report: Report;
  signal?: AbortSignal | undefined;
}

const MARK = 'scale.slipway.dev/simulated';
const READY_MS = 120_000;
/** Ends with the process that started it, whatever becomes of that. */
const WITH_PARENT = ['setpriv', '--pdeathsig', 'KILL', '--'];
const SERVERS = fileURLToPath(new URL('./simulated-servers.ts', import.meta.url));

/** What a pod needs to run on simulated nodes, and on no others. */
export const ON_SIMULATED_NODES = {
  nodeSelector: { [MARK]: 'true' },
  tolerations: [{ key: MARK, operator: 'Exists' }],
};

const nameOf = (i: number): string => `simulated-${String(i).padStart(2, '0')}`;
/** The pod network of a node: the one after the real node's, and so on. 4,094 addresses each. */
const podsOf = (i: number): string => `10.78.${16 * (i + 1)}.0/20`;

const nodeFor = (i: number): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: nameOf(i),
    labels: { [MARK]: 'true', 'kubernetes.io/hostname': nameOf(i), 'kubernetes.io/os': 'linux', 'node.kubernetes.io/exclude-from-external-load-balancers': 'true' },
    annotations: { 'kwok.x-k8s.io/node': 'fake' },
  },
  spec: { podCIDR: podsOf(i), podCIDRs: [podsOf(i)], taints: [{ key: MARK, value: 'true', effect: 'NoSchedule' }] },
});

const isReady = (node: KubeObject): boolean =>
  ((node['status'] as { conditions?: { type: string; status: string }[] } | undefined)?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');

/** Starts kwok and the stand-in servers and resolves when all nodes are Ready. */
export async function startSimulatedNodes(options: SimulatedNodesOptions): Promise<SimulatedNodes> {
  const { access, client, count, signal } = options;
  const { kwok } = await ensurePrograms(['kwok'], options);
  const indexes = Array.from({ length: count }, (_, i) => i);
  await inside(access, ['/bin/sh', '-c', indexes.map((i) => `ip route replace local ${podsOf(i)} dev lo`).join(' && ')]);
  const processes = [run(access, [process.execPath, SERVERS]), run(access, kwokCommand(kwok, access))];
  const stop = async ({ keepNodes = false } = {}): Promise<void> => {
    if (!keepNodes) await Promise.all(indexes.map((i) => client.delete({ type: NODES, name: nameOf(i) }).catch(() => undefined)));
    await Promise.all(processes.map(end));
    if (!keepNodes) await inside(access, ['/bin/sh', '-c', indexes.map((i) => `ip route del local ${podsOf(i)} dev lo || true`).join('; ')]);
  };
  try {
    for (const i of indexes) await client.apply(NODES, nodeFor(i), { fieldManager: 'slipway-scale', force: true });
    await until(async () => {
      const dead = processes.find((each) => each.process.exitCode !== null);
      if (dead !== undefined) throw new Error(`a process of the simulated nodes ended:\n${dead.said()}`);
      const { items } = await client.list(NODES, { labelSelector: `${MARK}=true` });
      return items.filter(isReady).length >= count;
    }, { timeoutMs: READY_MS, otherwise: () => `the simulated nodes are not Ready; kwok says:\n${processes[1]?.said() ?? ''}`, signal });
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** kwok speaks with the API server where that listens; the kubeconfig's address is a forward outside. */
function kwokCommand(kwok: string, { kubeconfig }: ClusterAccess): string[] {
  return [
    kwok, `--kubeconfig=${kubeconfig}`, `--master=https://${NETWORK.node}:${NETWORK.apiPort}`, '--manage-all-nodes=false',
    '--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake', '--node-ip=10.78.255.254', '--node-lease-duration-seconds=40',
  ];
}

interface Running {
  process: ChildProcess;
  /** The end of what it printed. */
  said(): string;
}

function run({ inside: prefix }: ClusterAccess, command: readonly string[]): Running {
  const [file = '', ...args] = [...WITH_PARENT, ...prefix, ...command];
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => (text = (text + piece.toString()).slice(-4_000)));
  return { process: child, said: () => text };
}

async function end({ process: child }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

function inside(access: ClusterAccess, command: readonly string[]): Promise<string> {
  const [file = '', ...args] = [...access.inside, ...command];
  return exec([file, ...args], { timeoutMs: 30_000 });
}
