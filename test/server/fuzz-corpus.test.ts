// Every codec on the inputs that fuzzing began with, and on each that once broke one: only errors of the catalogue, in bounded time and
// memory. `npm run fuzz` looks for more.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { growthOf, HeapWatch, MAY_GROW_BYTES, WINDOW_RUNS } from './fuzz/heap-watch.ts';
import { judge } from './fuzz/judge.ts';
import { minimised } from './fuzz/minimise.ts';
import { mutate, randomFrom } from './fuzz/mutate.ts';
import { TARGETS } from './fuzz/targets.ts';

const ROUNDS = 300;
const CORPUS = path.join(import.meta.dirname, 'fuzz', 'corpus');
const filesOf = (kind: string, name: string): Buffer[] => {
  const at = path.join(import.meta.dirname, 'fuzz', kind, name);
  return existsSync(at) ? readdirSync(at).map((file) => readFileSync(path.join(at, file))) : [];
};

describe.each(Object.entries(TARGETS))('%s', (name, target) => {
  const known = [...target.seeds.map((seed) => Buffer.from(seed as string)), ...filesOf('corpus', name), ...filesOf('crashes', name)];

  it('keeps to the catalogue on what is known, and on changes of it', () => {
    const random = randomFrom(17);
    for (const bytes of known) expect(judge(target, bytes), JSON.stringify(bytes.toString('latin1'))).toBeUndefined();
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = mutate(known[round % known.length] as Buffer, { random, others: known, words: ['FP32', 'BYTES', 'data', 'shape', '__proto__'] });
      expect(judge(target, bytes), JSON.stringify(bytes.toString('latin1'))).toBeUndefined();
    }
  });
});

describe('the corpus', () => {
  it('has inputs for every codec, and for nothing else', () => {
    expect(readdirSync(CORPUS).sort()).toEqual(Object.keys(TARGETS).sort());
    for (const name of Object.keys(TARGETS)) expect(filesOf('corpus', name), name).not.toEqual([]);
  });

  it('is made of the fewest and shortest inputs that reach what the first ones do not', () => {
    const reach = (bytes: Buffer): Set<number> => new Set(bytes);
    const [first, ...all] = ['a', 'xxbxx', 'bc', 'aaa', 'cdefx', 'x'].map((text) => Buffer.from(text)) as [Buffer, ...Buffer[]];
    const kept = minimised(all, [first], reach);
    expect(kept.map(String)).toEqual(['cdefx', 'b']);
  });
});

describe('the leak check', () => {
  const run = (codec: (index: number) => void): string | undefined => {
    const watch = new HeapWatch();
    for (let index = 0; index < 10 * WINDOW_RUNS; index++) {
      codec(index);
      watch.ran(() => 0);
    }
    return watch.leak;
  };

  it('sees a codec that keeps what it has read', () => {
    const kept: string[][] = [];
    expect(run((index) => kept.push([`input ${String(index)}`.repeat(10)]))).toMatch(/^keeps memory/);
    expect(kept).toHaveLength(10 * WINDOW_RUNS);
  });

  it('lets garbage be garbage', () => {
    expect(run((index) => JSON.parse(`["input ${String(index)}"]`))).toBeUndefined();
  });

  it('compares the ends, whatever lies between', () => {
    expect(growthOf([9, 1, 2, 50, 60, 3, 3, 2])).toBe(1);
    expect(growthOf([0, 0, 0, 0, 0, 0, MAY_GROW_BYTES + 1, MAY_GROW_BYTES + 2])).toBeGreaterThan(MAY_GROW_BYTES);
    expect(growthOf([1, 2, 3])).toBeUndefined();
  });
});
