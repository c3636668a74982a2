import { describe, expect, it } from 'vitest';
import type { Figures } from './measure.ts';
import { tablesOf } from './report.ts';
import type { Reload, Row, Saved, Steadily } from './results.ts';
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

describe('reloads', () => {
  const calls = (failed: number): Steadily => ({ requests: 1000, failed, p50: 900, p99: 2000 });
  const reloaded = (failed: number, ...rss: number[]): Saved => ({ reload: { how: '', reload: [{ work: 'mlp', reloads: 20 * rss.length, rate: 500, without: calls(0), during: calls(failed), ms: [80, 90, 100], memory: rss.map((rssMib, index) => ({ reloads: 20 * (index + 1), rssMib })) }] } });

  it('may fail no call', () => {
    expect(verdict(reloaded(0, 100), 'no call fails')).toBe(true);
    expect(verdict(reloaded(1, 100), 'no call fails')).toBe(false);
  });

  it('may keep a tenth more memory after the last than after the first twenty', () => {
    expect(verdict(reloaded(0, 100, 150, 110), 'more memory after the last')).toBe(true);
    expect(verdict(reloaded(0, 100, 90, 111), 'more memory after the last')).toBe(false);
    expect(verdict(reloaded(0, 100), 'more memory after the last')).toBeUndefined();
  });

  it('stand beside the time without them', () => {
    const lines = tablesOf(reloaded(0, 100, 101));
    expect(lines).toContain('mlp over json, open loop at 500 calls/s, half of what it did at 32; 40 reloads of 90 ms each (median)');
    expect(lines.filter((line) => /reloads +1000/.test(line))).toEqual(['without reloads   1000       0   0.900   2.000', 'during reloads    1000       0   0.900   2.000']);
    expect(lines.slice(-2)).toEqual(['20                100', '40                101']);
  });

  it('stand beside their floor', () => {
    const [reload] = reloaded(0, 100)['reload']?.reload ?? [];
    const lines = tablesOf({ reload: { how: '', reload: [{ ...(reload as Reload), first: calls(0), busy: { ...calls(0), cpus: 0.456 } }] } });
    expect(lines.filter((line) => line.includes('   0.900   2.000')).map((line) => line.slice(0, 21).trim())).toEqual(['without reloads', 'during the first', 'during reloads', 'beside 0.46 busy CPUs']);
  });
});

describe('the tables', () => {
  it('put Slipway beside each, in times', () => {
    const lines = tablesOf(saved(row('slipway', 1000, 5000), row('mlserver', 125, 9000)));
    expect(lines).toContain('mlp over json, 32 at once');
    expect(lines.at(-1)).toMatch(/^mlserver +125 +125 +8\.00 +8\.00 +4\.500 +9\.000/);
  });
});
