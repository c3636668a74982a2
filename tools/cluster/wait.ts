// Waiting for a condition, bounded in time. It must not know what is waited for.
import { setTimeout as delay } from 'node:timers/promises';

/** How long and how often to look. */
export interface WaitOptions {
  readonly timeoutMs: number;
  readonly everyMs?: number;
  /** Says what is missing when time is up. */
  readonly otherwise: () => string;
  readonly signal?: AbortSignal | undefined;
}

/** Looks until `look` answers something other than undefined or false; throws an Error with the text of `otherwise` when time is up. */
export async function until<T>(look: () => Promise<T | undefined | false> | T | undefined | false, options: WaitOptions): Promise<T> {
  const end = Date.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(options.otherwise());
    await delay(options.everyMs ?? 100);
  }
}
