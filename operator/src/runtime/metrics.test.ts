// The catalogue is what is exposed: no metric without an entry, no entry without a metric.
import { expect, it } from 'vitest';
import { METRICS, createMetrics } from './metrics.ts';

it('exposes exactly the catalogue, with its help and labels', async () => {
  const metrics = createMetrics();
  metrics.connect({ queueDepth: () => 3, leading: () => true, cached: () => [['pods', 7]] });
  metrics.reconciled('inferenceservice', 'Settle', 0.02);
  metrics.requested({ verb: 'get', resource: 'pods', code: '200', seconds: 0.1 });
  metrics.watchRestarted('pods', 'Expired');
  metrics.eventDropped('RateLimit');
  const { text, contentType } = await metrics.expose();
  expect(contentType).toMatch(/^text\/plain/);
  const own = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].filter(([, name]) => !/_(process|nodejs)_/.test(name ?? ''));
  expect(Object.fromEntries(own.map(([, name, help]) => [name, help]))).toEqual(Object.fromEntries(Object.entries(METRICS).map(([name, { help }]) => [name, help])));
  for (const sample of [
    'slipway_operator_queue_depth 3',
    'slipway_operator_leader 1',
    'slipway_operator_cached_objects{resource="pods"} 7',
    'slipway_operator_reconcile_total{kind="inferenceservice",result="Settle"} 1',
    'slipway_operator_api_request_duration_seconds_count{verb="get",resource="pods",code="200"} 1',
    'slipway_operator_watch_restarts_total{resource="pods",cause="Expired"} 1',
    'slipway_operator_events_dropped_total{cause="RateLimit"} 1',
  ]) {
    expect(text).toContain(sample);
  }
});
