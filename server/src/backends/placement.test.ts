import { describe, expect, it } from 'vitest';
import { choose, newWorkers } from './placement.ts';

const places = (...tenants: number[]): { tenants: number }[] => tenants.map((count) => ({ tenants: count }));
const shared = { most: 2, own: false };

describe('the worker that a model gets', () => {
  it.each([
    ['the first is started', { open: places(), count: 0, ...shared }, undefined],
    ['an empty one is taken', { open: places(1, 0), count: 2, ...shared }, 0],
    ['there may be more', { open: places(1), count: 1, ...shared }, undefined],
    ['there are enough: the one with the fewest', { open: places(3, 2), count: 2, ...shared }, 2],
    ['others than these count too', { open: places(3), count: 2, ...shared }, 3],
    ['none takes it', { open: places(), count: 5, ...shared }, undefined],
    ['it shares with none', { open: places(3, 2), count: 2, most: 2, own: true }, undefined],
    ['it shares with none, but one is empty', { open: places(3, 0), count: 2, most: 2, own: true }, 0],
  ])('%s', (_what, workers, tenants) => {
    expect(choose(workers)?.tenants).toBe(tenants);
  });

  it('is a new one for each copy that finds no other', () => {
    expect(newWorkers(1, { open: places(), count: 0, ...shared })).toBe(1);
    expect(newWorkers(4, { open: places(), count: 0, ...shared })).toBe(4);
    expect(newWorkers(2, { open: places(4, 5), count: 2, ...shared })).toBe(0);
    expect(newWorkers(2, { open: places(0), count: 1, ...shared })).toBe(1);
    expect(newWorkers(3, { open: places(4, 5), count: 2, ...shared })).toBe(1);
    expect(newWorkers(1, { open: places(4, 5), count: 2, most: 2, own: true })).toBe(1);
  });
});
