// Owns the memory that models may take together: what each holds is booked before it is loaded, and models that wait for calls give way
// to one that has a call, the least recently used first. Must not load or unload anything: it is told how, and when that is done.
import { LoadError } from '../backends/backend.ts';
import { InferenceError } from '../inference/errors.ts';

/** What the ledger needs to know of a version. */
export interface Resident {
  readonly name: string;
  readonly version: string;
  /** Milliseconds on the monotonic clock: the last time a call took or gave it back. */
  readonly lastUsed: number;
  /** Whether it may be unloaded now: loaded, in no use, and loaded again by its next call. */
  readonly idle: boolean;
}

/** Memory set aside for one version. */
export interface Booking {
  readonly resident: Resident;
  bytes: number;
}

export interface ModelMemoryOptions {
  limitBytes: number;
  /** Bytes of the workers that are there, which belong to no one model. Default none. */
  workerBytes?: () => number;
  /** How long a load waits for others to fall idle, milliseconds. */
  waitMs?: number;
  /** A version used this recently stays: its call may only be between reading its body and running. */
  keepMs?: number;
  /** Unloads a version; it is no longer idle when this returns. Resolves when its memory is free. */
  evict(resident: Resident): Promise<void>;
}

interface Waiting {
  booking: Booking;
  /** What it needs now: workers may have come meanwhile. */
  bytes: () => number;
  resolve(booking: Booking): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

const WAIT_MS = 5000;
const KEEP_MS = 100;

export class ModelMemory {
  readonly #options: Required<ModelMemoryOptions>;
  readonly #bookings = new Set<Booking>();
  #evicting = new Set<Booking>();
  #waiting: Waiting[] = [];
  #retry: NodeJS.Timeout | undefined;

  constructor(options: ModelMemoryOptions) {
    this.#options = { waitMs: WAIT_MS, keepMs: KEEP_MS, workerBytes: () => 0, ...options };
  }

  get limit(): number {
    return this.#options.limitBytes;
  }

  /** Bytes booked, with those that are being freed, and those of workers. */
  get used(): number {
    return this.#options.workerBytes() + bytesOf(this.#bookings);
  }

  /**
   * Books memory for a version that is about to be loaded, once there is room; in order of arrival.
   * @throws LoadError OutOfMemory if it could never fit; InferenceError memory_exhausted if everything stays in use.
   */
  take(resident: Resident, need: () => number): Promise<Booking> {
    const { limitBytes, waitMs } = this.#options;
    const bytes = need();
    if (bytes > limitBytes) return Promise.reject(new LoadError('OutOfMemory', `the model needs about ${mib(bytes)}; models may take ${mib(limitBytes)} together (MODEL_MEMORY_BYTES)`));
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { booking: { resident, bytes }, bytes: need, resolve, reject, timer: setTimeout(() => { this.#giveUp(waiting); }, waitMs) };
      this.#waiting.push(waiting);
      this.poke();
    });
  }

  /** Books memory of a version that is loaded whatever the limit says; others are asked to give way. */
  book(resident: Resident, bytes: number): Booking {
    const booking = { resident, bytes };
    this.#bookings.add(booking);
    this.poke();
    return booking;
  }

  /** What a version really takes, once that is known. */
  settle(booking: Booking, bytes: number): void {
    booking.bytes = bytes;
    this.poke();
  }

  free(booking: Booking): void {
    this.#bookings.delete(booking);
    this.poke();
  }

  /** Looks again: a version fell idle, or memory became free. */
  poke(): void {
    for (let head = this.#waiting[0]; head !== undefined && this.used + head.bytes() <= this.limit; head = this.#waiting[0]) {
      this.#waiting.shift();
      head.booking.bytes = head.bytes();
      clearTimeout(head.timer);
      this.#bookings.add(head.booking);
      head.resolve(head.booking);
    }
    const wanted = this.#waiting[0]?.bytes() ?? 0;
    while (this.used - bytesOf(this.#evicting) + wanted > this.limit && this.#evictOne());
  }

  /** Starts to unload the least recently used idle version. */
  #evictOne(): boolean {
    const now = performance.now();
    const idle = [...this.#bookings].filter((booking) => booking.resident.idle && !this.#evicting.has(booking)).sort((a, b) => a.resident.lastUsed - b.resident.lastUsed);
    const [victim] = idle;
    if (victim === undefined) return false;
    const rested = victim.resident.lastUsed + this.#options.keepMs;
    if (rested > now) {
      this.#lookAgain(rested - now);
      return false;
    }
    this.#evicting.add(victim);
    void this.#options.evict(victim.resident).finally(() => {
      this.#evicting.delete(victim);
      this.free(victim);
    });
    return true;
  }

  #lookAgain(ms: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => { this.poke(); }, Math.ceil(ms)).unref();
  }

  #giveUp(waiting: Waiting): void {
    this.#waiting = this.#waiting.filter((other) => other !== waiting);
    const { booking } = waiting;
    const busy = this.#bookings.size;
    waiting.reject(new InferenceError('memory_exhausted', `Model ${booking.resident.name} ${booking.resident.version} needs about ${mib(booking.bytes)} of ${mib(this.limit)}; the ${String(busy)} that are loaded are all in use.`));
    this.poke();
  }
}

const bytesOf = (bookings: ReadonlySet<Booking>): number => [...bookings].reduce((sum, booking) => sum + booking.bytes, 0);
const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
