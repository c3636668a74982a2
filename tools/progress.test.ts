// One line per step, its name, result and time; a failed step says so and passes the failure on.
import { describe, expect, it } from 'vitest';
import { createProgress, formatDuration } from './progress.ts';

function display(): { written: string[]; progress: ReturnType<typeof createProgress> } {
  const written: string[] = [];
  return { written, progress: createProgress({ write: (text) => written.push(text) }) };
}

describe('progress', () => {
  it('prints one line for a step that ends at once', async () => {
    const { written, progress } = display();
    await progress.step('images', async () => 'cached');
    expect(written.join('')).toMatch(/^images +cached {2}\(0\.\d s\)\n$/);
  });

  it('says that a step failed and throws its error', async () => {
    const { written, progress } = display();
    await expect(progress.step('images', () => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
    expect(written.join('')).toContain('failed');
  });
});

describe('formatDuration', () => {
  it.each([[0, '0.0 s'], [1234, '1.2 s'], [60_000, '1 min 00 s'], [125_400, '2 min 05 s']])('%d ms is %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });
});
