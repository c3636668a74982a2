import { describe, expect, it } from 'vitest';
import { METRICS } from './catalogue.ts';
import { MetricsCollector } from './metrics-collector.ts';

describe('metrics', () => {
  it('are those of the catalogue, by name, type, help and labels', async () => {
    const { text } = await new MetricsCollector().prometheus();
    for (const [name, { help, type }] of Object.entries(METRICS)) {
      expect(name).toMatch(/^(slipway_server|nv_(inference|cache))_/);
      expect(text).toContain(`# HELP ${name} ${help}`);
      expect(text).toContain(`# TYPE ${name} ${type}`);
    }
    const own = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1] ?? '').filter((name) => !name.startsWith('slipway_server_runtime_'));
    expect(own.sort()).toEqual(Object.keys(METRICS).sort());
  });

  it('count calls, errors and time', async () => {
    const metrics = new MetricsCollector();
    const ended = metrics.began();
    metrics.call({ model: 'm', version: '1', protocol: 'native', code: 200, ms: 12 });
    metrics.call({ model: '', version: '', protocol: 'native', code: 400, ms: 1 });
    metrics.inference(4);
    metrics.inference(6);
    metrics.phase('m', '1', 'compute', 4);
    metrics.batch('m', '1', { rows: 3, padding: 0, computeMs: 4 });
    expect(metrics.summary()).toMatchObject({ requestCount: 2, errorCount: 1, errorRate: 0.5, averageInferenceTimeMs: 5 });
    const { text } = await metrics.prometheus();
    expect(text).toContain('slipway_server_requests_total{model="m",version="1",protocol="native",code="200"} 1');
    expect(text).toContain('slipway_server_request_duration_seconds_sum{model="m",version="1",protocol="native"} 0.012');
    expect(text).toContain('slipway_server_batch_size_bucket{le="4",model="m",version="1"} 1');
    expect(text).toContain('slipway_server_requests_in_flight 1');
    ended();
    expect(metrics.inFlight).toBe(0);
  });
});
