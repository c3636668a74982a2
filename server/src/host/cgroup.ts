// Owns what the container may use: CPUs and memory by cgroup, version 2 or 1. Must not know what they are used for.
import { readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = '/sys/fs/cgroup';

/** CPUs the container may use (may be a fraction), or undefined without a limit. */
export function cgroupCpus(root = ROOT, self = '/proc/self/cgroup'): number | undefined {
  return lowest(folders(root, self).map(({ v2, cpu }) => (v2 === undefined ? quotaV1(cpu) : quotaV2(v2))));
}

/** Memory limit of the container in bytes, or undefined without one. */
export function cgroupMemoryBytes(root = ROOT, self = '/proc/self/cgroup'): number | undefined {
  return lowest(folders(root, self).map(({ v2, memory }) => number(v2 === undefined ? path.join(memory, 'memory.limit_in_bytes') : path.join(v2, 'memory.max'))).map(belowUnlimited));
}

interface Folders {
  v2: string | undefined;
  cpu: string;
  memory: string;
}

/** The process's own groups and the namespace root (inside a container the two are usually the same). */
function folders(root: string, self: string): Folders[] {
  const lines = (read(self) ?? '').split('\n');
  const v2Path = lines.find((line) => line.startsWith('0::'))?.slice(3);
  const v1Path = (controller: string): string => lines.map((line) => line.split(':')).find((parts) => parts[1]?.split(',').includes(controller))?.[2] ?? '/';
  const unified = read(path.join(root, 'cgroup.controllers')) !== undefined;
  return ['own', 'root'].map((which) => {
    const at = (folder: string): string => (which === 'own' ? folder : '/');
    return {
      v2: unified ? path.join(root, at(v2Path ?? '/')) : undefined,
      cpu: path.join(root, 'cpu', at(v1Path('cpu'))),
      memory: path.join(root, 'memory', at(v1Path('memory'))),
    };
  });
}

/** cpu.max: `max 100000` or `150000 100000` (microseconds per period). */
function quotaV2(folder: string): number | undefined {
  const [quota, period] = (read(path.join(folder, 'cpu.max')) ?? '').trim().split(' ').map(Number);
  return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : undefined;
}

function quotaV1(folder: string): number | undefined {
  const quota = number(path.join(folder, 'cpu.cfs_quota_us'));
  const period = number(path.join(folder, 'cpu.cfs_period_us'));
  return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : undefined;
}

/** Version 1 says "no limit" with a number near 2^63. */
const belowUnlimited = (bytes: number | undefined): number | undefined => (bytes === undefined || bytes > 2 ** 50 ? undefined : bytes);

function lowest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function number(file: string): number | undefined {
  const text = read(file)?.trim();
  return text === undefined || text === '' || !/^\d+$/.test(text) ? undefined : Number(text);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
