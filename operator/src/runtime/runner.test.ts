// Workers: bounded, one pass per key at a time, every outcome leads to its own decision, a pause waits for what is under way.
import { ApiError, manualClock, systemClock } from '@slipway/kube';
import type { Clock } from '@slipway/kube';
import { describe, expect, it } from 'vitest';
import { createLog } from './log.ts';
import { createMetrics } from './metrics.ts';
import type { Outcome } from './outcome.ts';
import { createQueue } from './queue.ts';
import { createRunner } from './runner.ts';
import { outcomeOf } from './verdicts.ts';
import { NotLeaderError } from './writer.ts';

const setup = (pass: (key: string) => Promise<Outcome>, workers = 2, onReal?: Clock) => {
  const clock = manualClock();
  const queue = createQueue({ clock, random: () => 1, backoff: { baseMs: 100, maxMs: 10_000, factor: 2 } });
  const metrics = createMetrics();
  const log = createLog({ level: 'silent', component: 'test', instance: 'test' });
  const runner = createRunner({ queue, pass, workers, clock: onReal ?? clock, log, metrics, kindOf: () => 'inferenceservice' });
  return { clock, queue, runner, metrics };
};

describe('runner', () => {
  it('lets the Lease, probes and answers in while passes that ask nobody follow one another', async () => {
    const all = Promise.withResolvers<undefined>();
    let [passes, passesBeforeOthers] = [0, 0];
    const { queue, runner } = setup(() => {
      const until = systemClock.monotonic() + 1;
      while (systemClock.monotonic() < until);
      if (++passes === 200) all.resolve(undefined);
      return Promise.resolve({ next: 'Settle' });
    }, 16, systemClock);
    for (let i = 0; i < 200; i++) queue.add(`k${i}`);
    runner.start();
    setImmediate(() => (passesBeforeOthers = passes));
    await all.promise;
    await runner.pause();
    expect(passesBeforeOthers).toBeGreaterThan(0);
    expect(passesBeforeOthers).toBeLessThan(100);
  });

  it('runs as many passes as there are workers, and never two of one key', async () => {
    const active = new Map<string, number>();
    let most = 0;
    const gates: (() => void)[] = [];
    const { clock, queue, runner } = setup(async (key) => {
      active.set(key, (active.get(key) ?? 0) + 1);
      expect(active.get(key)).toBe(1);
      most = Math.max(most, [...active.values()].reduce((a, b) => a + b, 0));
      await new Promise<void>((resolve) => gates.push(resolve));
      active.set(key, 0);
      return { next: 'Settle' };
    });
    runner.start();
    for (const key of ['a', 'b', 'c', 'a', 'b']) queue.add(key);
    for (let i = 0; i < 10; i++) {
      await clock.advance(0);
      queue.add('a');
      gates.shift()?.();
    }
    expect(most).toBe(2);
  });

  it.each([
    ['Settle', { next: 'Settle' }, undefined],
    ['Settle with a wake-up', { next: 'Settle', wakeInMs: 700 }, 700],
    ['Retry', { next: 'Retry', because: 'x' }, 100],
    ['Retry that must wait', { next: 'Retry', because: 'x', atLeastMs: 5_000 }, 5_000],
    ['Retry of a rollout that wakes up sooner', { next: 'Retry', because: 'x', atLeastMs: 5_000, wakeInMs: 700 }, 700],
    ['WaitFor', { next: 'WaitFor', ms: 30, because: 'x' }, 30],
    ['Stop', { next: 'Stop', because: 'x' }, undefined],
  ] as [string, Outcome, number | undefined][])('%s', async (_name, outcome, againInMs) => {
    const passes: number[] = [];
    const { clock, queue, runner } = setup(() => {
      passes.push(clock.monotonic());
      return Promise.resolve(passes.length === 1 ? outcome : { next: 'Settle' });
    });
    runner.start();
    queue.add('k');
    await clock.advance(60_000);
    expect(passes).toEqual(againInMs === undefined ? [0] : [0, againInMs]);
  });

  it('a pass that throws is tried again like any failure, and counted', async () => {
    let passes = 0;
    const { clock, queue, runner, metrics } = setup(() => (++passes === 1 ? Promise.reject(new Error('bug')) : Promise.resolve({ next: 'Settle' })));
    runner.start();
    queue.add('k');
    await clock.advance(1_000);
    expect(passes).toBe(2);
    const { text } = await metrics.expose();
    expect(text).toContain('slipway_operator_reconcile_total{kind="inferenceservice",result="Retry"} 1');
    expect(text).toContain('slipway_operator_reconcile_total{kind="inferenceservice",result="Settle"} 1');
  });

  it('a pause waits for passes under way and takes no more; start goes on', async () => {
    const started: string[] = [];
    let finish: () => void = () => undefined;
    const { clock, queue, runner } = setup(async (key) => {
      started.push(key);
      await new Promise<void>((resolve) => (finish = resolve));
      return { next: 'Settle' };
    }, 1);
    runner.start();
    queue.add('a');
    await clock.advance(0);
    let paused = false;
    const pausing = runner.pause().then(() => (paused = true));
    queue.add('b');
    await clock.advance(0);
    expect(paused).toBe(false);
    finish();
    await pausing;
    await clock.advance(0);
    expect(started).toEqual(['a']);
    runner.start();
    await clock.advance(0);
    expect(started).toEqual(['a', 'b']);
  });
});

describe('what an error of a write means', () => {
  const terminating = new ApiError(403, { reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } });
  it.each([
    ['a leader whose lead lapsed tries again, should it lead once more', new NotLeaderError('x'), { next: 'WaitFor', ms: 1_000 }],
    ['a conflict looks again soon, and is no failure', new ApiError(409, { reason: 'Conflict' }), { next: 'WaitFor', ms: 100 }],
    ['a terminating namespace stops', terminating, { next: 'Stop' }],
    ['429 waits as long as it is told', new ApiError(429, {}, 9), { next: 'Retry', atLeastMs: 9_000 }],
    ['anything else is tried again', new Error('x'), { next: 'Retry' }],
  ])('%s', (_name, error, outcome) => expect(outcomeOf(error)).toMatchObject(outcome));
});
