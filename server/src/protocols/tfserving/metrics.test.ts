import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { TfServingMetrics } from './metrics.ts';

// Made by hand after tensorflow_serving/util/prometheus_exporter.cc: C's %g for the bounds, series by name of the metric.
const GOLDEN = readFileSync(path.join(import.meta.dirname, 'testdata', 'metrics.txt'), 'utf8');

describe("TensorFlow Serving's metrics", () => {
  it('are in its bytes', () => {
    const metrics = new TfServingMetrics();
    metrics.observe({ model: 'm', api: 'predict', entrypoint: 'REST', status: 'OK', latency: 150.5, runtime: 40, examples: 3 });
    metrics.observe({ model: 'm', api: 'Predict', entrypoint: 'GRPC', status: 'OK', latency: 2_500_000.25, runtime: 2_000_000, examples: 32 });
    metrics.observe({ model: 'm', api: 'predict', entrypoint: 'REST', status: 'INVALID_ARGUMENT', latency: 90, runtime: undefined, examples: 0 });
    expect(metrics.text()).toBe(GOLDEN);
  });

  it('are named before anything was counted', () => {
    expect(new TfServingMetrics().text()).toBe(GOLDEN.split('\n').filter((line) => line.startsWith('# TYPE')).join('\n') + '\n');
  });
});
