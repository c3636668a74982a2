// What the bench says of its figures: met, missed, not measured, or not to be judged because the client was the limit or the proxy's core not its own.
import { describe, expect, it } from 'vitest';
import { median, verdictsOf } from './verdicts.ts';
import type { OpenLoop, Run } from './verdicts.ts';

const run = (over: Partial<Run> = {}): Run => ({ rate: 1000, p50: 100, p99: 200, perCore: 1000, anonMb: 1, others: 0, ...over });
const loop = (over: Partial<OpenLoop> = {}): OpenLoop => ({ answered: 1, unanswered: 0, bad: 0, p50: 100, p99: 1000, late99: 100, proxyBusy: 0.7, clientBusy: 0.5, others: 0, ...over });

const RUNS = new Map([
  [1, new Map([['direct', run({ p50: 20 })], ['router', run({ p50: 120 })], ['haproxy', run({ p50: 100 })]])],
  [32, new Map([['router', run({ perCore: 600 })], ['haproxy', run()]])],
  [128, new Map([['router', run({ perCore: 400 })], ['haproxy', run()]])],
]);
const LOOPS = new Map([['router', loop({ p99: 1500 })], ['haproxy', loop()]]);
const said = (openLoops: ReadonlyMap<string, OpenLoop> = LOOPS): [number | undefined, string][] => verdictsOf({ runs: RUNS, openLoops }).map(({ figure, verdict }) => [figure, verdict]);

describe('verdicts', () => {
  it('compare the router with HAProxy, its latency with what each adds to a direct call', () => {
    expect(said()).toEqual([[0.6, 'met'], [0.4, 'missed'], [1.25, 'met'], [1.5, 'met']]);
  });

  it.each([
    ['busy', { clientBusy: 0.97 }, /not judged.*haproxy: the client's core was 97 % busy/],
    ['late', { late99: 900 }, /not judged.*haproxy: the client was 0.9 ms late itself/],
    ['alone, but the proxy was not', { others: 0.3 }, /not judged.*haproxy: other processes had 30 % of the proxy's core/],
  ])('are not given where the client was %s', (_what, over, words) => {
    expect(said(new Map([...LOOPS, ['haproxy', loop(over)]]))[3]?.[1]).toMatch(words);
  });

  it('say what was not measured', () => {
    expect(verdictsOf({ runs: new Map(), openLoops: new Map() }).map(({ verdict }) => verdict)).toEqual(Array.from({ length: 4 }, () => 'not measured'));
  });
});

it('the median is the one in the middle', () => {
  expect(median([3, 1, 2])).toBe(2);
});
