// Owns noticing that the wall clock was set: by how much, since the last pass over a key that was recorded. The status keeps wall-clock times,
// because any operator must be able to read them; what is measured with them must not change because somebody corrects a clock.
// Must not know rollouts.
import type { Clock } from '@slipway/kube';

export interface ClockSteps {
  /** Milliseconds by which the wall clock has been set forward (or back, below 0) since the key's times were last recorded. */
  since(this: void, key: string): number;
  /** What the last `since` told of the key is recorded with its times. */
  recorded(this: void, key: string): void;
  forget(this: void, key: string): void;
  /** Somebody else records from now on. */
  reset(this: void): void;
}

/** Less than this is a clock kept in time, not one that was set. */
const TOLERANCE_MS = 5_000;

/** No step seen. Elapsed time is the monotonic clock's. */
export function createClockSteps(clock: Clock): ClockSteps {
  const recorded = new Map<string, number>();
  const told = new Map<string, number>();
  return {
    since(key) {
      const offset = clock.now() - clock.monotonic();
      const step = offset - (recorded.get(key) ?? offset);
      told.set(key, offset);
      return Math.abs(step) < TOLERANCE_MS ? 0 : Math.round(step);
    },
    recorded(key) {
      const offset = told.get(key);
      if (offset !== undefined) recorded.set(key, offset);
    },
    forget(key) {
      recorded.delete(key);
      told.delete(key);
    },
    reset() {
      recorded.clear();
      told.clear();
    },
  };
}
