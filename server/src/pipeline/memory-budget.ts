// Owns admission by memory: a call is refused by estimate before anything is allocated for it. Must not measure by itself:
// it is told what the process takes.
import { InferenceError } from '../inference/errors.ts';

export interface MemoryBudgetOptions {
  limitBytes: number;
  /** Bytes the process takes now. Asked at most every `maxAgeMs`. */
  resident(): number;
  maxAgeMs: number;
}

export class MemoryBudget {
  readonly #options: MemoryBudgetOptions;
  #reserved = 0;
  #held = 0;
  /** What caches gave back since the process was measured last. */
  #given = 0;
  readonly #givers = new Set<(bytes: number) => number>();
  #resident: number;
  #readAt: number;
  /** Least resident size seen: models and code, without calls and what is held for later ones. */
  #floor: number;

  constructor(options: MemoryBudgetOptions) {
    this.#options = options;
    this.#resident = options.resident();
    this.#floor = this.#resident;
    this.#readAt = performance.now();
  }

  get reserved(): number {
    return this.#reserved;
  }

  /** Bytes held beyond calls: cached answers. */
  get held(): number {
    return this.#held;
  }

  get limit(): number {
    return this.#options.limitBytes;
  }

  /**
   * Sets `bytes` aside until the function returned is called.
   * @throws InferenceError exceeds_memory_budget when it could never fit, memory_exhausted when it does not fit now.
   */
  admit(bytes: number): () => void {
    const { limitBytes } = this.#options;
    this.#read();
    if (this.#floor + bytes > limitBytes) {
      throw new InferenceError('exceeds_memory_budget', `The call needs about ${mib(bytes)}; at most ${mib(Math.max(0, limitBytes - this.#floor))} are free for calls.`);
    }
    if (this.#lacking(bytes) > 0) this.#press(this.#lacking(bytes));
    if (this.#lacking(bytes) > 0) {
      throw new InferenceError('memory_exhausted', `The call needs about ${mib(bytes)}; calls under way hold ${mib(this.#reserved)}.`);
    }
    this.#reserved += bytes;
    let open = true;
    return () => {
      if (open) this.#reserved -= bytes;
      open = false;
    };
  }

  /** Takes bytes for something that outlives its call, if there is room for them. */
  hold(bytes: number): boolean {
    this.#read();
    if (this.#lacking(bytes) > 0) return false;
    this.#held += bytes;
    return true;
  }

  drop(bytes: number): void {
    this.#held -= bytes;
  }

  /** Asks for held bytes back before a call is refused. The function returned ends that. */
  onPressure(give: (bytes: number) => number): () => void {
    this.#givers.add(give);
    return () => this.#givers.delete(give);
  }

  /** Bytes too many if so many more were taken. */
  #lacking(bytes: number): number {
    return Math.max(this.#resident - this.#given, this.#floor + this.#held + this.#reserved) + bytes - this.#options.limitBytes;
  }

  #press(wanted: number): void {
    let missing = wanted;
    for (const give of this.#givers) {
      if (missing <= 0) return;
      const given = give(missing);
      missing -= given;
      this.#given += given;
    }
  }

  #read(): void {
    const now = performance.now();
    if (now - this.#readAt < this.#options.maxAgeMs) return;
    this.#readAt = now;
    this.#resident = this.#options.resident();
    this.#given = 0;
    const own = Math.max(0, this.#resident - this.#held);
    if (this.#reserved === 0 || own < this.#floor) this.#floor = own;
  }
}

const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
