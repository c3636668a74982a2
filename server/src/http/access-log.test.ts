import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AccessLog, shareOf, type AccessLine, type Note } from './access-log.ts';

const line = (more: Partial<AccessLine> = {}): AccessLine => ({ reqId: randomUUID(), traceparent: undefined, method: 'POST', path: '/predict', status: 200, ms: 1.23456, bytesIn: 10, bytesOut: 20, ...more });

/** As transports do. */
function record(log: AccessLog, each: AccessLine, now: number, note?: Note): void {
  if (log.keeps(each.reqId, each.status >= 400, now)) log.write(each, note);
}

function make(options: { sample?: number; errorSample?: number; errorsPerSecond?: number }): { log: AccessLog; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  return { log: new AccessLog({ sample: 0, errorSample: 0, ...options, write: (each) => lines.push(each) }), lines };
}

describe('the access log', () => {
  it('keeps the share it is told, by the request id alone', () => {
    const ids = Array.from({ length: 20_000 }, (_, index) => (index % 2 === 0 ? randomUUID() : `request-${String(index)}`));
    for (const sample of [0.01, 0.3]) {
      const { log, lines } = make({ sample });
      for (const reqId of ids) record(log, line({ reqId }), 0);
      expect(lines.length / ids.length).toBeGreaterThan(sample * 0.7);
      expect(lines.length / ids.length).toBeLessThan(sample * 1.3);
      expect(lines.map(({ reqId }) => reqId)).toEqual(ids.filter((id) => shareOf(id) < sample));
    }
  });

  it('all or nothing at the ends', () => {
    const all = make({ sample: 1 });
    const none = make({});
    for (let index = 0; index < 1000; index++) for (const { log } of [all, none]) record(log, line({ status: 500 }), 0);
    expect([all.lines.length, none.lines.length, none.log.on]).toEqual([1000, 0, false]);
  });

  it('failures have a rate of their own, and a flood of them is bounded and counted', () => {
    const { log, lines } = make({ errorSample: 1, errorsPerSecond: 3 });
    for (let index = 0; index < 10; index++) record(log, line({ status: 429 }), 500);
    record(log, line(), 500);
    expect(lines).toHaveLength(3);
    record(log, line({ status: 429 }), 1500);
    expect(lines.at(-1)).toMatchObject({ status: 429, dropped: 7 });
  });

  it('says what is known, and nothing else', () => {
    const { log, lines } = make({ sample: 1 });
    const phases = { preprocess: 0.1, queue: 0.00049, batch: 0, compute: 2, postprocess: 0 };
    record(log, line({ reqId: 'r', traceparent: '00-a-b-01' }), 0, () => ({ protocol: 'v2', model: 'm', version: '1', rows: 3, phases, cache: 'hit' }));
    expect(lines).toEqual([
      { reqId: 'r', traceparent: '00-a-b-01', method: 'POST', path: '/predict', status: 200, ms: 1.235, bytesIn: 10, bytesOut: 20, protocol: 'v2', model: 'm', version: '1', rows: 3, phases: { ...phases, queue: 0 }, cache: 'hit' },
    ]);
  });
});
