// Telling a process from a later one of the same pid.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { identify, isRunning, parseStat, signal } from './processes.ts';

it('reads the start time behind a name with blanks and brackets', () => {
  const stat = `7 (a) b (c)) S 1 7 7 0 -1 4194560 ${Array.from({ length: 12 }, (_, i) => i).join(' ')} 4242 99`;
  expect(parseStat(7, stat)).toEqual({ pid: 7, start: '4242' });
});

it('counts a zombie as gone', () => {
  expect(parseStat(7, '7 (x) Z 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4242 0')).toBeUndefined();
});

it('counts a zombie as running while other threads of it still end: its ports are taken', () => {
  expect(parseStat(7, '7 (x) Z 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 4242 0')).toEqual({ pid: 7, start: '4242' });
});

it('never signals another process of the same pid', async () => {
  const child = spawn('sleep', ['60']);
  const known = identify(child.pid ?? 0);
  if (known === undefined) throw new Error('no child');
  expect(signal({ ...known, start: '1' }, 'SIGKILL')).toBe(false);
  expect(isRunning(known)).toBe(true);
  expect(signal(known, 'SIGKILL')).toBe(true);
  await once(child, 'exit');
  expect(isRunning(known)).toBe(false);
  expect(signal(known, 'SIGKILL')).toBe(false);
});

it('knows nothing of a pid that is free', () => {
  expect(identify(spawnSync('true').pid)).toBeUndefined();
});
