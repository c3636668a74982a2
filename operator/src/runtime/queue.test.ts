// The queue's promises: equal keys are one, never run twice at a time, the earliest wake-up wins, failures wait longer.
import { manualClock } from '@slipway/kube';
import { describe, expect, it } from 'vitest';
import { createQueue } from './queue.ts';

const setup = () => {
  const clock = manualClock();
  const queue = createQueue({ clock, random: () => 1, backoff: { baseMs: 100, maxMs: 1_000, factor: 2 } });
  const taken: string[] = [];
  const drain = async () => {
    while (queue.depth > 0) {
      const key = (await queue.take()) ?? '';
      taken.push(key);
      queue.done(key);
    }
  };
  return { clock, queue, taken, drain };
};

describe('queue', () => {
  it('equal keys are one entry, in the order of their first wish', async () => {
    const { queue, taken, drain } = setup();
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect(queue.depth).toBe(3);
    await drain();
    expect(taken).toEqual(['a', 'b', 'c']);
  });

  it('a key added while in work runs once more, after it is done', async () => {
    const { queue, clock } = setup();
    queue.add('a');
    expect(await queue.take()).toBe('a');
    queue.add('a');
    queue.add('a');
    expect(queue.depth).toBe(0);
    let second: string | undefined;
    void queue.take().then((key) => (second = key));
    await clock.advance(0);
    expect(second).toBeUndefined();
    queue.done('a');
    await clock.advance(0);
    expect(second).toBe('a');
    queue.done('a');
    expect(queue.depth).toBe(0);
  });

  it('hands out work to who waits, in the order they came', async () => {
    const { queue } = setup();
    const first = queue.take();
    const second = queue.take();
    queue.add('a');
    queue.add('b');
    expect(await Promise.all([first, second])).toEqual(['a', 'b']);
  });

  it('the earliest wake-up wins, and only one is pending', async () => {
    const { queue, clock } = setup();
    queue.addAfter('a', 500);
    queue.addAfter('a', 200);
    queue.addAfter('a', 900);
    expect(clock.pending()).toBe(1);
    await clock.advance(199);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(queue.depth).toBe(1);
    await clock.advance(1_000);
    expect(queue.depth).toBe(1);
  });

  it('a pass that begins voids an older wake-up', async () => {
    const { queue, clock, taken, drain } = setup();
    queue.addAfter('a', 500);
    queue.add('a');
    await drain();
    await clock.advance(1_000);
    expect(taken).toEqual(['a']);
    expect(queue.depth).toBe(0);
  });

  it('a wake-up asked during the work survives it', async () => {
    const { queue, clock } = setup();
    queue.add('a');
    await queue.take();
    queue.addAfter('a', 50);
    queue.done('a');
    await clock.advance(50);
    expect(queue.depth).toBe(1);
  });

  it('failures wait exponentially up to the cap, at least what was asked, and start over after success', async () => {
    const { queue, clock } = setup();
    const failing = async (key: string): Promise<number> => {
      const ms = queue.addFailed(key);
      await clock.advance(ms);
      return ms;
    };
    const waits: number[] = [];
    for (let n = 0; n < 6; n++) waits.push(await failing('a'));
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect([1, 2, 3].map(() => queue.addFailed('c')), 'passes that came early, because something changed').toEqual([100, 100, 100]);
    expect(queue.addFailed('b', 30_000)).toBe(30_000);
    queue.forget('a');
    expect(queue.addFailed('a')).toBe(100);
  });

  it('who leaves takes nothing with it', async () => {
    const { queue } = setup();
    const leaving = new AbortController();
    const left = queue.take(leaving.signal);
    const stays = queue.take();
    leaving.abort();
    expect(await left).toBeUndefined();
    queue.add('a');
    expect(await stays).toBe('a');
    expect(await queue.take(leaving.signal)).toBeUndefined();
  });

  it('close answers takers, cancels wake-ups and refuses more', async () => {
    const { queue, clock } = setup();
    queue.addAfter('a', 10);
    const waiting = queue.take();
    queue.close();
    expect(await waiting).toBeUndefined();
    expect(clock.pending()).toBe(0);
    queue.add('b');
    expect(await queue.take()).toBeUndefined();
  });
});
