// Owns looking at the operator from outside: the metrics of all its replicas, whether it has come to rest, and ending its pods.
// Must not know why anybody looks.
import type { Client, KubeObject } from '@slipway/kube';
import { PODS } from '@slipway/kube';
import { PORTS } from '@slipway/api';
import { exec } from '../../tools/exec.ts';
import { until } from '../../tools/cluster/wait.ts';
import type { ClusterAccess } from './cluster-access.ts';
import { Snapshot, parseExposition } from './exposition.ts';

const SELECTOR = 'app.kubernetes.io/component=operator';
const PREFIX = 'slipway_operator_';
/** Verbs of the client that change something. */
const READS = ['get', 'list', 'watch'];

interface Pod extends KubeObject {
  status?: { podIP?: string; conditions?: { type: string; status: string }[] };
}

export class OperatorView {
  private readonly access: ClusterAccess;
  private readonly client: Client;

  constructor(access: ClusterAccess, client: Client) {
    this.access = access;
    this.client = client;
  }

  /** The metrics of every replica, labelled with its `pod`. Throws while one of them does not answer. */
  async look(): Promise<Snapshot> {
    const samples = await Promise.all((await this.pods()).map(async (pod) => {
      const text = await this.metricsOf(pod);
      return parseExposition(text).map((sample) => ({ ...sample, labels: { ...sample.labels, pod: pod.metadata.name } }));
    }));
    return new Snapshot(samples.flat());
  }

  /** Resolves with the metrics once one replica leads and nothing has been passed over or queued for `quietMs`. */
  async settled(options: { quietMs: number; timeoutMs: number; signal?: AbortSignal | undefined }): Promise<{ snapshot: Snapshot; lastChangeAt: number }> {
    let [mark, since, last] = ['', performance.now(), 'no answer'];
    return until(async () => {
      const snapshot = await this.look().catch((error: unknown) => void (last = String(error)));
      if (snapshot === undefined) return undefined;
      // One that waits for the lead has a queue as well, of all that it would look at first.
      const leaders = Object.entries(snapshot.sumsBy(`${PREFIX}leader`, ({ pod = '' }) => pod)).filter(([, value]) => value === 1);
      const leading = leaders.length;
      const depth = snapshot.sum(`${PREFIX}queue_depth`, { pod: leaders[0]?.[0] ?? '' });
      const passes = snapshot.sum(`${PREFIX}reconcile_total`);
      const now = last = `leader ${leading}, ${depth} queued, ${passes} passes`;
      if (now !== mark) [mark, since] = [now, performance.now()];
      return leading === 1 && depth === 0 && performance.now() - since >= options.quietMs && { snapshot, lastChangeAt: since };
    }, { timeoutMs: options.timeoutMs, everyMs: 500, signal: options.signal, otherwise: () => `the operator does not come to rest: ${last}` });
  }

  /** Deletes all its pods and resolves once as many new ones are Ready. */
  async restart(timeoutMs: number): Promise<void> {
    const before = new Set((await this.pods()).map(({ metadata }) => metadata.name));
    await Promise.all([...before].map((name) => this.client.delete({ type: PODS, namespace: this.access.releaseNamespace, name })));
    await until(async () => {
      const pods = await this.pods();
      return pods.length >= before.size && pods.every((pod) => !before.has(pod.metadata.name) && pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true);
    }, { timeoutMs, otherwise: () => 'the operator has not come back' });
  }

  private async pods(): Promise<Pod[]> {
    const { items } = await this.client.list<Pod>(PODS, { namespace: this.access.releaseNamespace, labelSelector: SELECTOR });
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  private metricsOf(pod: Pod): Promise<string> {
    const url = `http://${pod.status?.podIP}:${PORTS.admin}/metrics`;
    const [file = '', ...args] = [...this.access.inside, 'curl', '-sS', '--fail', '-m', '10', url];
    return exec([file, ...args], { timeoutMs: 20_000 });
  }
}

/** Requests to the API server, by `verb resource`. */
export const requestsIn = (snapshot: Snapshot): Record<string, number> =>
  snapshot.sumsBy(`${PREFIX}api_request_duration_seconds_count`, ({ verb = '', resource = '' }) => `${verb} ${resource}`);

/** Those that change something; the Lease is not counted: renewing it is what a leader lives by. */
export const writesIn = (requests: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(requests).filter(([key]) => !READS.includes(key.split(' ')[0] ?? '') && !key.endsWith(' leases')));

export const RECONCILE = `${PREFIX}reconcile_duration_seconds`;
export const cpuSeconds = (snapshot: Snapshot): number => snapshot.sum(`${PREFIX}process_cpu_seconds_total`);
export const passes = (snapshot: Snapshot): number => snapshot.sum(`${PREFIX}reconcile_total`);
/** Bytes, of the largest replica: the leader. */
export const residentBytes = (snapshot: Snapshot): number => snapshot.max(`${PREFIX}process_resident_memory_bytes`);
export const heapBytes = (snapshot: Snapshot): number => snapshot.max(`${PREFIX}nodejs_heap_size_used_bytes`);
