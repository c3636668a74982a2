// One holder at a time, also when the holder died without giving the lock back.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withLock } from './lock.ts';
import { identify } from './processes.ts';

let folder = '';
const lock = (): string => path.join(folder, 'x.lock');
beforeEach(() => { folder = mkdtempSync(path.join(tmpdir(), 'slipway-lock-')); });
afterEach(() => rmSync(folder, { recursive: true }));

it('lets one call in at a time and leaves no file behind', async () => {
  let inside = 0;
  const most: number[] = [];
  const work = async (): Promise<void> => {
    most.push(++inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside--;
  };
  await Promise.all([1, 2, 3].map(() => withLock(lock(), { timeoutMs: 10_000 }, work)));
  expect(most).toEqual([1, 1, 1]);
  expect(readdirSync(folder)).toEqual([]);
});

it('gives the lock back when the work fails', async () => {
  await expect(withLock(lock(), { timeoutMs: 1_000 }, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(existsSync(lock())).toBe(false);
});

it('takes over from a holder that is gone, even if its pid lives on in another process', async () => {
  const gone = { pid: spawnSync('true').pid, start: '1' };
  for (const holder of [gone, { pid: process.pid, start: '1' }]) {
    writeFileSync(lock(), JSON.stringify(holder));
    expect(await withLock(lock(), { timeoutMs: 1_000 }, () => Promise.resolve('in'))).toBe('in');
  }
});

it('waits for a holder that lives, says so once, and gives up naming it', async () => {
  writeFileSync(lock(), JSON.stringify(identify(process.pid)));
  const told: unknown[] = [];
  const attempt = withLock(lock(), { timeoutMs: 500, waiting: (holder) => told.push(holder?.pid) }, () => Promise.resolve());
  await expect(attempt).rejects.toThrow(`locked by process ${process.pid}`);
  expect(told).toEqual([process.pid]);
});
