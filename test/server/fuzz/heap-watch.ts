// Owns the question whether a codec keeps memory of what it has read: the heap after a collection, window by window. What the fuzzer itself
// keeps (its corpus) is told and taken off. Must not know a codec.
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Inputs between two looks. */
export const WINDOW_RUNS = 2500;
/** What may be added between the first and the last quarter of the windows, however many inputs they are. */
export const MAY_GROW_BYTES = 2 * 1024 * 1024;
/** Fewer windows than this tell nothing: the first ones warm up. */
const FEWEST_WINDOWS = 8;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Where V8 keeps what it compiles: that grows as new branches get warm, for minutes, and holds nothing of an input. */
const COMPILED = /code|trusted|read_only/;

/** Bytes of data held after a collection. */
function heldBytes(): number {
  collect();
  const spaces = getHeapSpaceStatistics().filter(({ space_name: name }) => !COMPILED.test(name));
  return spaces.reduce((sum, { space_used_size: used }) => sum + used, process.memoryUsage().arrayBuffers);
}

/** Growth from the first quarter of the windows, without the very first, to the last: lowest against lowest. Undefined: too few windows. PURE. */
export function growthOf(windows: readonly number[]): number | undefined {
  if (windows.length < FEWEST_WINDOWS) return undefined;
  const quarter = Math.floor(windows.length / 4);
  return Math.min(...windows.slice(-quarter)) - Math.min(...windows.slice(1, 1 + quarter));
}

export class HeapWatch {
  readonly #windows: number[] = [];
  #runs = 0;

  /** Counts an input; `own` is asked for the bytes that the fuzzer keeps. */
  ran(own: () => number): void {
    this.#runs += 1;
    if (this.#runs % WINDOW_RUNS === 0) this.#windows.push(heldBytes() - own());
  }

  get growth(): number | undefined {
    return growthOf(this.#windows);
  }

  /** What is wrong, or undefined. */
  get leak(): string | undefined {
    const { growth = 0 } = this;
    return growth > MAY_GROW_BYTES ? `keeps memory: ${String(growth)} bytes more after ${String(this.#runs)} inputs; heaps after collections: ${this.#windows.join(' ')}` : undefined;
  }
}
