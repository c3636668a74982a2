// Cases of the route table: what is accepted, refused and kept.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressesOf, lastKnownOf, unreadyOf } from './endpoints.ts';
import { parseEntry } from './entry.ts';
import { EMPTY, offer, withdraw } from './table.ts';
import type { Table } from './table.ts';

const route = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  schema: 1,
  uid: 'uid-a',
  sequence: 1,
  namespace: 'ns',
  name: 'a',
  ports: { public: 20_000, preview: 20_001 },
  targetPort: 3000,
  backends: [{ revision: 'a-1', role: 'stable', weight: 100, modelVersion: 'v1' }],
  timeoutSeconds: 60,
  retry: 'Auto',
  ...over,
});
const text = (over: Record<string, unknown> = {}): string => JSON.stringify(route(over));
const served = (table: Table): string[] => [...table.entries].map(([source, e]) => `${source}=${e.uid}@${e.sequence}`);
const stable = { revision: 'a-1', role: 'stable', modelVersion: 'v1' };

describe('an entry', () => {
  it.each([
    ['not JSON', '{', /not JSON/],
    ['no object', '[]', /entry/],
    ['a missing field', text({ uid: undefined }), /uid/],
    ['a schema two versions ahead', text({ schema: 3 }), /schema/],
    ['weights that do not sum to 100', text({ backends: [{ ...stable, weight: 90 }] }), /sum to 90/],
    ['one port twice', text({ ports: { public: 20_000, preview: 20_000 } }), /both 20000/],
    ['a revision twice', text({ backends: [{ ...stable, weight: 50 }, { ...stable, weight: 50 }] }), /twice/],
    ['a preview that is no backend', text({ preview: 'a-2' }), /a-2 is no backend/],
    ['a model version that would end its header', text({ backends: [{ ...stable, weight: 100, modelVersion: 'v1\r\nX: y' }] }), /no header can carry/],
    ['an origin beyond Latin-1', text({ cors: { allowOrigins: ['https://\u2603.example'] } }), /no header can carry/],
  ])('is refused whole for %s', (_what, bad, why) => {
    const parsed = parseEntry(bad);
    expect('refused' in parsed && parsed.refused).toMatch(why);
  });

  it.each([
    ['unknown keys of a later version', text({ schema: 2, later: true })],
    ['nothing ready yet', text({ backends: [{ ...stable, weight: 0 }] })],
    ['no backend at all', text({ backends: [] })],
  ])('is accepted with %s', (_what, good) => {
    expect(parseEntry(good)).toHaveProperty('entry.uid', 'uid-a');
  });

  it('never throws, whatever the text', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (any) => Object.keys(parseEntry(any)).length === 1));
  });
});

describe('the table', () => {
  it('serves both ports of an entry', () => {
    const table = offer(EMPTY, 'a-route', text());
    expect(table.ports.get(20_000)).toMatchObject({ kind: 'public', entry: { uid: 'uid-a' } });
    expect(table.ports.get(20_001)).toMatchObject({ kind: 'preview' });
    expect(EMPTY.entries.size).toBe(0);
  });

  it('refuses a lower sequence of the same uid and keeps serving the higher', () => {
    const table = offer(offer(EMPTY, 'a-route', text({ sequence: 7 })), 'a-route', text({ sequence: 6 }));
    expect(served(table)).toEqual(['a-route=uid-a@7']);
    expect(table.refused.get('a-route')?.why).toBe('sequence 6 is older than 7');
    const again = offer(table, 'a-route', text({ sequence: 8 }));
    expect(served(again)).toEqual(['a-route=uid-a@8']);
    expect(again.refused.size).toBe(0);
  });

  it('takes a low sequence of a new uid (deleted and made again under the same name)', () => {
    const table = offer(offer(EMPTY, 'a-route', text({ sequence: 7 })), 'a-route', text({ uid: 'uid-b', sequence: 1 }));
    expect(served(table)).toEqual(['a-route=uid-b@1']);
    expect(table.ports.get(20_000)?.entry.uid).toBe('uid-b');
  });

  it('keeps the previous when a text is bad', () => {
    const table = offer(offer(EMPTY, 'a-route', text()), 'a-route', '{');
    expect(served(table)).toEqual(['a-route=uid-a@1']);
    expect(table.refused.get('a-route')?.why).toMatch(/not JSON/);
  });

  it('leaves a port with who had it first, until that one goes', () => {
    const both = offer(offer(EMPTY, 'a-route', text()), 'b-route', text({ uid: 'uid-b', name: 'b', ports: { public: 20_002, preview: 20_001 } }));
    expect(served(both)).toEqual(['a-route=uid-a@1']);
    expect(both.refused.get('b-route')?.why).toBe('port 20001 belongs to a (uid uid-a)');
    const after = withdraw(both, 'a-route');
    expect(served(after)).toEqual(['b-route=uid-b@1']);
    expect(after.refused.size).toBe(0);
    expect([...after.ports.keys()].sort()).toEqual([20_001, 20_002]);
  });

  it('is the same value when nothing changes', () => {
    const table = offer(EMPTY, 'a-route', text());
    expect(offer(table, 'a-route', text())).toBe(table);
  });

  it('never moves backwards and never shares a port, whatever is offered in whatever order', () => {
    const step = fc.record({ source: fc.constantFrom('a', 'b', 'c'), uid: fc.constantFrom('u', 'v'), sequence: fc.integer({ min: 1, max: 5 }), port: fc.integer({ min: 20_000, max: 20_003 }), drop: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let table = EMPTY;
        for (const s of steps) {
          const before = table.entries.get(s.source);
          table = s.drop ? withdraw(table, s.source) : offer(table, s.source, text({ uid: `${s.source}-${s.uid}`, sequence: s.sequence, ports: { public: s.port, preview: s.port + 10 } }));
          const after = table.entries.get(s.source);
          if (!s.drop && before !== undefined && after?.uid === before.uid && after.sequence < before.sequence) return false;
          if (table.ports.size !== table.entries.size * 2) return false;
        }
        return true;
      }),
    );
  });
});

describe('endpoints', () => {
  it('of a deleted slice stay known until its revision has another slice, even an empty one', () => {
    const gone = [{ revision: 'a', endpoints: [{ addresses: ['10.0.0.1'] }] }, { revision: 'b', endpoints: [{ addresses: ['10.0.0.2'] }] }];
    expect(lastKnownOf([], gone)).toEqual(gone);
    expect(lastKnownOf([{ revision: 'a', endpoints: [] }], gone)).toEqual([gone[1]]);
  });

  const at = (address: string, conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean }): { addresses: string[]; conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean } } => ({
    addresses: [address],
    ...(conditions === undefined ? {} : { conditions }),
  });
  it.each([
    ['ready and unknown', [at('10.0.0.2', { ready: true }), at('10.0.0.1')], ['10.0.0.1', '10.0.0.2']],
    ['not ready', [at('10.0.0.1', { ready: false })], []],
    ['a ready one beside a terminating one', [at('10.0.0.1', { ready: true }), at('10.0.0.2', { ready: false, serving: true, terminating: true })], ['10.0.0.1']],
    ['only terminating ones, one of them serving', [at('10.0.0.1', { ready: false, serving: false, terminating: true }), at('10.0.0.2', { ready: false, serving: true, terminating: true })], ['10.0.0.2']],
    ['doubles', [at('10.0.0.1'), at('10.0.0.1')], ['10.0.0.1']],
  ])('%s', (_what, endpoints, expected) => {
    expect(addressesOf([{ revision: 'r', endpoints }]).get('r')).toEqual(expected);
  });

  it('names those that are there but not ready by themselves', () => {
    const unready = unreadyOf([{ revision: 'r', endpoints: [at('10.0.0.2', { ready: false }), at('10.0.0.1', { ready: true })] }, { revision: 'q', endpoints: [at('10.0.0.3')] }]);
    expect([...unready]).toEqual([['r', ['10.0.0.2']]]);
  });

  it('joins the slices of one revision', () => {
    const addresses = addressesOf([{ revision: 'r', endpoints: [at('10.0.0.2')] }, { revision: 'q', endpoints: [at('10.0.0.3')] }, { revision: 'r', endpoints: [at('10.0.0.1')] }]);
    expect(addresses.get('r')).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(addresses.get('q')).toEqual(['10.0.0.3']);
  });
});
