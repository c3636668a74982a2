// The exposition: every metric of the catalogue and no other, well-formed, histograms cumulative, labels escaped.
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, http1Pod, startRouter } from '../testing/harness.ts';
import { CATALOGUE, LATENCY_BUCKETS } from './catalogue.ts';
import { familyText, histogramText } from './exposition.ts';
import { Metrics, Series } from './metrics.ts';

afterEach(closeAll);

const SAMPLE = /^([a-z0-9_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})? (-?[0-9.e+-]+|\+Inf|NaN)$/;

describe('the exposition', () => {
  it('has every metric of the catalogue and no other, with help, type and exactly its labels', async () => {
    const pod = await http1Pod((_req, res) => res.end('ok'));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    await router.call();
    const lines = router.app.metricsText().trimEnd().split('\n');
    const typed = lines.filter((line) => line.startsWith('# TYPE ')).map((line) => line.split(' ').slice(2).join(' '));
    expect(typed.sort()).toEqual(Object.entries(CATALOGUE).map(([name, kind]) => `${name} ${kind.type}`).sort());
    expect(lines.filter((line) => line.startsWith('# HELP '))).toHaveLength(typed.length);
    for (const line of lines.filter((each) => !each.startsWith('#'))) {
      const [, name = '', labels = ''] = SAMPLE.exec(line) ?? [];
      const kind = CATALOGUE[name.replace(/_(bucket|sum|count)$/, '') as keyof typeof CATALOGUE] ?? CATALOGUE[name as keyof typeof CATALOGUE];
      expect(kind, line).toBeDefined();
      expect([...labels.matchAll(/([a-z_]+)="/g)].map((match) => match[1]).filter((label) => label !== 'le')).toEqual([...kind.labels]);
    }
  });

  it('counts latency into cumulative buckets', () => {
    const series = new Series('svc', 'svc-1', 'stable');
    for (const ms of [0.5, 1, 1.1, 700, 99_000]) series.answered(200, ms);
    const text = histogramText({ name: 'h', kind: CATALOGUE.slipway_router_request_duration_seconds, bounds: LATENCY_BUCKETS }, [{ labels: series.labels, buckets: series.buckets, sum: series.seconds }]);
    const at = (le: string): number => Number(new RegExp(`le="${le}"} (\\d+)`).exec(text)?.[1]);
    expect([at('0.001'), at('0.0025'), at('0.5'), at('1'), at('60'), at('\\+Inf')]).toEqual([2, 3, 3, 4, 4, 5]);
    expect(text).toContain('h_count{inferenceservice="svc",revision="svc-1",role="stable"} 5');
  });

  it('escapes labels', () => {
    const kind = { type: 'gauge', help: 'x', labels: ['a'] } as const;
    expect(familyText('g', kind, [{ labels: ['q"b\\n\n'], value: 1 }])).toContain('g{a="q\\"b\\\\n\\n"} 1\n');
  });

  it('keeps what is in flight when it tidies up', () => {
    const metrics = new Metrics();
    metrics.of('gone', undefined).inFlight = 1;
    metrics.of('away', undefined).answered(503, 1);
    metrics.keep(() => false);
    const text = metrics.text(() => new Map());
    expect(text).toContain('inferenceservice="gone"');
    expect(text).not.toContain('inferenceservice="away"');
  });
});
