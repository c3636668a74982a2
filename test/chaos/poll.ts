// Owns waiting for a condition that nobody tells us about. Must not know what is waited for.
import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 100;
const LONGEST_MS = 240_000;

/** Asks until the answer is yes; an error counts as not yet. Throws after four minutes, and when the signal is aborted. */
export async function poll(what: string, question: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + LONGEST_MS;
  let last = 'no';
  while (Date.now() < deadline) {
    signal.throwIfAborted();
    try {
      if (await question()) return;
      last = 'no';
    } catch (error) {
      last = String(error);
    }
    await sleep(EVERY_MS, undefined, { signal });
  }
  throw new Error(`waited in vain until ${what}; last: ${last}`);
}
