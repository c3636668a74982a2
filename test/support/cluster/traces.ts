// What a local cluster leaves on the machine, found by looking at the machine and not at the cluster's own record: for
// tests of isolation and clean removal. It must not use the code that it judges, but for names.
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import type { ClusterRecord } from '../../../tools/cluster/local/record.ts';

/** Traces by kind; all empty if nothing is left. */
export interface Traces {
  readonly processes: readonly string[];
  readonly mounts: readonly string[];
  readonly networks: readonly string[];
  readonly controlGroups: readonly string[];
  readonly files: readonly string[];
}

/** What to look for: taken while the cluster still runs. */
export interface Marks {
  readonly token: string;
  readonly folder: string;
  /** The network namespace, as the kernel names it. */
  readonly network: string;
}

/** The marks of a running cluster. */
export function marksOf(record: ClusterRecord, folder: string): Marks {
  return { token: `slipway-${record.id}-${record.token}`, folder, network: readlinkSync(`/proc/${record.processes['anchor']?.pid ?? 0}/ns/net`) };
}

/** Looks through all processes, mounts, namespaces, control groups and the run folder. */
export function tracesOf({ token, folder, network }: Marks): Traces {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isAlive(name));
  const mounts = pids.flatMap((pid) => read(`/proc/${pid}/mountinfo`).split('\n').filter((line) => line.includes(folder)).map((line) => `${pid}: ${line}`));
  return {
    processes: pids.filter((pid) => read(`/proc/${pid}/cgroup`).includes(token) || read(`/proc/${pid}/cmdline`).includes(`${folder}/`)).map(describe),
    mounts,
    networks: pids.filter((pid) => link(`/proc/${pid}/ns/net`) === network).map(describe),
    controlGroups: foldersNamed('/sys/fs/cgroup', token, 2),
    files: existsSync(folder) ? [folder] : [],
  };
}

export const NO_TRACES: Traces = { processes: [], mounts: [], networks: [], controlGroups: [], files: [] };

/** Addresses that something listens on in the machine's own network namespace, as the kernel writes them (hex). */
export function listeners(): Set<string> {
  const lines = ['/proc/self/net/tcp', '/proc/self/net/tcp6'].flatMap((file) => read(file).split('\n').slice(1));
  const listening = lines.map((line) => line.trim().split(/\s+/)).filter((fields) => fields[3] === '0A');
  return new Set(listening.map((fields) => fields[1] ?? ''));
}

/** 127.0.0.1 as /proc/net/tcp writes it. */
export const LOOPBACK_HEX = '0100007F:';

function foldersNamed(root: string, name: string, depth: number): string[] {
  if (depth === 0) return [];
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.flatMap((entry) => (entry.name === name ? [path.join(root, name)] : foldersNamed(path.join(root, entry.name), name, depth - 1)));
}

function isAlive(pid: string): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return stat !== '' && !/\) [ZX] /.test(stat);
}

function describe(pid: string): string {
  return `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 120)}`;
}

function link(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
