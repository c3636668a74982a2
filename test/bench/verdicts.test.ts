import { describe, expect, it } from 'vitest';
import type { Figures } from './measure.ts';
import { tablesOf } from './report.ts';
import type { Row, Saved } from './results.ts';
import { verdictsOf } from './verdicts.ts';

const figures = (rate: number, p99: number): Figures => ({ rate, perCpuSecond: rate, p50: p99 / 2, p99, rssMib: 100, bad: 0, clientCpu: 0.1 });
const row = (name: string, rate: number, p99: number): Row => ({ work: 'mlp', wire: 'json', concurrency: 32, name, figures: figures(rate, p99) });
const saved = (...rows: Row[]): Saved => ({ 'mlp-json': { how: 'test', rows } });
const verdict = (all: Saved, part: string): boolean | undefined => verdictsOf(all).find(({ aim }) => aim.includes(part))?.met;

describe('the verdicts', () => {
  it('want the ratio and a lower p99', () => {
    expect(verdict(saved(row('slipway', 1000, 5000), row('mlserver', 100, 9000)), 'mlserver, at')).toBe(true);
    expect(verdict(saved(row('slipway', 999, 5000), row('mlserver', 100, 9000)), 'mlserver, at')).toBe(false);
    expect(verdict(saved(row('slipway', 1000, 9001), row('mlserver', 100, 9000)), 'mlserver, at')).toBe(false);
  });

  it('say nothing of a peer that answered nothing', () => {
    expect(verdict(saved(row('slipway', 1000, 5000), row('kserve', 0, 0)), 'kserve, at')).toBeUndefined();
  });

  it('say what was not measured', () => {
    expect(verdictsOf({}).map(({ met }) => met)).toEqual(verdictsOf({}).map(() => undefined));
  });

  it('compare images at the best of each', () => {
    const images = (rate: number, concurrency: number): Row => ({ work: 'mobilenet', wire: 'binary', concurrency, name: 'slipway', figures: figures(rate, 1) });
    const bare = [{ work: 'mobilenet' as const, batch: 1, rate: 100, rows: 100, perCpuSecond: 50, p50: 1, p99: 1 }];
    expect(verdict({ mobilenet: { how: '', rows: [images(20, 1), images(70, 8)], bare } }, 'MobileNetV2')).toBe(true);
    expect(verdict({ mobilenet: { how: '', rows: [images(20, 1), images(69, 8)], bare } }, 'MobileNetV2')).toBe(false);
  });

  it('call memory flat by its second half', () => {
    const memory = (last: number): Saved => ({ steady: { how: '', steady: { calls: 4, memory: [50, 100, 101, last].map((rssMib, index) => ({ calls: index + 1, rssMib })) } } });
    expect(verdict(memory(103), 'memory flat')).toBe(true);
    expect(verdict(memory(104), 'memory flat')).toBe(false);
  });
});

describe('the tables', () => {
  it('put Slipway beside each, in times', () => {
    const lines = tablesOf(saved(row('slipway', 1000, 5000), row('mlserver', 125, 9000)));
    expect(lines).toContain('mlp over json, 32 at once');
    expect(lines.at(-1)).toMatch(/^mlserver +125 +125 +8\.00 +8\.00 +4\.500 +9\.000/);
  });
});
