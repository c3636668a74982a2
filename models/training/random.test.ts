// The seeded generator: the same seed gives the same numbers for ever, and they look uniform and normal.
import { expect, test } from 'vitest';
import { seeded } from './random.ts';

test('the same seed gives the same numbers, another seed others', () => {
  const draw = (seed: number): number[] => {
    const random = seeded(seed);
    return Array.from({ length: 5 }, () => random.next());
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  expect(seeded(1).next()).toBe(0.6270739405881613);
});

test('uniform and normal draws have the mean and spread they should', () => {
  const random = seeded(3);
  const count = 20_000;
  const uniform = Array.from({ length: count }, () => random.next());
  const normal = Array.from({ length: count }, () => random.gaussian());
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(mean(uniform)).toBeCloseTo(0.5, 1);
  expect(mean(normal)).toBeCloseTo(0, 1);
  expect(mean(normal.map((value) => value * value))).toBeCloseTo(1, 1);
});

test('a permutation holds every index once and is not the identity', () => {
  const order = seeded(5).permutation(100);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  expect(order).not.toEqual([...order].sort((a, b) => a - b));
});
