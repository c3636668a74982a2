// Programs end within their time, with everything they started, and an error carries their words.
import { describe, expect, it } from 'vitest';
import { exec, isOnPath } from './exec.ts';

describe('exec', () => {
  it('returns what the program printed', async () => {
    expect(await exec(['/bin/sh', '-c', 'echo out; echo err >&2'])).toBe('out\n');
  });

  it('fails with the code and the last words', async () => {
    await expect(exec(['/bin/sh', '-c', 'echo broken >&2; exit 3'])).rejects.toMatchObject({ code: 3, message: expect.stringContaining('broken') });
  });

  it('names a program that is not there', async () => {
    await expect(exec(['slipway-no-such-program'])).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await isOnPath('slipway-no-such-program')).toBe(false);
    expect(await isOnPath('sh')).toBe(true);
  });

  it('ends a program, and what it started, at the time-out', async () => {
    await expect(exec(['/bin/sh', '-c', 'sleep 60 & wait'], { timeoutMs: 50 })).rejects.toThrow('time-out after 0.05 s');
  });

  it('ends a program when aborted', async () => {
    await expect(exec(['sleep', '60'], { signal: AbortSignal.timeout(50) })).rejects.toThrow('interrupted');
    await expect(exec(['sleep', '60'], { signal: AbortSignal.abort() })).rejects.toThrow('interrupted');
  });
});
