// Owns how long a lost worker stays away: longer after each loss, up to a limit, and little again after one that stayed up. PURE.

export const FIRST_DELAY_MS = 200;
export const MAX_DELAY_MS = 30_000;
/** A worker that was up this long was well: the next loss starts from the first delay again. */
export const STEADY_MS = 60_000;

export interface BackOff {
  /** Losses in a row, attempts that did not come up among them. */
  readonly losses: number;
  /** Since when the worker is up, on the monotonic clock; undefined while it is not. */
  readonly upSince: number | undefined;
}

export const NEVER_UP: BackOff = { losses: 0, upSince: undefined };

export const cameUp = ({ losses }: BackOff, now: number): BackOff => ({ losses, upSince: now });

/** A worker that was up is gone, or one that was to come up did not. */
export function lost({ losses, upSince }: BackOff, now: number): { backOff: BackOff; delayMs: number } {
  // Time in which nothing was up says nothing of how well it was.
  const inARow = upSince !== undefined && now - upSince >= STEADY_MS ? 0 : losses;
  return { backOff: { losses: inARow + 1, upSince: undefined }, delayMs: Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** inARow) };
}
