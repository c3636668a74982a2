// Owns waiting for a condition in tests: polls a question until it is answered, and fails with what was seen last.
import { setTimeout as sleep } from 'node:timers/promises';

export interface UntilOptions {
  timeoutMs?: number;
  intervalMs?: number;
  signal?: AbortSignal;
}

/**
 * Asks `question` until it answers anything but undefined or false; returns the answer. An exception counts as "not yet".
 * Throws after `timeoutMs` (default 120 s) with the last thing seen, and when the signal is aborted.
 */
export async function until<T>(what: string, question: () => Promise<T | undefined | false>, options: UntilOptions = {}): Promise<T> {
  const deadline = Date.now() + (options.timeoutMs ?? 120_000);
  let last = 'no answer';
  while (Date.now() < deadline) {
    options.signal?.throwIfAborted();
    try {
      const answer = await question();
      if (answer !== undefined && answer !== false) return answer;
      last = String(answer);
    } catch (error) {
      last = String(error);
    }
    await sleep(options.intervalMs ?? 250, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
  throw new Error(`waited in vain until ${what}; last: ${last}`);
}
