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
  #resident: number;
  #readAt: number;
  /** Least resident size seen: models and code, without calls. */
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
    if (Math.max(this.#resident, this.#floor + this.#reserved) + bytes > limitBytes) {
      throw new InferenceError('memory_exhausted', `The call needs about ${mib(bytes)}; calls under way hold ${mib(this.#reserved)}.`);
    }
    this.#reserved += bytes;
    let open = true;
    return () => {
      if (open) this.#reserved -= bytes;
      open = false;
    };
  }

  #read(): void {
    const now = performance.now();
    if (now - this.#readAt < this.#options.maxAgeMs) return;
    this.#readAt = now;
    this.#resident = this.#options.resident();
    if (this.#reserved === 0 || this.#resident < this.#floor) this.#floor = this.#resident;
  }
}

const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
