// Removal by records that have gone stale: after a reboot, with recycled pids, of owners that are gone. What must not be
// killed is a real process that the record wrongly names.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { identify } from '../processes.ts';
import { layoutOf } from './layout.ts';
import { down, removeOrphans } from './lifecycle.ts';
import { newRecord, readRecord, writeRecord, type ClusterRecord } from './record.ts';

const options = { report: () => undefined };
const saved = process.env['SLIPWAY_CACHE'];
let cache = '';
let bystander: ChildProcess;

beforeEach(() => {
  cache = mkdtempSync(path.join(tmpdir(), 'slipway-lifecycle-'));
  process.env['SLIPWAY_CACHE'] = cache;
  bystander = spawn('sleep', ['60']);
});
afterEach(() => {
  bystander.kill('SIGKILL');
  if (saved === undefined) delete process.env['SLIPWAY_CACHE'];
  else process.env['SLIPWAY_CACHE'] = saved;
  rmSync(cache, { recursive: true });
});

function record(change: Partial<ClusterRecord>): ClusterRecord {
  const made = { ...newRecord('old', 'recipe'), ...change };
  writeRecord(layoutOf('old'), made);
  return made;
}

const bystanderId = (): { pid: number; start: string } => identify(bystander.pid ?? 0) ?? { pid: 0, start: '' };

it.each<[string, () => Partial<ClusterRecord>]>([
  ['of another boot', () => ({ boot: 'before the reboot', processes: { etcd: bystanderId() } })],
  ['whose pid went to another process', () => ({ processes: { etcd: { ...bystanderId(), start: '1' } } })],
])('ends no process by a record %s', async (_, change) => {
  record(change());
  await down('old', options);
  expect(existsSync(layoutOf('old').folder)).toBe(false);
  expect(identify(bystander.pid ?? 0)).toBeDefined();
});

it('removes a run folder whose record cannot be read', async () => {
  mkdirSync(layoutOf('old').folder, { recursive: true });
  writeFileSync(layoutOf('old').record, '{"version": 1, "id": "o');
  await down('old', options);
  expect(existsSync(layoutOf('old').folder)).toBe(false);
});

it('does nothing where there is no cluster', async () => {
  await down('old', options);
  expect(existsSync(path.join(cache, 'clusters'))).toBe(false);
});

it('removes clusters whose owner is gone, and only those', async () => {
  record({ owner: { pid: spawnSync('true').pid, start: '1' } });
  expect(await removeOrphans(options)).toEqual(['old']);
  record({ owner: bystanderId() });
  expect(await removeOrphans(options)).toEqual([]);
  record({});
  expect(await removeOrphans(options)).toEqual([]);
  expect(readRecord(layoutOf('old'))).toBeDefined();
});

it('refuses names that would leave the folder of clusters', () => {
  for (const id of ['', '../x', 'A', 'a/b', '-a', 'x'.repeat(40)]) expect(() => layoutOf(id)).toThrow('cannot name a cluster');
});
