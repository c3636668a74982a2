import { describe, expect, it } from 'vitest';
import { ThreadBudget } from './thread-budget.ts';

describe('the CPUs of the container', () => {
  it.each([
    [8, 1, 1, 8],
    [8, 1, 2, 4],
    [8, 3, 1, 2],
    [8, 2, 2, 2],
    [2, 5, 1, 1],
  ])('%i CPUs, %i models of %i workers: %i threads each', (cpus, models, workers, threads) => {
    const budget = new ThreadBudget(cpus);
    budget.plan(models);
    const shares = Array.from({ length: models }, () => budget.take(workers).threads);
    expect(shares).toEqual(Array.from({ length: models }, () => threads));
    expect(models * workers * threads).toBeLessThanOrEqual(Math.max(cpus, models * workers));
  });

  it('a model that comes later counts, one that is gone does not', () => {
    const budget = new ThreadBudget(8);
    const first = budget.take(1);
    expect(budget.take(1).threads).toBe(4);
    first.release();
    first.release();
    expect(budget.take(1).threads).toBe(4);
    expect(budget.take(1).threads).toBe(2);
  });
});
