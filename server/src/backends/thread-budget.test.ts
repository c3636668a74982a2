import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { poolThreads, SETTLE_MS, ThreadBudget, type ThreadShare } from './thread-budget.ts';

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

/** A model that follows its share: what its workers run with now, and every change. */
interface Loaded {
  share: ThreadShare;
  threads: number;
  changes: number[];
}

async function load(budget: ThreadBudget, workers = 1, replaces?: Loaded): Promise<Loaded> {
  const share = await budget.take(workers, replaces?.share);
  const model: Loaded = { share, threads: share.threads, changes: [] };
  await share.follow(async (threads) => {
    await Promise.resolve();
    if (threads !== model.threads) model.changes.push(threads);
    model.threads = threads;
  });
  return model;
}

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(SETTLE_MS);

describe('models with threads of their own', () => {
  it.each([
    [8, 1, 1, 8],
    [8, 1, 2, 4],
    [8, 3, 1, 2],
    [8, 2, 2, 2],
    [2, 5, 1, 1],
  ])('%i CPUs, %i planned models of %i workers: %i threads each, from the start', async (cpus, models, workers, threads) => {
    const budget = new ThreadBudget({ cpus });
    budget.plan({ pooled: 0, own: models });
    const loaded: Loaded[] = [];
    for (let each = 0; each < models; each++) loaded.push(await load(budget, workers));
    expect(loaded.map((model) => [model.threads, model.changes])).toEqual(loaded.map(() => [threads, []]));
  });

  it('never run with more threads than CPUs while they are loaded one after another: the others make room first', async () => {
    const budget = new ThreadBudget({ cpus: 16 });
    const loaded: Loaded[] = [];
    for (let models = 1; models <= 16; models++) {
      loaded.push(await load(budget));
      expect(loaded.reduce((sum, { threads }) => sum + threads, 0)).toBeLessThanOrEqual(16);
    }
    expect(loaded[0]?.changes, 'not with every load').toEqual([8, 4, 2, 1]);
    expect((await load(budget)).threads, 'every worker needs one').toBe(1);
  });

  it('loaded at once, each ends with its part', async () => {
    const budget = new ThreadBudget({ cpus: 8 });
    const loaded = await Promise.all([load(budget), load(budget), load(budget, 2)]);
    expect(loaded.map(({ threads }) => threads)).toEqual([2, 2, 1]);
  });

  it('get more again when others are gone for a while, not at once', async () => {
    const budget = new ThreadBudget({ cpus: 8 });
    const [first, second, third] = [await load(budget), await load(budget), await load(budget)];
    expect(first.threads).toBe(2);
    third.share.release();
    third.share.release();
    await vi.advanceTimersByTimeAsync(SETTLE_MS - 1);
    const fourth = await load(budget);
    await settle();
    expect([first.changes, fourth.threads], 'one came in time').toEqual([[4, 2], 2]);
    fourth.share.release();
    await settle();
    expect([first.threads, second.threads]).toEqual([4, 4]);
    second.share.release();
    await settle();
    expect(first.threads).toBe(8);
  });

  it('a later version has the part of the one that it takes over from', async () => {
    const budget = new ThreadBudget({ cpus: 8 });
    const old = await load(budget);
    const fresh = await load(budget, 1, old);
    old.share.release();
    await settle();
    expect([old.changes, fresh.changes, fresh.threads]).toEqual([[], [], 8]);
    const late = await load(budget, 1, old);
    expect([fresh.threads, late.threads], 'of one that is gone there is none').toEqual([4, 4]);
  });

  it('a plan holds until its models are loaded or have failed', async () => {
    const budget = new ThreadBudget({ cpus: 8 });
    const done = budget.plan({ pooled: 0, own: 4 });
    const model = await load(budget);
    (await load(budget)).share.release();
    await settle();
    expect(model.threads).toBe(2);
    done();
    await settle();
    expect(model.threads).toBe(8);
  });
});

describe("TensorFlow's pool", () => {
  it.each([
    [8, 1, 0, 8],
    [8, 1, 1, 4],
    [8, 3, 1, 6],
    [8, 50, 1, 7],
    [8, 1, 50, 1],
    [1, 1, 1, 1],
  ])('of %i CPUs, with %i models beside %i others: %i', (cpus, pooled, own, threads) => {
    expect(poolThreads(cpus, { pooled, own })).toBe(threads);
  });

  it('is as large as planned, and leaves the others theirs', async () => {
    const opened: number[] = [];
    const budget = new ThreadBudget({ cpus: 8, openPool: (threads) => (opened.push(threads), threads) });
    budget.plan({ pooled: 1, own: 1 });
    const onnx = await load(budget);
    await Promise.all([budget.openPool(), budget.openPool()]);
    expect([onnx.threads, onnx.changes, opened, budget.parts]).toEqual([4, [], [4], { pool: 4, own: 4 }]);
  });

  it('opened late, waits until the others have made room', async () => {
    const other: { onnx?: Loaded } = {};
    const seen: unknown[] = [];
    const budget = new ThreadBudget({ cpus: 8, openPool: (threads) => (seen.push([threads, other.onnx?.threads]), threads) });
    other.onnx = await load(budget);
    expect([other.onnx.threads, budget.parts.own]).toEqual([8, 8]);
    await budget.openPool();
    expect(seen).toEqual([[4, 4]]);
  });

  it('opened first, has all CPUs and keeps them; who was told otherwise by the environment is counted as he is', async () => {
    const budget = new ThreadBudget({ cpus: 8 });
    await budget.openPool();
    expect([(await load(budget)).threads, budget.parts]).toEqual([1, { pool: 8, own: 1 }]);
    const told = new ThreadBudget({ cpus: 8, openPool: () => 2 });
    await told.openPool();
    expect((await load(told)).threads).toBe(6);
  });
});
