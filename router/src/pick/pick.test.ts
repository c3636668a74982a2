// Proves the split exact at any point of any run, and the balance fair.
import type { RouteBackend } from '@slipway/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leastOutstanding } from './balance.ts';
import { askingOrder, havingVersion, mayNameVersion } from './pinned.ts';
import { sequence } from './sequence.ts';
import { choose, splitOf } from './split.ts';

const backend = (role: RouteBackend['role'], weight: number, modelVersion: string = role): RouteBackend => ({ revision: `${role}-rev`, role, weight, modelVersion });
const all = (): boolean => true;

describe('the sequence', () => {
  it('gives every share exactly, to five requests, at every n of 20,000', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), fc.integer({ min: 1, max: 99 }), (start, weight) => {
        const draws = sequence(start);
        const split = splitOf([backend('stable', 100 - weight), backend('canary', weight)]);
        let canary = 0;
        for (let n = 1; n <= 20_000; n++) {
          if (choose(split, draws.next(), all)?.backend.role === 'canary') canary++;
          if (Math.abs(canary - (n * weight) / 100) > 5) return false;
        }
        return true;
      }),
      { numRuns: 60 },
    );
  });

  it('stays exact when the weights change at any time', () => {
    const phases = fc.array(fc.record({ weight: fc.integer({ min: 0, max: 100 }), requests: fc.integer({ min: 1, max: 3000 }) }), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), phases, (start, plan) => {
        const draws = sequence(start);
        return plan.every(({ weight, requests }) => {
          const split = splitOf([backend('canary', weight), backend('stable', 100 - weight)]);
          let canary = 0;
          for (let n = 0; n < requests; n++) if (choose(split, draws.next(), all)?.backend.role === 'canary') canary++;
          return Math.abs(canary - (requests * weight) / 100) <= 5;
        });
      }),
      { numRuns: 100 },
    );
  });

  it('splits three ways within a few requests', () => {
    const draws = sequence(0.123);
    const split = splitOf([backend('stable', 60), backend('previous', 10), backend('canary', 30)]);
    const counts: Record<string, number> = {};
    for (let n = 0; n < 10_000; n++) {
      const role = choose(split, draws.next(), all)?.backend.role ?? 'none';
      counts[role] = (counts[role] ?? 0) + 1;
    }
    expect(Math.abs((counts['stable'] ?? 0) - 6000)).toBeLessThanOrEqual(8);
    expect(Math.abs((counts['canary'] ?? 0) - 3000)).toBeLessThanOrEqual(8);
    expect(Math.abs((counts['previous'] ?? 0) - 1000)).toBeLessThanOrEqual(8);
  });

  it('stays in [0,1) and differs by start', () => {
    const a = sequence(0);
    const b = sequence(0.999_999_999_9);
    for (let n = 0; n < 1000; n++) {
      const [u, v] = [a.next(), b.next()];
      expect(u).not.toBe(v);
      expect(u >= 0 && u < 1 && v >= 0 && v < 1).toBe(true);
    }
  });
});

describe('the split', () => {
  const split = splitOf([backend('stable', 90), backend('canary', 10), backend('previous', 0), backend('preview', 0)]);

  it.each([
    { u: 0, got: 'canary' },
    { u: 0.0999, got: 'canary' },
    { u: 0.1, got: 'stable' },
    { u: 0.999_999, got: 'stable' },
  ])('puts the candidate at the low end: $u -> $got', ({ u, got }) => {
    expect(choose(split, u, all)?.backend.role).toBe(got);
  });

  it('keeps a caller on the candidate when its weight grows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99 }), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (weight, u) => {
        const at = (w: number): string | undefined => choose(splitOf([backend('stable', 100 - w), backend('canary', w)]), u, all)?.backend.role;
        return at(weight) !== 'canary' || at(weight + 1) === 'canary';
      }),
    );
  });

  it.each([
    { live: ['canary-rev'], u: 0.5, got: 'canary', insteadOf: 'stable' },
    { live: ['stable-rev'], u: 0.05, got: 'stable', insteadOf: 'canary' },
    { live: ['previous-rev'], u: 0.05, got: 'previous', insteadOf: 'canary' },
    { live: ['preview-rev'], u: 0.05, got: undefined, insteadOf: undefined },
    { live: [], u: 0.05, got: undefined, insteadOf: undefined },
  ])('gives the share of a silent revision away: $live', ({ live, u, got, insteadOf }) => {
    const choice = choose(split, u, (revision) => (live).includes(revision));
    expect(choice?.backend.role).toBe(got);
    expect(choice?.insteadOf?.role).toBe(insteadOf);
  });

  it('never gives public traffic to a candidate that was given no weight', () => {
    const aborted = splitOf([backend('stable', 100), backend('canary', 0)]);
    expect(choose(aborted, 0.5, (revision) => revision === 'canary-rev')).toBeUndefined();
  });

  it('chooses nobody while all weights are 0', () => {
    expect(choose(splitOf([backend('stable', 0)]), 0.5, all)).toBeUndefined();
  });
});

describe('the balance', () => {
  const pod = (outstanding: number, avoidUntil = 0): { outstanding: number; avoidUntil: number } => ({ outstanding, avoidUntil });

  it('takes the least outstanding', () => {
    expect(leastOutstanding([pod(3), pod(1), pod(2)], [], { turn: 0, nowMs: 0 })).toBe(1);
  });

  it('serves equals in turn, each as often as the others', () => {
    const pods = [pod(0), pod(0), pod(0)];
    const counts = [0, 0, 0];
    for (let turn = 0; turn < 300; turn++) {
      const index = leastOutstanding(pods, [], { turn, nowMs: 0 });
      counts[index] = (counts[index] ?? 0) + 1;
    }
    expect(counts).toEqual([100, 100, 100]);
  });

  it('leaves out what was tried, and what failed lately unless nothing else is left', () => {
    const pods = [pod(0, 100), pod(5), pod(0, 200)];
    expect(leastOutstanding(pods, [], { turn: 0, nowMs: 50 })).toBe(1);
    expect(leastOutstanding(pods, pods.slice(1, 2), { turn: 0, nowMs: 50 })).toBe(0);
    expect(leastOutstanding(pods, [], { turn: 0, nowMs: 150 })).toBe(0);
    expect(leastOutstanding(pods, pods, { turn: 0, nowMs: 150 })).toBe(-1);
    expect(leastOutstanding([], [], { turn: 7, nowMs: 0 })).toBe(-1);
  });

  it('keeps the spread of a running load within one request', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 300 }), fc.integer({ min: 1, max: 7 }), (events, count) => {
        const pods = Array.from({ length: count }, () => pod(0));
        let turn = 0;
        for (const begins of events) {
          if (begins) {
            const chosen = pods[leastOutstanding(pods, [], { turn: turn++, nowMs: 0 })] as { outstanding: number };
            chosen.outstanding++;
          } else {
            const busiest = pods.reduce((a, b) => (b.outstanding > a.outstanding ? b : a));
            if (busiest.outstanding > 0) busiest.outstanding--;
          }
          const loads = pods.map((p) => p.outstanding);
          if (Math.max(...loads) - Math.min(...loads) > 1) return false;
        }
        return true;
      }),
    );
  });
});

describe('pinning', () => {
  const backends = [backend('canary', 10, 'v2'), backend('preview', 0, 'v3'), backend('stable', 90, 'v1'), backend('previous', 0, 'v1')];

  it('asks stable, canary, previous, and never a preview', () => {
    expect(askingOrder(backends).map((b) => b.role)).toEqual(['stable', 'canary', 'previous']);
  });

  it('finds the version, the weightier first', () => {
    expect(havingVersion(backends, 'v1').map((b) => b.role)).toEqual(['stable', 'previous']);
    expect(havingVersion(backends, 'v2').map((b) => b.role)).toEqual(['canary']);
    expect(havingVersion(backends, 'v3')).toEqual([]);
  });

  it.each([
    { url: '/predict', body: '{"modelVersion":"v2","text":"x"}', named: true },
    { url: '/v1/models/m/versions/3:predict', body: undefined, named: true },
    { url: '/predict', body: '{"text":"x"}', named: false },
    { url: '/predict', body: JSON.stringify({ text: 'say "modelVersion": "v2"' }), named: false },
  ])('$url $body names a version: $named', ({ url, body, named }) => {
    expect(mayNameVersion(url, body === undefined ? undefined : Buffer.from(body))).toBe(named);
  });
});
