// Owns exponential back-off with jitter as a pure function: the random number comes in. Must not know a timer.

export interface Backoff {
  /** Milliseconds of the first wait. */
  baseMs: number;
  /** No wait is longer. */
  maxMs: number;
  factor: number;
}

/**
 * Milliseconds to wait after `failures` failures in a row (1 is the first). `roll` in [0,1) spreads the waits over the upper half
 * of the interval, so that many clients that failed together do not come back together.
 */
export function backoffMs(backoff: Backoff, failures: number, roll: number): number {
  const exponent = Math.min(Math.max(failures - 1, 0), 60);
  const full = Math.min(backoff.maxMs, backoff.baseMs * backoff.factor ** exponent);
  return full / 2 + (full / 2) * roll;
}
