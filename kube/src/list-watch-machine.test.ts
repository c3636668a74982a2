// The whole table of the list-watch machine: every input in every state that can see it.
import { describe, expect, it } from 'vitest';
import { ApiError, TransportError } from './errors.ts';
import { STEADY_MS, step } from './list-watch-machine.ts';
import type { ListWatchInput, ListWatchState, StepContext } from './list-watch-machine.ts';
import type { KubeObject } from './types.ts';

const backoff = { baseMs: 200, maxMs: 30_000, factor: 2 };
const at = (now: number, roll = 1): StepContext => ({ now, roll, backoff });
const pod = (name: string, resourceVersion: string): KubeObject => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'n', resourceVersion } });
const listing = (failures = 0, expiries = 0): ListWatchState => ({ phase: 'Listing', failures, expiries });
const watching = (fields: Partial<ListWatchState & { phase: 'Watching' }> = {}): ListWatchState => ({
  phase: 'Watching',
  resourceVersion: '10',
  openedAt: 0,
  failures: 0,
  expiries: 0,
  ...fields,
});
const failed = (error: ApiError | TransportError): ListWatchInput => ({ type: 'Failed', error });
const errorEvent = (code: number, details?: { retryAfterSeconds: number }): ListWatchInput => ({
  type: 'Event',
  event: { type: 'ERROR', object: { kind: 'Status', code, reason: 'x', message: 'm', ...(details === undefined ? {} : { details }) } },
});

describe('list-watch machine', () => {
  it('lists page by page, then watches from the version of the last page', () => {
    const start = step({ phase: 'Empty' }, { type: 'Start' }, at(0));
    expect(start).toEqual({ state: listing(), command: { do: 'List' }, deliveries: [{ type: 'Begin' }] });
    const first = step(start.state, { type: 'Page', items: [pod('a', '1')], resourceVersion: '9', continue: 'more' }, at(0));
    expect(first).toEqual({ state: listing(), command: { do: 'List', continue: 'more' }, deliveries: [{ type: 'Items', items: [pod('a', '1')] }] });
    const last = step(first.state, { type: 'Page', items: [], resourceVersion: '9', continue: '' }, at(0));
    expect(last.command).toEqual({ do: 'Watch', resourceVersion: '9' });
    expect(last.deliveries).toEqual([{ type: 'Items', items: [] }, { type: 'Listed', resourceVersion: '9' }]);
  });

  it.each([
    ['ADDED', 'Upsert'],
    ['MODIFIED', 'Upsert'],
    ['DELETED', 'Remove'],
  ] as const)('%s is told as %s and moves the version on', (type, told) => {
    const next = step(watching(), { type: 'Event', event: { type, object: pod('a', '11') } }, at(5));
    expect(next.state).toEqual(watching({ resourceVersion: '11' }));
    expect(next.command).toEqual({ do: 'Read' });
    expect(next.deliveries).toEqual([{ type: told, object: pod('a', '11') }, { type: 'Progress', resourceVersion: '11' }]);
  });

  it('a bookmark moves only the version', () => {
    const next = step(watching(), { type: 'Event', event: { type: 'BOOKMARK', object: pod('', '99') } }, at(5));
    expect(next.state).toEqual(watching({ resourceVersion: '99' }));
    expect(next.deliveries).toEqual([{ type: 'Progress', resourceVersion: '99' }]);
  });

  it('an event older than what was told already makes it list anew, after a wait; an older bookmark says nothing', () => {
    for (const type of ['ADDED', 'MODIFIED', 'DELETED'] as const) {
      const late = step(watching(), { type: 'Event', event: { type, object: pod('a', '9') } }, at(5));
      expect(late).toMatchObject({ state: { phase: 'Backoff' }, command: { do: 'Wait', ms: 200 }, deliveries: [], restart: 'OutOfOrder' });
      expect(step(late.state, { type: 'Waited' }, at(6)).command).toEqual({ do: 'List' });
    }
    const bookmark = step(watching(), { type: 'Event', event: { type: 'BOOKMARK', object: pod('', '9') } }, at(5));
    expect(bookmark).toEqual({ state: watching(), command: { do: 'Read' }, deliveries: [] });
    const other = step(watching(), { type: 'Event', event: { type: 'MODIFIED', object: pod('b', '10') } }, at(5));
    expect(other.deliveries[0], 'one write can change two objects').toMatchObject({ type: 'Upsert' });
  });

  it('reopens at once after a healthy watch ended, and never without a wait after a short one', () => {
    const healthy = step(watching({ failures: 4 }), { type: 'Ended' }, at(STEADY_MS));
    expect(healthy).toMatchObject({ command: { do: 'Watch', resourceVersion: '10' }, state: { failures: 0 }, restart: 'Closed' });
    const short = step(watching({ failures: 4 }), { type: 'Ended' }, at(STEADY_MS - 1));
    expect(short).toMatchObject({ command: { do: 'Wait', ms: 3200 }, state: { phase: 'Backoff', failures: 5, resume: '10' } });
    const unopened = step({ phase: 'Watching', resourceVersion: '10', failures: 0, expiries: 0 }, { type: 'Ended' }, at(1e9));
    expect(unopened.command).toEqual({ do: 'Wait', ms: 200 });
  });

  it('an inactive (half-open) watch is reopened from where it stood', () => {
    const next = step(watching(), failed(new TransportError('Inactive', 'silence')), at(100_000));
    expect(next).toMatchObject({ command: { do: 'Watch', resourceVersion: '10' }, restart: 'Inactive' });
  });

  it.each([
    ['as an HTTP status', failed(new ApiError(410, { reason: 'Expired' }))],
    ['as an ERROR event', errorEvent(410)],
  ])('410 %s is answered by listing at once, and by a wait the second time in a row', (_name, input) => {
    const first = step(watching({ failures: 3 }), input, at(10));
    expect(first).toEqual({ state: listing(3, 1), command: { do: 'List' }, deliveries: [{ type: 'Begin' }], restart: 'Expired' });
    const second = step(watching({ failures: 0, expiries: 1 }), input, at(10));
    expect(second).toMatchObject({ command: { do: 'Wait', ms: 200 }, state: { phase: 'Backoff', failures: 1, expiries: 1 } });
    expect(second.state).not.toHaveProperty('resume');
    const later = step(watching({ expiries: 1 }), input, at(STEADY_MS + 10));
    expect(later.command, 'a healthy watch in between makes it a first time again').toEqual({ do: 'List' });
  });

  it('410 on a page token lists from the start', () => {
    const next = step(listing(), failed(new ApiError(410, {})), at(0));
    expect(next.command).toEqual({ do: 'List' });
    expect(next.deliveries).toEqual([{ type: 'Begin' }]);
  });

  it.each([
    ['429 answer', failed(new ApiError(429, {}, 7)), 7000],
    ['503 answer', failed(new ApiError(503, {}, 3)), 3000],
    ['429 event', errorEvent(429, { retryAfterSeconds: 2 }), 2000],
    ['429 that asks for less than the back-off', failed(new ApiError(429, {}, 0)), 200],
  ])('Retry-After of a %s is honoured and the watch resumed', (_name, input, ms) => {
    const next = step(watching(), input, at(10));
    expect(next).toMatchObject({ command: { do: 'Wait', ms }, state: { phase: 'Backoff', resume: '10' } });
    expect(step(next.state, { type: 'Waited' }, at(20)).command).toEqual({ do: 'Watch', resourceVersion: '10' });
  });

  it.each([
    ['Reset', true],
    ['Timeout', true],
    ['Unreachable', true],
    ['Credentials', true],
    ['BadAnswer', false],
  ] as const)('after %s the watch is resumed: %s', (failure, resumes) => {
    const next = step(watching(), failed(new TransportError(failure, 'x')), at(10));
    expect(next.command.do).toBe('Wait');
    expect(step(next.state, { type: 'Waited' }, at(20)).command.do).toBe(resumes ? 'Watch' : 'List');
  });

  it.each([
    [401, 'List'],
    [403, 'List'],
    [404, 'List'],
    [500, 'Watch'],
    [504, 'Watch'],
  ])('after a %i the next try is a %s', (status, tries) => {
    const next = step(watching(), failed(new ApiError(status, {})), at(10));
    expect(step(next.state, { type: 'Waited' }, at(20)).command.do).toBe(tries);
  });

  it('a failed list waits longer each time, up to the cap, and lists from scratch', () => {
    let state = listing();
    const waits: number[] = [];
    for (let i = 0; i < 10; i++) {
      const wait = step(state, failed(new TransportError('Unreachable', 'x')), at(0));
      waits.push(wait.command.do === 'Wait' ? wait.command.ms : -1);
      const again = step(wait.state, { type: 'Waited' }, at(0));
      expect(again.command).toEqual({ do: 'List' });
      state = again.state;
    }
    expect(waits).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  });

  it('jitter halves a wait at most', () => {
    const next = step(listing(), failed(new TransportError('Unreachable', 'x')), at(0, 0));
    expect(next.command).toEqual({ do: 'Wait', ms: 100 });
  });

  it('Stop ends it from every state, and nothing revives it', () => {
    for (const state of [{ phase: 'Empty' } as const, listing(), watching(), { phase: 'Backoff', failures: 1, expiries: 0 } as const]) {
      expect(step(state, { type: 'Stop' }, at(0))).toMatchObject({ state: { phase: 'Stopped' }, command: { do: 'End' } });
    }
    expect(step({ phase: 'Stopped' }, { type: 'Start' }, at(0)).command).toEqual({ do: 'End' });
  });
});
