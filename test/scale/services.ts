// Owns the InferenceServices of a measurement: makes them, notes when each is Ready, edits some, removes all with their namespaces.
// Must not know the operator.
import { API_VERSION, GROUP, KIND, PLURAL, VERSION } from '@slipway/api';
import { NAMESPACES, createInformer, systemClock } from '@slipway/kube';
import type { Client, Informer, KubeObject, ResourceType } from '@slipway/kube';
import { until } from '../../tools/cluster/wait.ts';
import { ON_SIMULATED_NODES } from './simulated-nodes.ts';

const ISVCS: ResourceType = { group: GROUP, version: VERSION, kind: KIND, plural: PLURAL, namespaced: true };
const RUN = 'scale.slipway.dev/run';

export interface ServicesOptions {
  client: Client;
  /** Tells these InferenceServices and namespaces from all others in the cluster. */
  run: string;
  namespaces: number;
  /** Requests for creation at the same time. */
  parallel?: number;
  signal?: AbortSignal | undefined;
}

interface Times {
  askedAt: number;
  readyAt?: number;
}

type Status = { conditions?: { type: string; status: string; observedGeneration?: number }[] };

function isHealthy(isvc: KubeObject): boolean {
  const { conditions = [] } = (isvc['status'] ?? {}) as Status;
  const holds = (type: string): boolean => conditions.some((c) => c.type === type && c.status === 'True' && c.observedGeneration === isvc.metadata.generation);
  return holds('Ready') && holds('RolledOut');
}

/** Runs `work` over the items, at most `parallel` at a time. */
export async function inParallel<T>(items: readonly T[], parallel: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

export class Services {
  private readonly options: ServicesOptions;
  private readonly informer: Informer<KubeObject>;
  /** Namespaces in use. */
  private spread: number;
  private readonly times = new Map<string, Times>();
  /** Names of those that are healthy now: counting thousands anew every moment would take a good part of a core. */
  private readonly healthyNow = new Set<string>();

  constructor(options: ServicesOptions) {
    this.options = options;
    this.spread = options.namespaces;
    this.informer = createInformer({ client: options.client, type: ISVCS, clock: systemClock, random: Math.random, labelSelector: `${RUN}=${options.run}` });
    this.informer.onChange(({ object, type }) => this.look(object.metadata.name, type !== 'Deleted' && isHealthy(object)));
  }

  /** How many are Ready and rolled out at their present generation. */
  get healthy(): number {
    return this.healthyNow.size;
  }

  get size(): number {
    return this.times.size;
  }

  async start(): Promise<void> {
    await this.follow();
    const { client, run } = this.options;
    for (const name of this.namespaces()) {
      const labels = { [RUN]: run, 'pod-security.kubernetes.io/enforce': 'restricted' };
      await client.apply(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }, { fieldManager: 'slipway-scale', force: true });
    }
  }

  /** Instead of `start`: takes over the InferenceServices of that run that are there. Throws an Error if there are none. */
  async adopt(): Promise<{ count: number; namespaces: number }> {
    await this.follow();
    if (this.size === 0) throw new Error('there is nothing to measure: make InferenceServices first, with --part create and the same --cluster');
    this.spread = new Set([...this.informer.cache.all()].map(({ metadata }) => metadata.namespace)).size;
    return { count: this.size, namespaces: this.spread };
  }

  /** What is there already counts as one of them. */
  private async follow(): Promise<void> {
    this.informer.start();
    await this.informer.cache.whenSynced();
    for (const { metadata } of this.informer.cache.all()) this.times.set(metadata.name, { askedAt: performance.now() });
  }

  /** Makes these many more; resolves when all are created. */
  async create(count: number): Promise<void> {
    const { client, parallel = 8, signal } = this.options;
    const first = this.times.size;
    await inParallel(Array.from({ length: count }, (_, i) => first + i), parallel, async (i) => {
      signal?.throwIfAborted();
      this.times.set(this.nameOf(i), { askedAt: performance.now() });
      await client.create(ISVCS, this.manifest(i));
    });
  }

  /** Resolves when all are healthy. `tell`: how many are so far. */
  async allHealthy(timeoutMs: number, tell: (healthy: number) => void = () => undefined): Promise<void> {
    await until(() => {
      tell(this.healthy);
      return this.healthy >= this.size && this.informer.cache.size >= this.size;
    }, { timeoutMs, everyMs: 200, signal: this.options.signal, otherwise: () => `${this.healthy} of ${this.size} are healthy; the first that is not: ${this.firstUnhealthy()}` });
  }

  /** Milliseconds from the request for creation to Ready, of those from `first` on, sorted. */
  creationToReady(first = 0): number[] {
    const spent = [...this.times.values()].slice(first).flatMap(({ askedAt, readyAt }) => (readyAt === undefined ? [] : [readyAt - askedAt]));
    return spent.sort((a, b) => a - b);
  }

  /** Milliseconds from the first request for creation until the last was Ready, of those from `first` on. */
  wholeMs(first = 0): number {
    const all = [...this.times.values()].slice(first);
    return Math.max(0, ...all.map(({ readyAt = 0 }) => readyAt)) - Math.min(...all.map(({ askedAt }) => askedAt));
  }

  /** Gives the i-th InferenceService a label that concerns nobody. */
  async touch(i: number): Promise<void> {
    await this.patch(i, { metadata: { labels: { touched: Date.now().toString(36) } } });
  }

  /** Gives the i-th InferenceService one replica where it has two, and two where it has one. */
  async scale(i: number): Promise<void> {
    const { replicas = 1 } = (this.informer.cache.get(this.namespaceOf(i), this.nameOf(i))?.['spec'] ?? {}) as { replicas?: number };
    await this.patch(i, { spec: { replicas: replicas === 2 ? 1 : 2 } });
  }

  /** Removes everything; resolves when the namespaces are gone. */
  async remove(timeoutMs: number): Promise<void> {
    const { client, run } = this.options;
    const left = async (): Promise<KubeObject[]> => (await client.list<KubeObject>(NAMESPACES, { labelSelector: `${RUN}=${run}` })).items;
    for (const { metadata } of await left()) await client.delete({ type: NAMESPACES, name: metadata.name });
    await until(async () => (await left()).length === 0, { timeoutMs, everyMs: 500, otherwise: () => 'the namespaces do not go away' });
  }

  /** Ends looking. */
  async stop(): Promise<void> {
    await this.informer.stop();
  }

  private async patch(i: number, patch: unknown): Promise<void> {
    await this.options.client.patch({ type: ISVCS, namespace: this.namespaceOf(i), name: this.nameOf(i) }, patch, { type: 'merge' });
  }

  private look(name: string, healthy: boolean): void {
    if (!healthy) return void this.healthyNow.delete(name);
    this.healthyNow.add(name);
    const times = this.times.get(name);
    if (times !== undefined) times.readyAt ??= performance.now();
  }

  private namespaces(): string[] {
    return Array.from({ length: this.spread }, (_, i) => this.namespaceOf(i));
  }

  private namespaceOf(i: number): string {
    return `scale-${this.options.run}-${String(i % this.spread).padStart(2, '0')}`;
  }

  private nameOf(i: number): string {
    return `model-${String(i).padStart(5, '0')}`;
  }

  private manifest(i: number): KubeObject {
    return {
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: { name: this.nameOf(i), namespace: this.namespaceOf(i), labels: { [RUN]: this.options.run } },
      spec: {
        model: { storageUri: 'https://models.example.com/model.tar.gz', version: 'v1' },
        resources: { requests: { cpu: '10m', memory: '64Mi' } },
        podTemplate: ON_SIMULATED_NODES,
      },
    };
  }

  private firstUnhealthy(): string {
    const found = [...this.informer.cache.all()].find((isvc) => !isHealthy(isvc));
    return found === undefined ? 'none' : `${found.metadata.namespace}/${found.metadata.name} ${JSON.stringify(found['status'] ?? {}).slice(0, 2_000)}`;
  }
}
