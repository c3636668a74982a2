import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from './json-body.ts';
import { jsonCost } from './json-cost.ts';

describe('reading JSON', () => {
  it('is JSON.parse for JSON', () => {
    fc.assert(fc.property(fc.json(), (text) => { expect(parseJson(text)).toEqual(JSON.parse(text)); }));
  });

  it('reads bare NaN and Infinity as words, and only outside of strings', () => {
    expect(parseJson('{"a":[NaN, -Infinity,Infinity],"b":"NaN, \\" Infinity"}')).toEqual({ a: ['NaN', '-Infinity', 'Infinity'], b: 'NaN, " Infinity' });
  });

  it.each(['', '  ', '{', '{"a":NaN', '[1,]', 'nothing', '{"a":NaNs}'])('refuses %j in words', (text) => {
    expect(() => parseJson(text)).toThrow(expect.objectContaining({ code: 'malformed_request' }) as Error);
  });
});

describe('what a body costs', () => {
  it('is more than its bytes, and many small objects cost many times as much', () => {
    const bytes = (text: string): number => jsonCost(new TextEncoder().encode(text));
    const numbers = JSON.stringify(Array.from({ length: 1000 }, (_, index) => index / 7));
    expect(bytes(numbers)).toBeGreaterThan(numbers.length);
    expect(bytes(numbers)).toBeLessThan(numbers.length * 6);
    const objects = `[${'{},'.repeat(1000)}0]`;
    expect(bytes(objects)).toBeGreaterThan(objects.length * 30);
  });

  it('is an upper estimate of what V8 really takes', () => {
    const make: [string, string][] = [
      ['objects', `[${Array.from({ length: 50_000 }, () => '{}').join(',')}]`],
      ['lists', `[${Array.from({ length: 50_000 }, () => '[1]').join(',')}]`],
      ['numbers', JSON.stringify(Array.from({ length: 200_000 }, (_, index) => Math.sin(index)))],
      ['strings', JSON.stringify(Array.from({ length: 50_000 }, (_, index) => `s${String(index)}`))],
    ];
    for (const [what, text] of make) {
      const before = process.memoryUsage().heapUsed;
      const kept = JSON.parse(text) as unknown[];
      const grown = process.memoryUsage().heapUsed - before;
      expect(jsonCost(Buffer.from(text)), what).toBeGreaterThan(grown);
      expect(kept.length).toBeGreaterThan(0);
    }
  });
});
