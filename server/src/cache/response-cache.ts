// Owns the answers of one loaded model that may be given again: least recently used go first, bounded in bytes, entries and age, and
// counted in the memory budget. It goes with the model. Must not know calls, protocols or how keys are made.
import { bytesOf, type Tensor } from '../inference/tensor.ts';

export interface CacheLimits {
  maxBytes: number;
  maxEntries: number;
  /** Milliseconds that an answer stays valid; 0 = as long as there is room. */
  ttlMs: number;
}

/** The budget that cached memory is taken from. */
export interface HeldMemory {
  /** Takes bytes for as long as they are cached, or says that there is no room. */
  hold(bytes: number): boolean;
  drop(bytes: number): void;
  /** Asked to give bytes back before a call is refused; says how many it gave. The function returned ends that. */
  onPressure(give: (bytes: number) => number): () => void;
}

/** The model's own outputs, item by item of a call. */
export type CachedOutputs = readonly (readonly Tensor[])[];

interface Entry {
  outputs: CachedOutputs;
  bytes: number;
  /** Milliseconds on the monotonic clock. */
  until: number;
}

/** Key, map entry and objects around the numbers. */
const ENTRY_BYTES = 512;
const TENSOR_BYTES = 256;

export class ResponseCache {
  readonly limits: CacheLimits;
  readonly #memory: HeldMemory;
  readonly #now: () => number;
  /** In order of use, the least recent first. */
  readonly #entries = new Map<string, Entry>();
  readonly #endPressure: () => void;
  #bytes = 0;
  #closed = false;

  constructor(limits: CacheLimits, memory: HeldMemory, now: () => number = () => performance.now()) {
    this.limits = limits;
    this.#memory = memory;
    this.#now = now;
    this.#endPressure = memory.onPressure((bytes) => this.#give(bytes));
  }

  get bytes(): number {
    return this.#bytes;
  }

  get entries(): number {
    return this.#entries.size;
  }

  /** Outputs of the caller's own, bit by bit what was put in. */
  get(key: string): Tensor[][] | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (this.#now() >= entry.until) {
      this.#forget(entry);
      return undefined;
    }
    this.#entries.set(key, entry);
    return copyOf(entry.outputs);
  }

  /** Keeps a copy, if it fits. */
  put(key: string, outputs: CachedOutputs): void {
    const bytes = ENTRY_BYTES + outputs.reduce((sum, tensors) => sum + tensors.reduce((total, tensor) => total + TENSOR_BYTES + bytesOf(tensor), 0), 0);
    const { maxBytes, maxEntries, ttlMs } = this.limits;
    if (this.#closed || bytes > maxBytes) return;
    this.#remove(key);
    while (this.#bytes + bytes > maxBytes || this.#entries.size >= maxEntries) this.#removeOldest();
    if (!this.#memory.hold(bytes)) return;
    this.#bytes += bytes;
    this.#entries.set(key, { outputs: copyOf(outputs), bytes, until: ttlMs === 0 ? Infinity : this.#now() + ttlMs });
  }

  /** Forgets everything, for good: the model is unloaded. */
  close(): void {
    this.#closed = true;
    this.#endPressure();
    this.#give(Infinity);
  }

  #give(wanted: number): number {
    const before = this.#bytes;
    while (before - this.#bytes < wanted && this.#entries.size > 0) this.#removeOldest();
    return before - this.#bytes;
  }

  #removeOldest(): void {
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#remove(oldest.value);
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    if (entry !== undefined) this.#forget(entry);
  }

  #forget({ bytes }: Entry): void {
    this.#bytes -= bytes;
    this.#memory.drop(bytes);
  }
}

/** Memory of its own: answers may give theirs to another thread, and a view would keep its whole batch alive. */
const copyOf = (outputs: CachedOutputs): Tensor[][] => outputs.map((tensors) => tensors.map((tensor) => ({ ...tensor, data: tensor.data.slice() })));
