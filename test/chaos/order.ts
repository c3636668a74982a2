// Owns the order of operations: every name once in random order, then again, by the seed alone. Must not know what the names do.

/** Numbers in [0,1) that depend on the seed alone (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A seed for one of several that share a seed. */
export const seedFor = (seed: number, name: string): number => [...name].reduce((sum, char) => Math.imul(sum ^ char.charCodeAt(0), 16_777_619), seed ^ 0x811c9dc5) >>> 0;

/** Deals the names for ever, like a pack of cards that is shuffled when it is empty: none is left out for long. */
export function* dealt<T>(names: readonly T[], random: () => number): Generator<T, never> {
  for (;;) {
    const pack = [...names];
    while (pack.length > 0) yield pack.splice(Math.floor(random() * pack.length), 1)[0] as T;
  }
}
