// Owns when to try again: back-off with full jitter, as long as attempts get somewhere and the deadline has not passed.
// Must not know what is being tried.
import { setTimeout as delay } from 'node:timers/promises';
import { FAILURES, FetchError, failureOf } from './failures.ts';

import type { Progress } from './progress.ts';

export interface Attempts {
  /** Aborts at the deadline and on SIGTERM, with a FetchError as its reason. */
  signal: AbortSignal;
  progress: Progress;
  log: (line: string) => void;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Milliseconds of the first back-off; it doubles up to maxBackoffMs. */
  backoffMs: number;
  maxBackoffMs: number;
  /** Attempts in a row that bring no new byte before we give up. */
  maxFruitless: number;
}

/**
 * Runs `work` until it succeeds.
 * @throws FetchError the last failure, when it is final, when too many attempts brought nothing, or at the deadline.
 */
export async function withRetries<T>(work: () => Promise<T>, what: string, attempts: Attempts): Promise<T> {
  let fruitless = 0;
  for (;;) {
    const before = attempts.progress.report().bytesDone;
    const failure = await work().then(
      (value) => ({ value }),
      (error: unknown) => ({ error: failureOf(error, what) }),
    );
    if ('value' in failure) return failure.value;
    fruitless = attempts.progress.report().bytesDone > before ? 0 : fruitless + 1;
    await pause(failure.error, fruitless, attempts);
  }
}

async function pause(error: FetchError, fruitless: number, attempts: Attempts): Promise<void> {
  if (attempts.signal.aborted) throw givenUp(error, attempts.signal);
  if (!FAILURES[error.reason].retry || fruitless >= attempts.maxFruitless) throw error;
  const ceiling = Math.min(attempts.maxBackoffMs, attempts.backoffMs * 2 ** fruitless);
  const wait = error.retryAfterMs ?? Math.round(attempts.random() * ceiling);
  attempts.progress.failed(error, 'retry');
  attempts.log(`${error.message}; trying again in ${(wait / 1000).toFixed(1)} s`);
  await delay(wait, undefined, { signal: attempts.signal }).catch(() => {
    throw givenUp(error, attempts.signal);
  });
}

/** What kept us from being done in time, rather than only that we were not. */
function givenUp(last: FetchError, signal: AbortSignal): FetchError {
  const stopped = failureOf(signal.reason, 'stopped');
  return last === stopped ? stopped : new FetchError(last.reason, `${last.message}; ${stopped.message}`, { cause: last });
}
