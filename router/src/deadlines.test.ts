// One timer per length of time: what expires, in which order, and what does not.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadlines } from './deadlines.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('deadlines', () => {
  it('expire in time and in order, cancelled ones never', () => {
    const start = Date.now();
    const deadlines = new Deadlines(() => Date.now() - start);
    const expired: string[] = [];
    const add = (name: string, ms: number): { cancel(): void } => deadlines.add(ms, Date.now() - start, { expired: () => void expired.push(`${name}@${Date.now() - start}`) });
    const a = add('a', 100);
    add('b', 100);
    const c = add('c', 50);
    vi.advanceTimersByTime(30);
    add('d', 100);
    const e = add('e', 100);
    a.cancel();
    c.cancel();
    e.cancel();
    e.cancel();
    vi.advanceTimersByTime(1000);
    expect(expired).toEqual(['b@100', 'd@130']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('longer than a timer can be do not fire at once', () => {
    const deadlines = new Deadlines(() => Date.now());
    let fired = 0;
    const month = 31 * 24 * 3600 * 1000;
    deadlines.add(month, Date.now(), { expired: () => void fired++ });
    vi.advanceTimersByTime(month - 1000);
    expect(fired).toBe(0);
    vi.advanceTimersByTime(2000);
    expect(fired).toBe(1);
  });

  it('need one timer for any number of requests', () => {
    const deadlines = new Deadlines(() => Date.now());
    const all = Array.from({ length: 1000 }, () => deadlines.add(100, Date.now(), { expired: () => undefined }));
    expect(vi.getTimerCount()).toBe(1);
    for (const deadline of all) deadline.cancel();
    vi.advanceTimersByTime(100);
    expect(vi.getTimerCount()).toBe(0);
    deadlines.add(100, Date.now(), { expired: () => undefined });
    expect(vi.getTimerCount()).toBe(1);
    deadlines.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
