// The real clock, with a count of timers that are neither fired nor cancelled. Must not know what is timed.
import { systemClock } from '@slipway/kube';
import type { Clock } from '@slipway/kube';

export interface CountingClock extends Clock {
  /** Timers that are running. */
  readonly pending: number;
}

/** A clock whose timers are counted from zero. */
export function countingClock(): CountingClock {
  let pending = 0;
  return {
    ...systemClock,
    get pending() {
      return pending;
    },
    after(ms, run) {
      let open = true;
      const close = (): void => {
        if (open) pending--;
        open = false;
      };
      pending++;
      const cancel = systemClock.after(ms, () => {
        close();
        run();
      });
      return () => {
        close();
        cancel();
      };
    },
  };
}
