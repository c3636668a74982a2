// The record of one local cluster: everything that was started or made for it outside its run folder, written down before
// or as soon as it exists. `down` removes what the record names and nothing else. It starts and stops nothing itself.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { bootId, type ProcessId } from '../processes.ts';
import { clustersFolder, layoutOf, type Layout } from './layout.ts';

/** One address on 127.0.0.1 that leads into the cluster. */
export interface Forward {
  /** Port on 127.0.0.1. */
  readonly port: number;
  /** `host:port` inside the cluster; host is an address or a DNS name of the cluster. */
  readonly target: string;
}

export interface ClusterRecord {
  readonly version: 1;
  readonly id: string;
  /** Tells this cluster's control groups from those of any other, also of one with the same id in another cache. */
  readonly token: string;
  /** The boot of the machine that the processes belong to. */
  readonly boot: string;
  /** Hash of how the cluster was made. */
  readonly recipe: string;
  /** If set, the cluster is of no use once this process is gone (a test's). */
  readonly owner?: ProcessId;
  /** Everything started, by name. Containers are not listed: they live in the cluster's control group. */
  readonly processes: Record<string, ProcessId>;
  readonly forwards: Record<string, Forward>;
  /** Archives that were imported, with a mark that changes when the file does. */
  readonly archives: Record<string, string>;
}

/** Name of the cluster's control group in every hierarchy: the root of its kubelet and the home of its processes. */
export function controlGroupOf(record: ClusterRecord): string {
  return `slipway-${record.id}-${record.token}`;
}

/** A record with nothing in it yet. */
export function newRecord(id: string, recipe: string, owner?: ProcessId): ClusterRecord {
  const token = randomBytes(3).toString('hex');
  return { version: 1, id, token, boot: bootId(), recipe, ...(owner === undefined ? {} : { owner }), processes: {}, forwards: {}, archives: {} };
}

/** The record of a cluster, or undefined if there is none (or none that can be read: then nothing of it can be known). */
export function readRecord(layout: Layout): ClusterRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(layout.record, 'utf8')) as ClusterRecord;
    return record.version === 1 && record.id === layout.id ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Writes the record whole or not at all. */
export function writeRecord(layout: Layout, record: ClusterRecord): void {
  mkdirSync(layout.folder, { recursive: true, mode: 0o700 });
  const partial = `${layout.record}.${process.pid}`;
  writeFileSync(partial, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  renameSync(partial, layout.record);
}

/** Ids of all clusters that left a run folder, running or not. */
export function recordedIds(): string[] {
  try {
    return readdirSync(clustersFolder(), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** Records of all clusters. */
export function allRecords(): ClusterRecord[] {
  return recordedIds().map((id) => readRecord(layoutOf(id))).filter((record) => record !== undefined);
}
