// Unpacking: honest archives come out as they went in; everything that reaches outside, links, grows or is damaged is refused.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unpack } from './archive.ts';
import { FetchError } from './failures.ts';
import { tarGz, zip } from './test-archives.ts';
import type { TestEntry } from './test-archives.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-archive-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const never = new AbortController().signal;

async function unpacked(bytes: Uint8Array, kind: 'tar' | 'zip', signal = never, floorBytes = 1 << 30): Promise<string[]> {
  writeFileSync(path.join(folder, 'archive'), bytes);
  return unpack(path.join(folder, 'archive'), kind, path.join(folder, 'out'), { signal, floorBytes });
}

const pack = { tar: tarGz, zip };
const kinds = ['tar', 'zip'] as const;

test.each(kinds)('%s: files and folders come out as they went in', async (kind) => {
  const big = Buffer.alloc(3_000_000, 'weights ');
  const entries: TestEntry[] = [{ name: './model.json', content: '{}' }, { name: 'a/b/weights.bin', content: big }, { name: 'empty', content: '' }];
  if (kind === 'tar') entries.push({ name: 'folder/', type: '5' });
  expect((await unpacked(pack[kind](entries.map((entry) => ({ ...entry, name: kind === 'zip' ? entry.name.replace('./', '') : entry.name }))), kind)).sort()).toEqual(['a/b/weights.bin', 'empty', 'model.json']);
  expect(readFileSync(path.join(folder, 'out/a/b/weights.bin')).equals(big)).toBe(true);
  expect(readFileSync(path.join(folder, 'out/empty')).length).toBe(0);
});

const hostile: [string, TestEntry[]][] = [
  ['a path upwards', [{ name: '../evil', content: 'x' }]],
  ['a path upwards in the middle', [{ name: 'a/../../evil', content: 'x' }]],
  ['an absolute path', [{ name: '/tmp/slipway-evil', content: 'x' }]],
  ['a symbolic link', [{ name: 'link', type: '2', link: '/etc' }, { name: 'link/passwd', content: 'x' }]],
  ['a file twice', [{ name: 'a', content: '1' }, { name: 'a', content: '2' }]],
  ['nothing', []],
];

test.each(kinds.flatMap((kind) => hostile.map(([what, entries]) => [kind, what, entries] as const)))('%s with %s is refused', async (kind, _what, entries) => {
  await expect(unpacked(pack[kind](entries), kind)).rejects.toMatchObject({ reason: 'ArchiveInvalid' });
  expect(readdirSync(folder).sort().filter((name) => name !== 'out')).toEqual(['archive']);
});

test('a hard link is refused', async () => {
  await expect(unpacked(tarGz([{ name: 'a', type: '1', link: '/etc/passwd' }]), 'tar')).rejects.toThrow('is a Link, not a plain file');
});

test.each(kinds)('%s: what grows out of all proportion is stopped', async (kind) => {
  const bomb = pack[kind]([{ name: 'noise', content: randomBytes(8192) }, { name: 'a', content: Buffer.alloc(2 << 20) }, { name: 'b', content: Buffer.alloc(8 << 20) }]);
  await expect(unpacked(bomb, kind, never, 1 << 20)).rejects.toThrow('far more than its own size');
  expect(existsSync(path.join(folder, 'out', 'b')) && statSync(path.join(folder, 'out', 'b')).size > 2 << 20).toBe(false);
});

test.each(kinds)('%s: damaged or cut off', async (kind) => {
  const whole = pack[kind]([{ name: 'a', content: Buffer.from(Array.from({ length: 50_000 }, (_, index) => (index * 7919) % 251)) }]);
  await expect(unpacked(whole.subarray(0, Math.floor(whole.length / 2)), kind)).rejects.toBeInstanceOf(FetchError);
  await expect(unpacked(Buffer.from('<html>Please log in</html>'), kind)).rejects.toMatchObject({ reason: 'ArchiveInvalid' });
});

test('stops when told to', async () => {
  const stop = new AbortController();
  stop.abort(new FetchError('DownloadTimeout', 'late'));
  await expect(unpacked(tarGz([{ name: 'a', content: 'x' }]), 'tar', stop.signal)).rejects.toMatchObject({ reason: 'DownloadTimeout' });
});
