// Owns time as a dependency: the real clock, and one that a test moves by hand. Nobody else in the shells may read the time.

export interface Clock {
  /** Wall clock in milliseconds since the epoch; for what people read and what goes into objects. */
  now(): number;
  /** Milliseconds that only ever rise; for measuring and for deadlines. */
  monotonic(): number;
  /** Calls `run` once after `ms` milliseconds; returns what cancels it. */
  after(ms: number, run: () => void): () => void;
}

/** The largest delay a Node timer keeps; longer ones would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(Math.max(ms, 0), MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms` milliseconds, or at once when the signal aborts; never rejects. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

interface Timer {
  at: number;
  order: number;
  run: () => void;
}

/** A clock that stands still until `advance` is called. */
export interface ManualClock extends Clock {
  /** Moves both clocks, running due timers in order and letting promises settle after each. */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock alone, as a person or NTP would. */
  setWall(ms: number): void;
  /** Timers that have not fired. */
  pending(): number;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A ManualClock whose wall clock starts at `start` milliseconds since the epoch. */
export function manualClock(start = Date.UTC(2026, 0, 1)): ManualClock {
  let wallOffset = start;
  let mono = 0;
  let order = 0;
  const timers = new Set<Timer>();
  const due = (until: number): Timer | undefined =>
    [...timers].filter((t) => t.at <= until).sort((a, b) => a.at - b.at || a.order - b.order)[0];
  return {
    now: () => wallOffset + mono,
    monotonic: () => mono,
    after(ms, run) {
      const timer = { at: mono + Math.max(ms, 0), order: order++, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async advance(ms) {
      const until = mono + ms;
      await settle();
      for (let timer = due(until); timer !== undefined; timer = due(until)) {
        timers.delete(timer);
        mono = Math.max(mono, timer.at);
        timer.run();
        await settle();
      }
      mono = until;
      await settle();
    },
    setWall(ms) {
      wallOffset = ms - mono;
    },
    pending: () => timers.size,
  };
}
