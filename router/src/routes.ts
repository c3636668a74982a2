// Owns the present table and addresses: takes news in, swaps one reference, keeps the copy on disk, reports what is served.
// Must not know HTTP or where the news come from.
import type { RouterReport } from '@slipway/api';
import type { Disk, Snapshot } from './disk.ts';
import type { Connections } from './downstream/connections.ts';
import type { Log } from './log.ts';
import type { Addresses } from './table/endpoints.ts';
import type { Entry } from './table/entry.ts';
import { EMPTY, offer, withdraw } from './table/table.ts';
import type { Table } from './table/table.ts';
import type { Pods, Target } from './upstream/pods.ts';

export interface RoutesOptions {
  pod: string;
  pods: Pods;
  connections: Connections;
  disk: Disk | undefined;
  log: Log;
  /**
   * Milliseconds that an entry is still served after its source has gone: a ConfigMap deleted by hand comes back from the operator,
   * and nobody should notice. Ports are not given to another service for far longer.
   */
  withdrawDelayMs: number;
}

function targetsOf(table: Table): Target[] {
  const targets: Target[] = [];
  for (const { route } of table.entries.values()) {
    for (const { revision, port = route.targetPort, grpcPort = port } of route.backends) targets.push({ revision, port, grpcPort });
  }
  return targets;
}

export class Routes {
  private readonly options: RoutesOptions;
  private readonly leaving = new Map<string, NodeJS.Timeout>();
  private addresses: Addresses = new Map();
  table: Table = EMPTY;
  /** The table came from disk or from a complete first read. */
  loaded = false;
  /** The table was read from its source since the start. */
  synced = false;

  constructor(options: RoutesOptions) {
    this.options = options;
  }

  /** Serves what was served when the router last ran. */
  async loadFromDisk(): Promise<void> {
    const snapshot = await this.options.disk?.load();
    if (snapshot === undefined) return;
    this.setAddresses(snapshot.addresses);
    for (const [source, text] of snapshot.sources) this.offer(source, text);
    this.loaded = true;
    this.options.log.info({ entries: this.table.entries.size }, 'serving the table from disk');
  }

  /** The first complete read is done: sources that it did not name are withdrawn. */
  markSynced(named: ReadonlySet<string>): void {
    for (const source of this.table.entries.keys()) if (!named.has(source)) this.withdraw(source);
    this.loaded = true;
    this.synced = true;
    this.save();
  }

  offer(source: string, text: string): void {
    clearTimeout(this.leaving.get(source));
    this.leaving.delete(source);
    this.become(offer(this.table, source, text));
    const why = this.table.refused.get(source)?.why;
    if (why !== undefined) this.options.log.warn({ source, why }, 'entry refused; the one before keeps serving');
  }

  withdraw(source: string): void {
    if (this.leaving.has(source)) return;
    const leave = (): void => {
      this.leaving.delete(source);
      this.become(withdraw(this.table, source));
      this.options.log.info({ source }, 'entry withdrawn');
    };
    const timer = setTimeout(leave, this.options.withdrawDelayMs);
    timer.unref();
    this.leaving.set(source, timer);
  }

  /** `unready`: addresses that are there but not ready, and serve where nothing else does. */
  setAddresses(addresses: Addresses, unready: Addresses = new Map()): void {
    this.addresses = addresses;
    this.options.pods.setAddresses(addresses, unready);
    this.save();
  }

  private become(table: Table): void {
    if (table === this.table) return;
    const { pods, connections } = this.options;
    // Addresses first: an entry that is served has its pods.
    pods.setTargets(targetsOf(table));
    this.table = table;
    connections.set(table.ports.keys());
    this.save();
  }

  /** Half a table must never get on disk, neither while the copy there is read nor before the first complete read: the next start would take it for all. */
  private save(): void {
    if (this.loaded) this.options.disk?.save(() => this.snapshot());
  }

  private snapshot(): Snapshot {
    return { sources: new Map([...this.table.entries].map(([source, entry]) => [source, entry.text])), addresses: this.addresses };
  }

  /** What still keeps this router from being ready; undefined when nothing does. */
  missing(): string | undefined {
    if (!this.loaded) return 'no table yet: neither Kubernetes nor the disk had one';
    return this.options.connections.allListening ? undefined : 'not every port listens yet';
  }

  /** The longest time any request may take at present, in milliseconds. */
  longestTimeoutMs(): number {
    return Math.max(0, ...[...this.table.entries.values()].map((entry) => entry.timeoutMs));
  }

  knows(isvc: string, revision: string): boolean {
    for (const { route } of this.table.entries.values()) {
      if (route.name === isvc) return revision === '' || route.backends.some((b) => b.revision === revision);
    }
    return false;
  }

  report(): RouterReport {
    const entries = [...this.table.entries].map(([source, entry]) => this.reportOf(source, entry));
    for (const [source, { why }] of this.table.refused) {
      if (!this.table.entries.has(source)) entries.push({ uid: '', name: source, sequence: 0, listening: false, refused: why, endpoints: {} });
    }
    return { pod: this.options.pod, entries };
  }

  private reportOf(source: string, { uid, sequence, route }: Entry): RouterReport['entries'][number] {
    const { connections, pods } = this.options;
    const refused = this.table.refused.get(source)?.why;
    return {
      uid,
      name: route.name,
      sequence,
      listening: connections.isListening(route.ports.public) && connections.isListening(route.ports.preview),
      ...(refused === undefined ? {} : { refused }),
      endpoints: Object.fromEntries(route.backends.map((b) => [b.revision, pods.count(b.revision)])),
    };
  }

  close(): void {
    for (const timer of this.leaving.values()) clearTimeout(timer);
  }
}
