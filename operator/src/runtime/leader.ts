// Owns leadership: one of several replicas holds a Lease and may write. Timings are client-go's; time is the monotonic clock, so that
// a changed wall clock cannot make two leaders. Must not know what leading means.
import { sleep } from '@slipway/kube';
import type { Clock, KubeObject } from '@slipway/kube';
import type { Log } from './log.ts';

export interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  /** RFC 3339 with microseconds. */
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

export interface Lease extends KubeObject {
  spec: LeaseSpec;
}

/** Where the Lease lives. `replace` must fail when the Lease changed since it was read. */
export interface LeaseStore {
  read(): Promise<Lease | undefined>;
  create(spec: LeaseSpec): Promise<Lease>;
  replace(lease: Lease): Promise<Lease>;
}

export interface LeaderTimings {
  /** Milliseconds after its last renewal in which nobody else may take the Lease. */
  leaseMs: number;
  /** Milliseconds after its last renewal in which the holder still acts. Less than leaseMs: what is on its way can land. */
  renewDeadlineMs: number;
  /** Milliseconds between two tries. */
  retryMs: number;
}

export interface ElectionOptions {
  store: LeaseStore;
  /** Unique among all replicas, over restarts too. */
  identity: string;
  clock: Clock;
  /** A number in [0,1). */
  random: () => number;
  log: Log;
  timings?: LeaderTimings;
  /** Leadership was gained; called once per term. */
  onStarted: () => void;
  /** Leadership ended, by loss or by stop; the next term begins only after it resolved. */
  onStopped: () => Promise<void>;
}

export interface Election {
  /** True while this replica may write. Cheap: ask before every write. */
  isLeader(): boolean;
  start(): void;
  /** Ends the term, then gives the Lease back so that another replica need not wait for it to run out. */
  stop(): Promise<void>;
}

const TIMINGS: LeaderTimings = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };

const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

class LeaseElection implements Election {
  private readonly options: ElectionOptions;
  private readonly timings: LeaderTimings;
  private readonly stopping = new AbortController();
  private lease: Lease | undefined;
  /** Monotonic time at which the present content of the Lease was first seen. */
  private seenAt = -Infinity;
  /** Monotonic time at which the last successful renewal was sent; undefined while not leading. */
  private renewedAt: number | undefined;
  private loop: Promise<void> | undefined;

  constructor(options: ElectionOptions) {
    this.options = options;
    this.timings = options.timings ?? TIMINGS;
  }

  isLeader(): boolean {
    return this.renewedAt !== undefined && this.options.clock.monotonic() - this.renewedAt < this.timings.renewDeadlineMs;
  }

  start(): void {
    this.loop ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      if (await this.tryOnce()) await this.lead();
      else await this.wait();
    }
  }

  /** One term: from the first renewal until the deadline passes or the election stops. */
  private async lead(): Promise<void> {
    this.options.log.info({ lease: this.lease?.metadata.name }, 'leading');
    this.options.onStarted();
    while (this.isLeader() && !this.stopping.signal.aborted) {
      await this.wait();
      if (!this.stopping.signal.aborted) await this.tryOnce();
    }
    const lost = !this.stopping.signal.aborted;
    if (lost) this.renewedAt = undefined;
    this.options.log[lost ? 'error' : 'info']({}, lost ? 'leadership lost' : 'leadership ends');
    await this.options.onStopped();
    if (!lost) await this.release();
  }

  private wait(): Promise<void> {
    const { clock, random } = this.options;
    return sleep(clock, this.timings.retryMs * (1 + 0.2 * random()), this.stopping.signal);
  }

  /** Takes or renews the Lease. False when another holds it or the API server did not agree in time. */
  private async tryOnce(): Promise<boolean> {
    const sentAt = this.options.clock.monotonic();
    try {
      const known = (this.isLeader() ? this.lease : undefined) ?? (await this.look());
      if (known !== undefined && !this.isFree(known)) return this.giveWay();
      this.note(await this.write(known));
    } catch (error) {
      this.lease = undefined;
      this.options.log.warn({ err: error }, 'the Lease could not be taken or renewed');
      return this.isLeader();
    }
    this.renewedAt = sentAt;
    return this.isLeader();
  }

  /** Somebody else holds the Lease: whatever we believed, we do not lead. */
  private giveWay(): boolean {
    this.renewedAt = undefined;
    return false;
  }

  private async look(): Promise<Lease | undefined> {
    const lease = await this.options.store.read();
    if (lease !== undefined && lease.metadata.resourceVersion !== this.lease?.metadata.resourceVersion) this.note(lease);
    return lease;
  }

  private note(lease: Lease): void {
    this.lease = lease;
    this.seenAt = this.options.clock.monotonic();
  }

  private isFree(lease: Lease): boolean {
    const { holderIdentity = '', leaseDurationSeconds = this.timings.leaseMs / 1000 } = lease.spec;
    if (holderIdentity === '' || holderIdentity === this.options.identity) return true;
    return this.options.clock.monotonic() - this.seenAt >= leaseDurationSeconds * 1000;
  }

  private write(known: Lease | undefined): Promise<Lease> {
    const { store, identity, clock } = this.options;
    const now = microTime(clock.now());
    const before = known?.spec ?? {};
    const mine = before.holderIdentity === identity;
    const spec: LeaseSpec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.timings.leaseMs / 1000),
      acquireTime: mine ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before.leaseTransitions ?? 0) + (mine || known === undefined ? 0 : 1),
    };
    return known === undefined ? store.create(spec) : store.replace({ ...known, spec });
  }

  private async release(): Promise<void> {
    const { store, log, clock } = this.options;
    const held = this.lease;
    this.renewedAt = undefined;
    if (held === undefined) return;
    const { acquireTime: _acquired, ...rest } = held.spec;
    const spec: LeaseSpec = { ...rest, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(clock.now()) };
    await store.replace({ ...held, spec }).catch((error: unknown) => log.warn({ err: error }, 'the Lease could not be given back'));
  }
}

/** An election that has not started. */
export const createElection = (options: ElectionOptions): Election => new LeaseElection(options);
