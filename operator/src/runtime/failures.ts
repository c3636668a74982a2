// Owns what could not be written, per key, until it could: failures are observations of the next pass, so that status has one writer.
// Must not write status or decide about retries.
import type { Clock } from '@slipway/kube';
import type { Failure } from '../types.ts';

interface Kept {
  failure: Failure;
  /** Monotonic time at which it is forgotten by itself; undefined: with the next pass that succeeds. */
  until?: number;
}

interface Remembered {
  generation: number;
  kept: Kept[];
}

export interface FailureMemory {
  /** Failures of passes over that generation of the object; an edit makes older ones void. */
  of(this: void, key: string, generation: number): Failure[];
  /** Replaces what the last pass failed at. Returns whether anything a status could show has changed. */
  replace(key: string, generation: number, failures: readonly Failure[]): boolean;
  /** Adds a refusal that stands for `ms` milliseconds, because asking again each pass would be of no use. */
  hold(key: string, generation: number, failure: Failure, ms: number): void;
  /** Milliseconds until the first held refusal is worth asking about again. */
  heldForMs(key: string): number | undefined;
  forget(key: string): void;
}

const text = (failures: readonly Failure[]): string => JSON.stringify(failures);

/** An empty memory. */
export function createFailureMemory(clock: Clock): FailureMemory {
  const memory = new Map<string, Remembered>();
  const present = (key: string, generation?: number): Kept[] => {
    const remembered = memory.get(key);
    if (remembered === undefined || (generation !== undefined && remembered.generation !== generation)) return [];
    return remembered.kept.filter(({ until }) => until === undefined || until > clock.monotonic());
  };
  return {
    of: (key, generation) => present(key, generation).map(({ failure }) => failure),
    replace(key, generation, failures) {
      const kept = present(key, generation);
      const before = kept.filter(({ until }) => until === undefined).map(({ failure }) => failure);
      memory.set(key, { generation, kept: [...kept.filter(({ until }) => until !== undefined), ...failures.map((failure) => ({ failure }))] });
      return text(before) !== text(failures);
    },
    hold(key, generation, failure, ms) {
      const others = present(key, generation).filter((kept) => kept.failure.object !== failure.object);
      memory.set(key, { generation, kept: [...others, { failure, until: clock.monotonic() + ms }] });
    },
    heldForMs(key) {
      const ends = present(key).flatMap(({ until }) => until ?? []);
      return ends.length === 0 ? undefined : Math.min(...ends) - clock.monotonic();
    },
    forget: (key) => void memory.delete(key),
  };
}
