// Both versions of cgroups as files in a folder, as the kernel writes them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cgroupCpus, cgroupMemoryBytes } from './cgroup.ts';

let root: string;
beforeEach(() => { root = mkdtempSync(path.join(tmpdir(), 'slipway-cgroup-')); });
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

function write(files: Record<string, string>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
}
const cpus = (): number | undefined => cgroupCpus(path.join(root, 'fs'), path.join(root, 'self'));
const memory = (): number | undefined => cgroupMemoryBytes(path.join(root, 'fs'), path.join(root, 'self'));

describe('cgroup version 2', () => {
  it('quota over period, limit in bytes', () => {
    write({ self: '0::/\n', 'fs/cgroup.controllers': 'cpu memory\n', 'fs/cpu.max': '150000 100000\n', 'fs/memory.max': '1073741824\n' });
    expect([cpus(), memory()]).toEqual([1.5, 1_073_741_824]);
  });

  it('max is no limit', () => {
    write({ self: '0::/\n', 'fs/cgroup.controllers': 'cpu\n', 'fs/cpu.max': 'max 100000\n', 'fs/memory.max': 'max\n' });
    expect([cpus(), memory()]).toEqual([undefined, undefined]);
  });

  it('the lower of the own group and the root counts', () => {
    write({ self: '0::/kubepods/pod1\n', 'fs/cgroup.controllers': 'cpu\n', 'fs/cpu.max': '400000 100000', 'fs/kubepods/pod1/cpu.max': '200000 100000\n', 'fs/kubepods/pod1/memory.max': '5\n' });
    expect([cpus(), memory()]).toEqual([2, 5]);
  });
});

describe('cgroup version 1', () => {
  it('quota over period, limit in bytes, by controller', () => {
    write({ self: '4:memory:/a\n3:cpu,cpuacct:/b\n', 'fs/cpu/b/cpu.cfs_quota_us': '50000\n', 'fs/cpu/b/cpu.cfs_period_us': '100000\n', 'fs/memory/a/memory.limit_in_bytes': '268435456\n' });
    expect([cpus(), memory()]).toEqual([0.5, 268_435_456]);
  });

  it('-1 and numbers beyond any machine are no limit', () => {
    write({ self: '3:cpu:/\n4:memory:/\n', 'fs/cpu/cpu.cfs_quota_us': '-1\n', 'fs/cpu/cpu.cfs_period_us': '100000\n', 'fs/memory/memory.limit_in_bytes': '9223372036854771712\n' });
    expect([cpus(), memory()]).toEqual([undefined, undefined]);
  });
});

it('no cgroups at all are no limit', () => {
  expect([cpus(), memory()]).toEqual([undefined, undefined]);
});
