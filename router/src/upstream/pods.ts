// Owns the pods behind the revisions: connections, requests under way, what failed lately; drains a pod whose address disappears.
// Must not know routes, weights or callers.
import { leastOutstanding } from '../pick/balance.ts';
import type { Addresses } from '../table/endpoints.ts';
import type { FailureKind } from './exchange.ts';
import { Http1Pool } from './http1-pool.ts';
import type { PoolOptions } from './http1-pool.ts';
import { Http2Upstream } from './http2-session.ts';

export interface Pod {
  readonly host: string;
  readonly port: number;
  readonly http1: Http1Pool;
  readonly http2: Http2Upstream;
  outstanding: number;
  avoidUntil: number;
  /** Failures in a row; those of attempts that were under way together are one. */
  failures: number;
  /** The last of them was that no connection could be made. */
  unreachable: boolean;
}

export interface PodsOptions extends PoolOptions {
  /** First and longest time a failing pod is left alone, in milliseconds; doubled with each failure in a row. */
  avoidMs: { first: number; longest: number };
}

/** Where the pods of a revision listen; many take gRPC on the same port. */
export interface Target extends Ports {
  revision: string;
}

interface Ports {
  port: number;
  grpcPort: number;
}

const NONE: readonly Pod[] = [];
const SWEEP_MS = 1000;

const keyOf = (host: string, { port, grpcPort }: Ports): string => `${host} ${port} ${grpcPort}`;
const wasReachable = (pod: Pod): boolean => !pod.unreachable;

export class Pods {
  private readonly options: PodsOptions;
  private readonly pods = new Map<string, Pod>();
  private addresses: Addresses = new Map();
  private unready: Addresses = new Map();
  private targets: readonly Target[] = [];
  private byRevision = new Map<string, Pod[]>();
  /** By revision without a ready pod: pods that were ready and are still there. */
  private lastResort = new Map<string, Pod[]>();
  private turn = 0;
  private readonly sweeper: NodeJS.Timeout;

  constructor(options: PodsOptions) {
    this.options = options;
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS);
    this.sweeper.unref();
  }

  /** `unready`: addresses that are there but not ready. */
  setAddresses(addresses: Addresses, unready: Addresses = new Map()): void {
    this.addresses = addresses;
    this.unready = unready;
    this.update();
  }

  setTargets(targets: readonly Target[]): void {
    this.targets = targets;
    this.update();
  }

  /** Takes the newest addresses and targets in; pods that are no longer named finish what they have and are dropped. */
  private update(): void {
    const kept = new Map<string, Pod>();
    const byRevision = new Map<string, Pod[]>();
    const lastResort = new Map<string, Pod[]>();
    for (const target of this.targets) {
      const { revision } = target;
      const pods = (this.addresses.get(revision) ?? []).map((host) => this.podAt(host, target, kept));
      byRevision.set(revision, pods);
      if (pods.length === 0) lastResort.set(revision, this.formerlyReady(target, kept));
    }
    for (const [key, pod] of this.pods) if (!kept.has(key)) this.retire(key, pod);
    this.byRevision = byRevision;
    this.lastResort = lastResort;
  }

  /** One that never was ready would refuse or say 503; one that was may only be too busy for its probe. */
  private formerlyReady(target: Target, kept: Map<string, Pod>): Pod[] {
    const known = (this.unready.get(target.revision) ?? []).filter((host) => this.pods.has(keyOf(host, target)));
    return known.map((host) => this.podAt(host, target, kept));
  }

  private podAt(host: string, ports: Ports, kept: Map<string, Pod>): Pod {
    const key = keyOf(host, ports);
    const pod = this.pods.get(key) ?? this.newPod(host, ports);
    this.pods.set(key, pod);
    kept.set(key, pod);
    return pod;
  }

  private newPod(host: string, { port, grpcPort }: Ports): Pod {
    return {
      host,
      port,
      http1: new Http1Pool({ host, port }, this.options),
      http2: new Http2Upstream({ host, port: grpcPort }, this.options.connectTimeoutMs),
      outstanding: 0,
      avoidUntil: 0,
      failures: 0,
      unreachable: false,
    };
  }

  private retire(key: string, pod: Pod): void {
    this.pods.delete(key);
    pod.http1.drain();
    pod.http2.drain();
  }

  /** True if the revision has an address to send to. */
  readonly isLive = (revision: string): boolean => this.count(revision) > 0;

  /** True if one of its addresses is worth trying: not known to be out of reach a moment ago. */
  readonly isReachable = (revision: string): boolean => {
    const pods = this.byRevision.get(revision) ?? NONE;
    return pods.some(wasReachable) || pods.some((pod) => pod.avoidUntil <= this.options.now());
  };

  /** True if the revision has no ready address, but one that was ready and is still there: better than no answer, worse than any other revision. */
  readonly isLastResort = (revision: string): boolean => (this.lastResort.get(revision) ?? NONE).length > 0;

  private candidates(revision: string): readonly Pod[] {
    const ready = this.byRevision.get(revision) ?? NONE;
    return ready.length > 0 ? ready : (this.lastResort.get(revision) ?? NONE);
  }

  /** Ready addresses by revision of the table. */
  count(revision: string): number {
    return (this.byRevision.get(revision) ?? NONE).length;
  }

  /** The pod of the revision with the fewest requests under way that is not in `tried`, counted as taken until `release`. */
  reserve(revision: string, tried: readonly Pod[]): Pod | undefined {
    const pods = this.candidates(revision);
    const index = leastOutstanding(pods, tried, { turn: this.turn++, nowMs: this.options.now() });
    const pod = pods[index];
    if (pod !== undefined) pod.outstanding++;
    return pod;
  }

  release(pod: Pod): void {
    pod.outstanding--;
  }

  /** The pod answered: it is as good as any other again. */
  succeeded(pod: Pod): void {
    pod.failures = 0;
    pod.avoidUntil = 0;
    pod.unreachable = false;
  }

  /**
   * The pod could not be reached or broke off: others are preferred for a while. `before`: its failures when the attempt began. If there
   * are more by now, this is news of something that is known already: a moment in which nothing could connect must not count as often as
   * there were requests in it, or the pod's revision would lend its share for much longer than the moment lasted.
   */
  failed(pod: Pod, kind: FailureKind, before: number): void {
    pod.unreachable = kind === 'connect';
    if (before === pod.failures) pod.failures++;
    const { first, longest } = this.options.avoidMs;
    pod.avoidUntil = this.options.now() + Math.min(longest, first * 2 ** Math.min(Math.max(0, pod.failures - 1), 16));
  }

  /** Open connections to pods, including those that are being drained only while they are known. */
  connections(): number {
    let sum = 0;
    for (const pod of this.pods.values()) sum += pod.http1.size + pod.http2.size;
    return sum;
  }

  private sweep(): void {
    for (const pod of this.pods.values()) pod.http1.sweep();
  }

  /** Ends every connection. */
  close(): void {
    clearInterval(this.sweeper);
    for (const pod of this.pods.values()) {
      pod.http1.destroy();
      pod.http2.destroy();
    }
  }
}
