// What a chaos run makes of its journal: which failures a kill explains, how requests followed the weights, what the report says.
import { describe, expect, it } from 'vitest';
import { excuseFor, kindOf } from './failures.ts';
import type { Journal, Kill, Sent, WeightChange } from './journal.ts';
import { dealt, randomOf, seedFor } from './order.ts';
import { printed, reportOf } from './report.ts';
import { followedChanges, splitsSeen } from './splits.ts';

const sent = (due: number, over: Partial<Sent> = {}): Sent => ({ target: 'a', lane: 'close', due, lateMs: 0, ms: 5, revision: 'old', ...over });
const kill = (over: Partial<Kill> = {}): Kill => ({ program: 'router', pod: 'p', at: 1000, until: 2000, ...over });

describe('failed requests', () => {
  it.each([
    ['in flight on a killed router', sent(990, { ms: 20, problem: 'ECONNRESET read ECONNRESET' }), kill(), 'in flight'],
    ['led to a killed router before it was dropped', sent(1500, { problem: 'ECONNREFUSED connect ECONNREFUSED' }), kill(), 'led there'],
    ['in flight on a killed server', sent(990, { ms: 20, problem: '502 {}' }), kill({ program: 'server' }), 'in flight'],
  ])('%s is explained', (_what, failed, by, excuse) => {
    expect(excuseFor(failed, [kill({ at: 1, until: 2 }), by])).toEqual({ kill: by, excuse });
  });

  it.each([
    ['before any kill', sent(900, { problem: 'ECONNRESET x' }), kill()],
    ['after the Service has dropped it', sent(2001, { problem: 'ECONNREFUSED x' }), kill()],
    ['an answer instead of a broken connection', sent(990, { ms: 20, problem: '503 {}' }), kill()],
    ['after a server was killed: another could have answered', sent(1001, { problem: '502 {}' }), kill({ program: 'server' })],
    ['while an operator was killed: it carries no requests', sent(990, { ms: 20, problem: 'ECONNRESET x' }), kill({ program: 'operator' })],
    ['no answer in time', sent(990, { ms: 30_000, problem: 'UND_ERR_HEADERS_TIMEOUT x' }), kill()],
  ])('%s is lost', (_what, failed, by) => {
    expect(excuseFor(failed, [by])).toBeUndefined();
  });

  it('are counted by kind', () => {
    expect(['503 {"a":1}', 'ECONNRESET read', 'wrong predictions from v1: [1]', 'other side closed'].map((problem) => kindOf(sent(0, { problem })))).toEqual(['status 503', 'ECONNRESET', 'wrong predictions from v1', 'other side closed']);
  });
});

const change = (at: number, weights: Record<string, number>): WeightChange => ({ service: 'a', at, sequence: at, weights });
/** One request each 10 ms from `from` on, each `every`-th of them to the new revision. */
const requests = (from: number, count: number, every: number): Sent[] => Array.from({ length: count }, (_, i) => sent(from + i * 10, { revision: every > 0 && i % every === 0 ? 'new' : 'old' }));

describe('how requests follow the weights', () => {
  const before = change(0, { old: 100 });

  it('a new share: from the first request that gets it', () => {
    const all = [...requests(1000, 30, 0), ...requests(1300, 200, 10)];
    expect(followedChanges(all, [before, change(1000, { old: 90, new: 10 })], 10_000).map((each) => each.delayMs)).toEqual([300]);
  });

  it('a share that ends: until the last request that got it', () => {
    const all = [...requests(1000, 25, 2), ...requests(1250, 100, 0)];
    expect(followedChanges(all, [change(0, { old: 50, new: 50 }), change(1000, { old: 100 })], 10_000).map((each) => each.delayMs)).toEqual([240]);
  });

  it('does not take the first requests of the next change for late ones of this', () => {
    const next = change(3000, { old: 100 });
    const all = [...requests(1000, 100, 1), sent(2_995, { revision: 'old' })];
    expect(followedChanges(all, [before, change(1000, { new: 100 }), next], 10_000)[0]?.delayMs).toBe(0);
  });

  it('a share that changes: from the first window that fits', () => {
    const all = [...requests(1000, 40, 10), ...requests(1400, 200, 2)];
    const [followed] = followedChanges(all, [change(0, { old: 90, new: 10 }), change(1000, { old: 50, new: 50 })], 10_000);
    expect(followed?.delayMs).toBeGreaterThan(100);
    expect(followed?.delayMs).toBeLessThanOrEqual(400);
  });

  it('says nothing where too few were sent, of other services, or in lanes that choose late', () => {
    const slow = requests(1000, 200, 10).map((each): Sent => ({ ...each, lane: 'slow' }));
    const others = requests(1000, 200, 10).map((each): Sent => ({ ...each, target: 'b' }));
    expect(followedChanges([...slow, ...others, ...requests(1000, 20, 2)], [before, change(1000, { old: 90, new: 10 })], 10_000)).toEqual([{ change: change(1000, { old: 90, new: 10 }) }]);
  });

  it('compares the observed split with the wanted one, from a second after the change on', () => {
    const all = [...requests(1000, 100, 0), ...requests(2000, 100, 10), sent(9_999, { ms: 10 })];
    expect(splitsSeen(all, [before, change(1000, { old: 90, new: 10 })], 10_000)).toEqual([{ weight: 10, spans: 1, requests: 100, wanted: 10, seen: 10, worst: 0 }]);
  });
});

describe('the order of operations', () => {
  it('depends on the seed alone, and leaves none out for long', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const order = (seed: number): string[] => {
      const deal = dealt(names, randomOf(seed));
      return Array.from({ length: 15 }, () => deal.next().value);
    };
    expect(order(7)).toEqual(order(7));
    expect(order(7)).not.toEqual(order(8));
    for (const at of [0, 5, 10]) expect(order(7).slice(at, at + 5).sort()).toEqual(names);
    expect(seedFor(1, 'a')).not.toBe(seedFor(1, 'b'));
  });
});

describe('the report', () => {
  const journal = (over: Partial<Journal>): Journal => ({ seed: 1, services: ['a', 'b'], rate: 10, begun: 0, ended: 10_000, sent: [], operations: [], changes: [], kills: [], interrupted: false, ...over });

  it('counts a request for every operation that was under way on its service or on what all share', () => {
    const operations = [{ name: 'canary', service: 'a', begun: 0, ended: 1000 }, { name: 'restart', begun: 500, ended: 2000 }, { name: 'undo', service: 'b', begun: 0 }];
    const all = [sent(100, { ms: 10 }), sent(700, { ms: 20 }), sent(700, { target: 'b', ms: 30 }), sent(5000, { ms: 1 })];
    const report = reportOf(journal({ operations, sent: all }));
    expect(report.byOperation.map(({ name, requests: count, max }) => [name, count, max])).toEqual([['canary', 2, 20], ['restart', 2, 30], ['undo', 1, 30], ['between operations', 1, 1]]);
    expect(report.operations).toBe(2);
  });

  it('tells what is lost from what a kill explains, in its first lines', () => {
    const report = reportOf(journal({ sent: [sent(990, { ms: 20, problem: 'ECONNRESET x' }), sent(5000, { problem: '503 {}' })], kills: [kill()] }));
    expect(report.lost).toBe(1);
    expect(report.failures.map(({ kind, excuse }) => [kind, excuse])).toEqual([['ECONNRESET', 'in flight, kill -9 router'], ['status 503', undefined]]);
    expect(printed(report).slice(0, 2)).toEqual(['2 requests, 0 operations in 10 s (seed 1), 1 kills', '1 requests lost; 1 failed in flight on, or led to, a process killed with -9']);
  });

  it('names operations that failed', () => {
    const report = reportOf(journal({ operations: [{ name: 'canary', service: 'a', begun: 0, ended: 10, error: 'never came' }] }));
    expect(report.failedOperations).toEqual([{ name: 'canary', service: 'a', error: 'never came' }]);
    expect(printed(report).at(-1)).toContain('never came');
  });
});
