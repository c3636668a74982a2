// Makes a new input of old ones: bytes and numbers changed, pieces moved, words of a dictionary put in. Pure given its random numbers.

/** Numbers in [0, 1), always the same for a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const NUMBERS = ['0', '-1', '1e999', '-0', '2147483648', '4294967296', '9007199254740993', '18446744073709551616', '1e-320', 'null', 'NaN', '[]', '{}', '""', 'true', '-Infinity', '[[[[[[[[[[1]]]]]]]]]]'];
const BYTES = [0, 1, 0x7f, 0x80, 0xff, 0x22, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d, 0x0a];
const MAX_BYTES = 4096;

interface Material {
  random: () => number;
  others: readonly Buffer[];
  words: readonly string[];
}

type Step = (bytes: Buffer, material: Material) => Buffer;

const below = (random: () => number, limit: number): number => Math.floor(random() * limit);
const pick = <T>(random: () => number, from: readonly T[]): T => from[below(random, from.length)] as T;
const spliced = (bytes: Buffer, at: number, remove: number, put: Uint8Array): Buffer => Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + remove)]);
const changed = (bytes: Buffer, at: number, to: number): Buffer => { const copy = Buffer.from(bytes); if (copy.length > 0) copy[at] = to & 0xff; return copy; };

const STEPS: readonly Step[] = [
  (bytes, { random }) => { const at = below(random, bytes.length); return changed(bytes, at, (bytes[at] ?? 0) ^ (1 << below(random, 8))); },
  (bytes, { random }) => changed(bytes, below(random, bytes.length), below(random, 256)),
  (bytes, { random }) => changed(bytes, below(random, bytes.length), pick(random, BYTES)),
  (bytes, { random }) => { const at = below(random, bytes.length); return changed(bytes, at, (bytes[at] ?? 0) + pick(random, [-1, 1, 16, -16])); },
  (bytes, { random }) => spliced(bytes, below(random, bytes.length + 1), 1 + below(random, 16), Buffer.alloc(0)),
  (bytes, { random }) => spliced(bytes, below(random, bytes.length + 1), 0, Buffer.from([pick(random, BYTES)])),
  (bytes, { random }) => { const from = below(random, bytes.length); return spliced(bytes, below(random, bytes.length + 1), 0, bytes.subarray(from, from + 1 + below(random, 64))); },
  (bytes, { random, words }) => spliced(bytes, below(random, bytes.length + 1), below(random, 2) * below(random, 8), Buffer.from(pick(random, words))),
  (bytes, { random, words }) => replaced(bytes, /"[^"]{0,40}"/g, `"${pick(random, words)}"`, random),
  (bytes, { random }) => replaced(bytes, /-?\d+(?:\.\d+)?/g, pick(random, NUMBERS), random),
  (bytes, { random, others }) => { const other = pick(random, others); return spliced(bytes, below(random, bytes.length + 1), below(random, bytes.length + 1), other.subarray(below(random, other.length + 1))); },
];

/** One of the places where a pattern is, by something else. */
function replaced(bytes: Buffer, pattern: RegExp, by: string, random: () => number): Buffer {
  const text = bytes.toString('latin1');
  const found = [...text.matchAll(pattern)];
  if (found.length === 0) return bytes;
  const match = pick(random, found);
  return Buffer.from(text.slice(0, match.index) + by + text.slice(match.index + match[0].length), 'latin1');
}

/** One to eight steps. */
export function mutate(bytes: Buffer, material: Material): Buffer {
  let made = bytes;
  for (let steps = 1 + below(material.random, 8); steps > 0; steps--) made = pick(material.random, STEPS)(made, material);
  return made.subarray(0, MAX_BYTES);
}
