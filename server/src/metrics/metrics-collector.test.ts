import { describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode } from '../inference/errors.ts';
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

  it("tell why calls failed under Triton's names, which are there at zero once a model is loaded", async () => {
    const metrics = new MetricsCollector();
    metrics.loaded('m', '1', 5);
    const series = async (name: string): Promise<string[]> => (await metrics.prometheus()).text.split('\n').filter((line) => line.startsWith(`${name}{`));
    const failures = (...counts: number[]): string[] => ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'].map((reason, at) => `nv_inference_request_failure{model="m",version="1",reason="${reason}"} ${String(counts[at])}`);
    expect(await series('nv_inference_request_success')).toEqual(['nv_inference_request_success{model="m",version="1"} 0']);
    expect(await series('nv_inference_request_failure')).toEqual(failures(0, 0, 0, 0));
    const failed = (failure: ErrorCode): void => { metrics.call({ model: 'm', version: '1', protocol: 'v2', code: ERRORS[failure].status, failure, ms: 1 }); };
    (['queue_full', 'deadline_exceeded', 'client_closed_request', 'inference_failed', 'worker_failed', 'internal_error', 'invalid_input'] as const).forEach(failed);
    expect(await series('nv_inference_request_failure')).toEqual(failures(2, 1, 3, 1));
  });
});
