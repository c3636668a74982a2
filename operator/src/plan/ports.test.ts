import { PORT_REUSE_DELAY_MS, PORTS } from '@slipway/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { routerPortsConfigMapFor } from '../resources/index.ts';
import type { KubeObject, ObservedNamespace, PortAllocation } from '../types.ts';
import { allocate, portAllocationOf } from './ports.ts';

const AT = 1_000_000_000;
const written = (allocation: PortAllocation): KubeObject => routerPortsConfigMapFor('ns', allocation);
const isvc = (uid: string, ports?: { public: number; preview: number }): ObservedNamespace['isvcs'][number] => ({ name: uid, uid, deleting: false, ...(ports === undefined ? {} : { ports }) });

describe('router ports', () => {
  it('gives two to each and keeps them', () => {
    const first = allocate({ at: AT, isvcs: [isvc('a'), isvc('b')] });
    expect(first.allocated).toEqual({ a: { public: PORTS.routerFirst, preview: PORTS.routerFirst + 1 }, b: { public: PORTS.routerFirst + 2, preview: PORTS.routerFirst + 3 } });
    const second = allocate({ at: AT + 1, isvcs: [isvc('0'), isvc('b'), isvc('a')], portsConfigMap: written(first) });
    expect(second.allocated).toMatchObject(first.allocated);
    expect(portAllocationOf(written(second)).allocated['a']).toEqual(first.allocated['a']);
  });

  it('does not give a released port again for ten minutes, then does', () => {
    const first = allocate({ at: AT, isvcs: [isvc('a')] });
    const released = allocate({ at: AT, isvcs: [], portsConfigMap: written(first) });
    const soon = allocate({ at: AT + PORT_REUSE_DELAY_MS - 1, isvcs: [isvc('b')], portsConfigMap: written(released) });
    expect(soon.allocated['b']?.public).toBe(PORTS.routerFirst + 2);
    const late = allocate({ at: AT + PORT_REUSE_DELAY_MS, isvcs: [isvc('b')], portsConfigMap: written(released) });
    expect(late).toEqual({ allocated: { b: { public: PORTS.routerFirst, preview: PORTS.routerFirst + 1 } }, released: [] });
  });

  it('does not keep ports for ever when the clock was set back', () => {
    const ahead = { allocated: {}, released: [{ port: PORTS.routerFirst, at: AT + 86_400_000 }] };
    const now = allocate({ at: AT, isvcs: [], portsConfigMap: written(ahead) });
    expect(now.released).toEqual([{ port: PORTS.routerFirst, at: AT }]);
  });

  it('takes what the InferenceService told its callers when the ConfigMap was lost', () => {
    const known = { public: 20_006, preview: 20_007 };
    const { allocated } = allocate({ at: AT, isvcs: [isvc('a'), isvc('b', known)] });
    expect(allocated['b']).toEqual(known);
    expect(allocated['a']).toEqual({ public: 20_000, preview: 20_001 });
  });

  it.each(['', '{', '{"allocated": 3}', '{"allocated":{"a":{"public":0,"preview":1}},"released":[]}'])('reads %j as nothing', (text) => {
    expect(portAllocationOf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: { 'ports.json': text } })).toEqual({ allocated: {}, released: [] });
  });

  it('gives nobody a port of somebody else when there are none left', () => {
    const many = Array.from({ length: 5001 }, (_, n) => isvc(`u${String(n).padStart(4, '0')}`));
    const { allocated } = allocate({ at: AT, isvcs: many });
    expect(Object.keys(allocated)).toHaveLength(5000);
    expect(allocated['u5000']).toBeUndefined();
  });

  it('never gives a port twice, never changes one, whatever comes and goes', () => {
    const uids = fc.uniqueArray(fc.constantFrom(...'abcdefgh'), { maxLength: 8 });
    fc.assert(
      fc.property(fc.array(fc.tuple(uids, fc.integer({ min: 0, max: PORT_REUSE_DELAY_MS * 2 })), { minLength: 1, maxLength: 12 }), (turns) => {
        let map: KubeObject | undefined;
        let at = AT;
        let before: PortAllocation = { allocated: {}, released: [] };
        for (const [living, passed] of turns) {
          at += passed;
          const next = allocate({ at, isvcs: living.map((uid) => isvc(uid)), ...(map === undefined ? {} : { portsConfigMap: map }) });
          const ports = [...Object.values(next.allocated).flatMap((each) => [each.public, each.preview]), ...next.released.map((each) => each.port)];
          expect(new Set(ports).size).toBe(ports.length);
          for (const uid of living) if (before.allocated[uid] !== undefined) expect(next.allocated[uid]).toEqual(before.allocated[uid]);
          before = next;
          map = written(next);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});
