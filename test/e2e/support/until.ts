// Owns waiting for a condition in tests: polls a question until it is answered, and fails with what was seen last.

export interface UntilOptions {
  timeoutMs?: number;
  intervalMs?: number;
}

/**
 * Asks `question` until it answers anything but undefined or false; returns the answer. An exception counts as "not yet".
 * Throws after `timeoutMs` (default 120 s) with the last thing seen.
 */
export async function until<T>(what: string, question: () => Promise<T | undefined | false>, options: UntilOptions = {}): Promise<T> {
  const deadline = Date.now() + (options.timeoutMs ?? 120_000);
  let last = 'no answer';
  while (Date.now() < deadline) {
    try {
      const answer = await question();
      if (answer !== undefined && answer !== false) return answer;
      last = String(answer);
    } catch (error) {
      last = String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, options.intervalMs ?? 250));
  }
  throw new Error(`waited in vain until ${what}; last: ${last}`);
}
