import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, paddingFor, type Waiting } from './policy.ts';

const item = (rows: number, key = 'a', since = 0): Waiting => ({ key, rows, since });
const limits = { maxRows: 8, maxDelayMs: 0, merge: true };

describe('which calls make the next batch', () => {
  it('everything that waits and fits, at once', () => {
    expect(decide([item(1), item(2), item(3)], 0, limits)).toEqual({ kind: 'run', take: [0, 1, 2] });
    expect(decide([], 0, limits)).toEqual({ kind: 'idle' });
  });

  it('never more rows than fit, but a large call alone', () => {
    expect(decide([item(5), item(3), item(1)], 0, limits)).toEqual({ kind: 'run', take: [0, 1] });
    expect(decide([item(5), item(4)], 0, limits)).toEqual({ kind: 'run', take: [0] });
    expect(decide([item(100), item(1)], 0, limits)).toEqual({ kind: 'run', take: [0] });
  });

  it('only calls of the first one\'s shape', () => {
    expect(decide([item(1, 'a'), item(1, 'b'), item(1, 'a')], 0, limits)).toEqual({ kind: 'run', take: [0, 2] });
  });

  it('one by one where calls must not share', () => {
    expect(decide([item(1), item(1)], 0, { ...limits, merge: false })).toEqual({ kind: 'run', take: [0] });
  });

  it('with a delay, the first call waits for company until its time or a full batch', () => {
    const patient = { ...limits, maxDelayMs: 10 };
    expect(decide([item(1, 'a', 100)], 105, patient)).toEqual({ kind: 'wait', until: 110 });
    expect(decide([item(1, 'a', 100)], 110, patient)).toEqual({ kind: 'run', take: [0] });
    expect(decide([item(4, 'a', 100), item(4, 'a', 104)], 105, patient)).toEqual({ kind: 'run', take: [0, 1] });
    expect(decide([item(4, 'a', 100), item(6, 'a', 104)], 105, patient), 'the next does not fit: waiting gains nothing').toEqual({ kind: 'run', take: [0] });
  });

  it('a preferred size runs at once, the largest that can be made; what is left waits', () => {
    const preferring = { ...limits, maxDelayMs: 10, preferred: [2, 4] };
    expect(decide([item(1)], 0, preferring)).toEqual({ kind: 'wait', until: 10 });
    expect(decide([item(1), item(1)], 0, preferring)).toEqual({ kind: 'run', take: [0, 1] });
    expect(decide([item(1), item(1), item(1), item(1), item(1)], 0, preferring)).toEqual({ kind: 'run', take: [0, 1, 2, 3] });
    expect(decide([item(3)], 0, preferring)).toEqual({ kind: 'wait', until: 10 });
    expect(decide([item(3)], 10, preferring), 'nothing preferred can be made: as it is').toEqual({ kind: 'run', take: [0] });
    expect(decide([item(2), item(3)], 0, { ...preferring, maxDelayMs: 0 })).toEqual({ kind: 'run', take: [0] });
  });

  it('a batch is filled up to the next allowed size', () => {
    const fixed = { ...limits, allowed: [1, 2, 4, 8] };
    expect([1, 2, 3, 4, 5, 8, 9].map((rows) => paddingFor(rows, fixed))).toEqual([0, 0, 1, 0, 3, 0, 0]);
    expect(paddingFor(3, limits)).toBe(0);
    expect(paddingFor(3, { ...fixed, merge: false }), 'rows that influence each other get no strangers').toBe(0);
  });

  it('always takes the first, each once, in order, of one key, within the limit', () => {
    const queue = fc.array(fc.record({ key: fc.constantFrom('a', 'b'), rows: fc.integer({ min: 1, max: 12 }), since: fc.integer({ min: 0, max: 50 }) }), { minLength: 1 });
    fc.assert(
      fc.property(queue, fc.integer({ min: 0, max: 100 }), fc.boolean(), fc.uniqueArray(fc.integer({ min: 1, max: 8 })), (waiting, now, merge, preferred) => {
        const decision = decide(waiting, now, { maxRows: 8, maxDelayMs: 5, merge, preferred });
        if (decision.kind === 'wait') {
          expect(decision.until).toBeGreaterThan(now);
          return;
        }
        if (decision.kind !== 'run') throw new Error('a queue is never idle');
        const taken = decision.take.map((index) => waiting[index]);
        expect(decision.take[0]).toBe(0);
        expect([...decision.take].sort((a, b) => a - b)).toEqual([...new Set(decision.take)]);
        expect(new Set(taken.map((one) => one?.key)).size).toBe(1);
        const rows = taken.reduce((sum, one) => sum + (one?.rows ?? 0), 0);
        expect(rows <= 8 || taken.length === 1).toBe(true);
      }),
    );
  });
});
