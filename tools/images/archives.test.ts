import { describe, expect, it } from 'vitest';
import { isSuperfluous } from './archives.ts';

const HOUR = 3600_000;
const NOW = 100 * HOUR;
const file = (image: string, digit: string, hoursAgo: number) => ({ path: `/cache/${image}-${digit.repeat(16)}.tar`, mtimeMs: NOW - hoursAgo * HOUR });
const removed = (image: 'server' | 'server-onnx', files: ReturnType<typeof file>[]) => files.filter(isSuperfluous(image, NOW)).map(({ path }) => path);

describe('archives that nobody needs', () => {
  it('are those beyond the newest two', () => {
    const files = [file('server', '1', 2), file('server', '2', 3), file('server', '3', 4)];
    expect(removed('server', files)).toEqual([files[2]?.path]);
  });

  it('are none of an image whose name begins alike', () => {
    const files = [file('server', '1', 2), file('server', '2', 3), file('server-onnx', 'a', 4), file('server-onnx', 'b', 5)];
    expect(removed('server', files)).toEqual([]);
    expect(removed('server-onnx', files)).toEqual([]);
  });

  it('are none that another checkout used within the hour', () => {
    expect(removed('server', ['1', '2', '3', '4'].map((digit) => file('server', digit, 0.5)))).toEqual([]);
  });
});
