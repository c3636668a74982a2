import { describe, expect, it } from 'vitest';
import { cameUp, FIRST_DELAY_MS, lost, MAX_DELAY_MS, NEVER_UP, STEADY_MS, type BackOff } from './back-off.ts';

/** The delays of so many losses, each of a worker that was up for `upMs` (undefined: never came up), and what comes after them. */
function delaysOf(from: BackOff, count: number, upMs: number | undefined, start = 0): { delays: number[]; backOff: BackOff; now: number } {
  let backOff = from;
  let now = start;
  const delays = Array.from({ length: count }, () => {
    if (upMs !== undefined) backOff = cameUp(backOff, now);
    now += upMs ?? 5;
    const gone = lost(backOff, now);
    backOff = gone.backOff;
    now += gone.delayMs;
    return gone.delayMs;
  });
  return { delays, backOff, now };
}

describe('the delay of a lost worker', () => {
  it('doubles with each loss, up to its limit', () => {
    expect(delaysOf(NEVER_UP, 11, 1000).delays).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]);
  });

  it('stays at its limit as long as nothing comes up, however long that is', () => {
    const { delays, now } = delaysOf(cameUp(NEVER_UP, 0), 100, undefined);
    expect(now).toBeGreaterThan(20 * STEADY_MS);
    expect([...delays].sort((a, b) => a - b)).toEqual(delays);
    expect(delays.slice(8)).toEqual(new Array(92).fill(MAX_DELAY_MS));
  });

  it('stays finite after any number of losses', () => {
    expect(lost({ losses: 5000, upSince: undefined }, 0).delayMs).toBe(MAX_DELAY_MS);
  });

  it('begins anew after a worker that was up for a good while, and only then', () => {
    const { backOff, now } = delaysOf(NEVER_UP, 12, 1000);
    expect(delaysOf(backOff, 3, STEADY_MS - 1, now).delays).toEqual([MAX_DELAY_MS, MAX_DELAY_MS, MAX_DELAY_MS]);
    const up = cameUp(backOff, now);
    const gone = lost(up, now + STEADY_MS);
    expect(gone.delayMs).toBe(FIRST_DELAY_MS);
    expect(delaysOf(gone.backOff, 2, 1000, now + STEADY_MS).delays).toEqual([2 * FIRST_DELAY_MS, 4 * FIRST_DELAY_MS]);
  });
});
