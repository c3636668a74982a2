// Owns the order of work: a keyed queue in which equal keys are one entry, are never worked on twice at a time, and wait their time.
// Must not know what a key stands for or who works on it. Only names enter it.
//
//   add -> waiting (FIFO) -> take -> working -> done
//            ^                         | added meanwhile: waits until done
//            +-- addAfter: earliest wins, addFailed: exponential per key
import { backoffMs } from '@slipway/kube';
import type { Backoff, Clock } from '@slipway/kube';

export interface QueueOptions {
  clock: Clock;
  /** A number in [0,1). */
  random: () => number;
  backoff?: Backoff;
}

export interface Queue {
  /** Wants the key worked on as soon as possible. */
  add(key: string): void;
  /** Wants the key worked on in `ms` milliseconds, or earlier if an earlier wish is pending. */
  addAfter(key: string, ms: number): void;
  /**
   * Wants the key tried again after its back-off, at least `atLeastMs`. Each failure in a row waits longer; one that came before half of the
   * last wait was over, because something changed, does not count: a busy key must not wait for minutes. Returns the milliseconds.
   */
  addFailed(key: string, atLeastMs?: number): number;
  /** The key succeeded: its back-off starts over. */
  forget(key: string): void;
  /** The next key, now in work; undefined once the queue is closed or the signal aborts. */
  take(signal?: AbortSignal): Promise<string | undefined>;
  /** The key is no longer in work. */
  done(key: string): void;
  /** Keys that could be taken now. */
  readonly depth: number;
  /** Answers every `take` with undefined from now on, and cancels what waits its time. Keys can still be reported done. */
  close(): void;
}

const BACKOFF: Backoff = { baseMs: 250, maxMs: 5 * 60_000, factor: 2 };

interface Failures {
  count: number;
  /** Monotonic milliseconds from which another failure counts. */
  due: number;
}

interface Wish {
  /** Monotonic milliseconds. */
  at: number;
  cancel: () => void;
}

class KeyedQueue implements Queue {
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly backoff: Backoff;
  /** Insertion order is the order of work. */
  private readonly waiting = new Set<string>();
  private readonly working = new Set<string>();
  private readonly addedMeanwhile = new Set<string>();
  private readonly wishes = new Map<string, Wish>();
  private readonly failures = new Map<string, Failures>();
  private readonly takers = new Set<(key: string | undefined) => void>();
  private closed = false;

  constructor(options: QueueOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.backoff = options.backoff ?? BACKOFF;
  }

  get depth(): number {
    return this.waiting.size;
  }

  add(key: string): void {
    if (this.closed) return;
    if (this.working.has(key)) {
      this.addedMeanwhile.add(key);
      return;
    }
    this.waiting.add(key);
    this.serve();
  }

  addAfter(key: string, ms: number): void {
    if (this.closed) return;
    const at = this.clock.monotonic() + Math.max(ms, 0);
    const pending = this.wishes.get(key);
    if (pending !== undefined && pending.at <= at) return;
    pending?.cancel();
    const cancel = this.clock.after(ms, () => {
      this.wishes.delete(key);
      this.add(key);
    });
    this.wishes.set(key, { at, cancel });
  }

  addFailed(key: string, atLeastMs = 0): number {
    const now = this.clock.monotonic();
    const { count = 0, due = now } = this.failures.get(key) ?? {};
    const failures = count + (now >= due ? 1 : 0);
    const ms = Math.max(atLeastMs, backoffMs(this.backoff, failures, this.random()));
    this.failures.set(key, { count: failures, due: now + ms / 2 });
    this.addAfter(key, ms);
    return ms;
  }

  forget(key: string): void {
    this.failures.delete(key);
  }

  take(signal?: AbortSignal): Promise<string | undefined> {
    if (signal?.aborted === true) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const leave = (): void => taker(undefined);
      const taker = (key: string | undefined): void => {
        this.takers.delete(taker);
        signal?.removeEventListener('abort', leave);
        resolve(key);
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.takers.add(taker);
      this.serve();
    });
  }

  done(key: string): void {
    this.working.delete(key);
    if (this.addedMeanwhile.delete(key)) this.add(key);
  }

  close(): void {
    this.closed = true;
    this.waiting.clear();
    this.addedMeanwhile.clear();
    for (const wish of this.wishes.values()) wish.cancel();
    this.wishes.clear();
    this.serve();
  }

  private serve(): void {
    for (const taker of this.takers) {
      const [key] = this.waiting;
      if (key !== undefined) this.begin(key);
      else if (!this.closed) return;
      taker(key);
    }
  }

  /** The pass that begins decides anew when to wake, so an older wish is void. */
  private begin(key: string): void {
    this.waiting.delete(key);
    this.working.add(key);
    this.wishes.get(key)?.cancel();
    this.wishes.delete(key);
  }
}

/** An empty, open queue. */
export const createQueue = (options: QueueOptions): Queue => new KeyedQueue(options);
