// What is told about a download while it runs: rate, share, the line for people, what failed last.
import { expect, test } from 'vitest';
import { FetchError } from './failures.ts';
import { bytesText, progressOf } from './progress.ts';

test('the rate is of the last seconds, and a line comes every two', () => {
  let now = 0;
  const lines: string[] = [];
  const progress = progressOf(() => now, (line) => lines.push(line));
  progress.expect(0, 10 << 20);
  progress.enter('Downloading');
  for (now = 250; now <= 4000; now += 250) progress.add(256 << 10);
  expect(progress.report()).toMatchObject({ phase: 'Downloading', bytesDone: 4 << 20, bytesTotal: 10 << 20, bytesPerSecond: 1 << 20, attempt: 1 });
  expect(lines).toEqual(['downloading: 2.0 MiB of 10.0 MiB (20 %), 1.0 MiB/s', 'downloading: 4.0 MiB of 10.0 MiB (40 %), 1.0 MiB/s']);
});

test('a download that stands still has no rate', () => {
  let now = 0;
  const progress = progressOf(() => now, () => undefined);
  progress.enter('Downloading');
  for (now = 0; now <= 2000; now += 500) progress.add(1 << 20);
  expect(progress.report().bytesPerSecond).toBeGreaterThan(0);
  now += 5000;
  expect(progress.report()).toMatchObject({ bytesPerSecond: 0, bytesDone: 5 << 20 });
});

test('a failure counts the attempt, the last one ends it', () => {
  const progress = progressOf(() => 0, () => undefined);
  progress.failed(new FetchError('DownloadInterrupted', 'broke'), 'retry');
  expect(progress.report()).toMatchObject({ phase: 'Connecting', attempt: 2, lastError: 'broke' });
  progress.failed(new FetchError('DownloadNotFound', 'gone'), 'end');
  expect(progress.report()).toMatchObject({ phase: 'Failed', attempt: 2, lastError: 'gone' });
});

test('bytes for people', () => {
  expect([0, 1023, 1024, 1536 * 1024, 3 * 2 ** 40].map(bytesText)).toEqual(['0 B', '1023 B', '1.0 KiB', '1.5 MiB', '3.0 TiB']);
});
