// Models that share a worker, over a worker that answers when the test says so.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WorkerRequest } from './backend.ts';
import { RemoteWorker } from './remote-worker.ts';
import { Displaced, Seats, type Fault, type Seat } from './seats.ts';

class Scripted extends RemoteWorker {
  readonly asked: WorkerRequest[] = [];
  stop(): Promise<void> {
    this.end('it was stopped');
    return Promise.resolve();
  }
  outsideBytes(): number {
    return 0;
  }
  protected post(request: WorkerRequest): void {
    this.asked.push(request);
  }
  /** Answers the call that it is at. */
  answer(worn = false): void {
    const request = this.asked.shift();
    if (request === undefined) throw new Error('nothing was asked');
    this.settle(worn ? { id: request.id, ok: false, error: { kind: 'bug', message: 'no' }, worn } : { id: request.id, ok: true, value: request.model });
  }
}

interface Bench {
  worker: Scripted;
  seats: Seats;
  emptied: () => number;
}

function bench(): Bench {
  const worker = new Scripted();
  let emptied = 0;
  return { worker, seats: new Seats(worker, () => { emptied += 1; return Promise.resolve(); }), emptied: () => emptied };
}

const run = (seat: Seat): Promise<unknown> => seat.call('run', { parts: [] });

/** What becomes of a seat. */
function told(seat: Seat): { ended: Fault[]; alone: number; worn: number } {
  const seen = { ended: [] as Fault[], alone: 0, worn: 0 };
  seat.events = { ended: (_, fault) => seen.ended.push(fault), alone: () => (seen.alone += 1), worn: () => (seen.worn += 1) };
  return seen;
}

const modelsAsked = (worker: Scripted, calls: number): number[] => Array.from({ length: calls }, () => {
  const model = worker.asked[0]?.model ?? 0;
  worker.answer();
  return model;
});

describe('models in one worker', () => {
  it('alone, calls go straight to it', async () => {
    const { worker, seats } = bench();
    const seat = seats.sit();
    const calls = [run(seat), run(seat)];
    expect(worker.asked).toHaveLength(2);
    worker.answer();
    worker.answer();
    expect(await Promise.all(calls)).toEqual([seat.model, seat.model]);
  });

  it('take turns, however many calls one of them has', async () => {
    const { worker, seats } = bench();
    const [a, b, c] = [seats.sit(), seats.sit(), seats.sit()];
    const calls = [run(a), run(a), run(a), run(a), run(b), run(c), run(b)];
    expect(worker.asked.map((request) => request.model)).toEqual([a.model]);
    expect(modelsAsked(worker, 7)).toEqual([a, b, c, a, b, a, a].map((seat) => seat.model));
    await Promise.all(calls);
  });

  it('leave by themselves; the worker is told when the last one has', async () => {
    const { worker, seats, emptied } = bench();
    const [a, b] = [seats.sit(), seats.sit()];
    const left = [a.leave(), b.leave()];
    expect(worker.asked.map(({ op, model }) => [op, model])).toEqual([['unload', a.model]]);
    worker.answer();
    await left[0];
    expect([seats.tenants, emptied()]).toEqual([1, 0]);
    worker.answer();
    await left[1];
    expect([seats.tenants, emptied()]).toEqual([0, 1]);
    await expect(run(a)).rejects.toThrow(Displaced);
  });
});

describe('a worker that ends', () => {
  it('is held against the model whose call it was at; the others\' calls were not begun', async () => {
    const { worker, seats } = bench();
    const [a, b, c] = [seats.sit(), seats.sit(), seats.sit()];
    const seen = [a, b, c].map(told);
    const calls = [run(a), run(b)];
    await worker.stop();
    const [own, other] = await Promise.allSettled(calls);
    expect(own).toMatchObject({ status: 'rejected', reason: { code: 'worker_failed' } });
    expect((own as PromiseRejectedResult).reason).not.toBeInstanceOf(Displaced);
    expect((other as PromiseRejectedResult).reason).toBeInstanceOf(Displaced);
    expect(seen.map((one) => one.ended)).toEqual([['own'], ['other'], ['other']]);
  });

  it('is held against none when it was at no call', async () => {
    const { worker, seats } = bench();
    const seen = [seats.sit(), seats.sit()].map(told);
    await worker.stop();
    expect(seen.map((one) => one.ended)).toEqual([['unknown'], ['unknown']]);
  });

  it('is left by all when failed runs left too much behind; whose they are sits alone then', () => {
    const { worker, seats } = bench();
    const [a, b] = [seats.sit(), seats.sit()];
    const seen = [a, b].map(told);
    run(a).catch(() => undefined);
    worker.answer(true);
    expect([seen.map(({ worn, alone }) => [worn, alone]), seats.retired]).toEqual([[[1, 1], [1, 0]], true]);
  });
});

describe('a call that takes long', () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  it('keeps the worker, and the others go at once, with what they had waiting', async () => {
    const { worker, seats } = bench();
    const [a, b] = [seats.sit(), seats.sit()];
    const seen = [a, b].map(told);
    const calls = [run(a), run(b)];
    const other = expect(calls[1]).rejects.toThrow(Displaced);
    vi.advanceTimersByTime(1900);
    expect(seen.map((one) => one.ended)).toEqual([[], []]);
    vi.advanceTimersByTime(600);
    await other;
    expect(seen).toEqual([{ ended: [], alone: 1, worn: 0 }, { ended: ['other'], alone: 0, worn: 0 }]);
    expect([seats.reserved, seats.tenants]).toEqual([true, 1]);
    expect(worker.asked.map(({ op, model }) => [op, model])).toEqual([['run', a.model], ['unload', b.model]]);
    worker.answer();
    expect(await calls[0]).toBe(a.model);
  });

  it('of nobody\'s harm is let be: alone, or as long as calls are answered', async () => {
    const { worker, seats } = bench();
    const a = seats.sit();
    const seen = told(a);
    const alone = run(a);
    vi.advanceTimersByTime(60_000);
    worker.answer();
    await alone;
    const b = seats.sit();
    for (let round = 0; round < 20; round++) {
      const calls = [run(a), run(b)];
      for (let each = 0; each < 2; each++) {
        vi.advanceTimersByTime(1500);
        worker.answer();
      }
      await Promise.all(calls);
    }
    expect([seen.alone, seats.reserved]).toEqual([0, false]);
  });
});
