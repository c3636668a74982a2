// Every codec on the inputs that fuzzing began with, and on each that once broke one: only errors of the catalogue, in bounded time and
// memory. `npm run fuzz` looks for more.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { judge } from './fuzz/judge.ts';
import { mutate, randomFrom } from './fuzz/mutate.ts';
import { TARGETS } from './fuzz/targets.ts';

const ROUNDS = 300;
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
