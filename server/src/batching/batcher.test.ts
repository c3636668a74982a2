// The queue of one model against a runner that this test steers.
import { describe, expect, it, vi } from 'vitest';
import { concatRows, type Tensor } from '../inference/tensor.ts';
import { Batcher, type BatchRunner } from './batcher.ts';

const row = (value: number, rows = 1): Tensor => ({ name: 'x', dtype: 'float32', shape: [rows, 1], data: Float32Array.from({ length: rows }, () => value) });

/** Answers y = x when it is let go. */
class Runner implements BatchRunner {
  free = 1;
  batches: number[][] = [];
  #release: (() => void)[] = [];
  pump = (): void => undefined;

  async run(parts: readonly (readonly Tensor[])[]): Promise<{ outputs: Tensor[]; computeMs: number }> {
    const inputs = concatRows(parts.map((part) => part[0] as Tensor));
    this.batches.push(Array.from(inputs.data as Float32Array));
    this.free = 0;
    await new Promise<void>((resolve) => this.#release.push(resolve));
    this.free = 1;
    if ((inputs.data as Float32Array).includes(-1)) throw new Error('boom');
    queueMicrotask(() => { this.pump(); });
    return { outputs: [{ ...inputs, name: 'y' }], computeMs: 1 };
  }

  next(): void {
    this.#release.shift()?.();
  }
}

function make(options = {}): { runner: Runner; batcher: Batcher } {
  const runner = new Runner();
  const batcher = new Batcher(runner, { maxRows: 4, maxDelayMs: 0, merge: true, maxQueue: 5, onBatch: () => undefined, ...options });
  runner.pump = () => { batcher.pump(); };
  return { runner, batcher };
}

const far = { deadline: Infinity };
const values = (result: { outputs: Tensor[] }): number[] => Array.from(result.outputs[0]?.data as Float32Array);

describe('the queue of a model', () => {
  it('gathers what waits while the worker is busy and gives everybody their own rows', async () => {
    const { runner, batcher } = make();
    const calls = [1, 2, 3, 4].map((value) => batcher.submit({ inputs: [row(value, value === 2 ? 2 : 1)], ...far }));
    runner.next();
    await calls[0];
    await vi.waitFor(() => { expect(runner.batches).toHaveLength(2); });
    runner.next();
    expect((await Promise.all(calls)).map(values)).toEqual([[1], [2, 2], [3], [4]]);
    expect(runner.batches).toEqual([[1], [2, 2, 3, 4]]);
  });

  it('refuses one more than fit, but not later pieces of a call it let in', async () => {
    const { runner, batcher } = make({ maxQueue: 2 });
    const running = batcher.submit({ inputs: [row(0)], ...far });
    const waiting = [1, 2].map((value) => batcher.submit({ inputs: [row(value)], ...far }));
    await expect(batcher.submit({ inputs: [row(3)], ...far })).rejects.toMatchObject({ code: 'queue_full', retryAfterSeconds: 1 });
    const piece = batcher.submit({ inputs: [row(4)], ...far, continued: true });
    runner.next();
    await running;
    await vi.waitFor(() => { expect(runner.batches).toHaveLength(2); });
    runner.next();
    await Promise.all([...waiting, piece]);
  });

  it('starts what came in one turn together at its end, and refuses nobody for it while a worker is free', async () => {
    const { runner, batcher } = make({ maxQueue: 2, atEndOfTurn: setImmediate });
    const together = [1, 2].map((value) => batcher.submit({ inputs: [row(value)], ...far }));
    expect(runner.batches).toEqual([]);
    const third = batcher.submit({ inputs: [row(3)], ...far }); // the queue is full, but only for want of the turn's end
    expect(runner.batches).toEqual([[1, 2]]);
    runner.next();
    await Promise.all(together);
    await vi.waitFor(() => { expect(runner.batches).toEqual([[1, 2], [3]]); });
    runner.next();
    await third;
  });

  it('a deadline ends the waiting, and what ran out is not computed', async () => {
    const { runner, batcher } = make();
    const running = batcher.submit({ inputs: [row(1)], ...far });
    await expect(batcher.submit({ inputs: [row(2)], deadline: performance.now() + 20 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
    runner.next();
    await running;
    expect(runner.batches).toEqual([[1]]);
  });

  it('a deadline ends even a run that does not come back', async () => {
    const { batcher } = make();
    await expect(batcher.submit({ inputs: [row(1)], deadline: performance.now() + 20 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
  });

  it('a caller that hung up is not computed', async () => {
    const { runner, batcher } = make();
    const running = batcher.submit({ inputs: [row(1)], ...far });
    const controller = new AbortController();
    const gone = batcher.submit({ inputs: [row(2)], ...far, signal: controller.signal });
    const stays = batcher.submit({ inputs: [row(3)], ...far });
    controller.abort();
    await expect(gone).rejects.toMatchObject({ code: 'client_closed_request' });
    runner.next();
    await running;
    await vi.waitFor(() => { expect(runner.batches).toHaveLength(2); });
    runner.next();
    expect(values(await stays)).toEqual([3]);
    expect(runner.batches).toEqual([[1], [3]]);
  });

  it('a failed run fails its own calls only', async () => {
    const { runner, batcher } = make();
    const bad = batcher.submit({ inputs: [row(-1)], ...far });
    const good = batcher.submit({ inputs: [row(2)], ...far });
    runner.next();
    await expect(bad).rejects.toThrow('boom');
    batcher.pump();
    await vi.waitFor(() => { expect(runner.batches).toHaveLength(2); });
    runner.next();
    expect(values(await good)).toEqual([2]);
  });

  it('waits for company when told to', async () => {
    const { runner, batcher } = make({ maxDelayMs: 30 });
    const calls = [1, 2].map((value) => batcher.submit({ inputs: [row(value)], ...far }));
    expect(runner.batches).toEqual([]);
    await vi.waitFor(() => { expect(runner.batches).toEqual([[1, 2]]); });
    runner.next();
    await Promise.all(calls);
  });

  it('grows turn by turn while calls keep coming together, and one alone waits for none', async () => {
    const turns: (() => void)[] = [];
    const { runner, batcher } = make({ maxRows: 8, atEndOfTurn: (run: () => void) => turns.push(run) });
    const calls: Promise<unknown>[] = [];
    const come = (...some: number[]): void => { for (const value of some) calls.push(batcher.submit({ inputs: [row(value)], ...far })); };
    const endTurn = (): void => { for (const run of turns.splice(0)) run(); };
    come(1);
    endTurn();
    expect(runner.batches).toEqual([[1]]);
    come(2, 3);
    endTurn();
    runner.next();
    await vi.waitFor(() => { expect(runner.batches).toEqual([[1], [2, 3]]); });
    runner.next();
    await Promise.all(calls);
    come(4, 5);
    endTurn();
    come(6);
    endTurn();
    expect(runner.batches).toHaveLength(2);
    endTurn();
    expect(runner.batches.at(-1)).toEqual([4, 5, 6]);
    runner.next();
    await Promise.all(calls);
    for (let value = 7; value < 7 + 5; value++) {
      come(value);
      endTurn();
    }
    expect(runner.batches.at(-1)).toEqual([7, 8, 9, 10]);
    runner.next();
    await vi.waitFor(() => { expect(runner.batches.at(-1)).toEqual([11]); });
    runner.next();
    await Promise.all(calls);
  });

  it('keeps different shapes apart', async () => {
    const { runner, batcher } = make();
    const running = batcher.submit({ inputs: [row(1)], ...far });
    const wide: Tensor = { name: 'x', dtype: 'float32', shape: [1, 2], data: Float32Array.of(8, 9) };
    const calls = [batcher.submit({ inputs: [wide], ...far }), batcher.submit({ inputs: [row(2)], ...far })];
    for (const count of [2, 3]) {
      runner.next();
      await vi.waitFor(() => { expect(runner.batches).toHaveLength(count); });
    }
    runner.next();
    await Promise.all([running, ...calls]);
    expect(runner.batches).toEqual([[1], [8, 9], [2]]);
  });

  it('fills a batch up to an allowed size with its first row, and nobody sees what was added', async () => {
    const ran: object[] = [];
    const { runner, batcher } = make({ maxRows: 8, allowed: [1, 4, 8], onBatch: (batch: object) => ran.push(batch) });
    const alone = batcher.submit({ inputs: [row(1)], ...far });
    const calls = [batcher.submit({ inputs: [row(2, 2)], ...far, owned: true }), batcher.submit({ inputs: [row(3)], ...far })];
    runner.next();
    expect(values(await alone)).toEqual([1]);
    await vi.waitFor(() => { expect(runner.batches).toHaveLength(2); });
    runner.next();
    expect((await Promise.all(calls)).map(values)).toEqual([[2, 2], [3]]);
    const single = batcher.submit({ inputs: [row(5, 6)], ...far });
    await vi.waitFor(() => { expect(runner.batches).toHaveLength(3); });
    runner.next();
    expect(values(await single)).toEqual([5, 5, 5, 5, 5, 5]);
    expect(runner.batches).toEqual([[1], [2, 2, 3, 2], [5, 5, 5, 5, 5, 5, 5, 5]]);
    expect(ran).toEqual([{ rows: 1, padding: 0, computeMs: 1 }, { rows: 3, padding: 1, computeMs: 1 }, { rows: 6, padding: 2, computeMs: 1 }]);
  });

  it('closing refuses what waits', async () => {
    const { runner, batcher } = make();
    const running = batcher.submit({ inputs: [row(1)], ...far });
    const waiting = batcher.submit({ inputs: [row(2)], ...far });
    const { InferenceError } = await import('../inference/errors.ts');
    batcher.close(new InferenceError('draining', 'bye'));
    await expect(waiting).rejects.toMatchObject({ code: 'draining' });
    runner.next();
    expect(values(await running)).toEqual([1]);
  });
});
