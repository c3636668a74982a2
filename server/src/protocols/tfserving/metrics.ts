// Owns the metrics that TensorFlow Serving's dashboards read, in its names and its text form. Counts what comes over its API only;
// everything else is in the server's own metrics.
import type { Canonical } from './errors.ts';
import { general } from './numbers.ts';

export interface Observation {
  /** Empty where the call named none that is served: labels stay bounded. */
  model: string;
  api: string;
  entrypoint: 'GRPC' | 'REST';
  status: Canonical;
  /** Microseconds. */
  latency: number;
  /** What the model itself took, microseconds; undefined for a call that failed. */
  runtime: number | undefined;
  examples: number;
}

/** Upper bounds: first, first * factor, ... */
function exponential(first: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first * factor ** index);
}

const LATENCIES = exponential(10, 1.8, 33);
const EXAMPLES = exponential(1, 2, 15);

class Histogram {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const at = this.bounds.findIndex((bound) => value <= bound);
    const bucket = at < 0 ? this.bounds.length : at;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += value;
  }
}

type Labels = string;

/** Digits of a bucket's bound as the original writes it: 32.4, 1.57409e+06. Sums are written in full, which it does not. */
const SIGNIFICANT = 6;

export class TfServingMetrics {
  readonly #requests = new Map<Labels, number>();
  readonly #examples = new Map<Labels, number>();
  readonly #latency = new Map<Labels, Histogram>();
  readonly #runtime = new Map<Labels, Histogram>();
  readonly #exampleCounts = new Map<Labels, Histogram>();

  observe({ model, api, entrypoint, status, latency, runtime, examples }: Observation): void {
    add(this.#requests, labels({ model_name: model, status }), 1);
    if (status !== 'OK' || runtime === undefined) return;
    histogram(this.#latency, labels({ model_name: model, API: api, entrypoint }), LATENCIES).observe(latency);
    histogram(this.#runtime, labels({ model_name: model, API: api, runtime: 'TF1' }), LATENCIES).observe(runtime);
    histogram(this.#exampleCounts, labels({ model }), EXAMPLES).observe(examples);
    add(this.#examples, labels({ model }), examples);
  }

  /** Prometheus text: TYPE lines only, there from the start; by name; braces always. */
  text(): string {
    return [
      ...scalarLines('request_count', this.#requests),
      ...scalarLines('request_example_count_total', this.#examples),
      ...histogramLines('request_example_counts', this.#exampleCounts),
      ...histogramLines('request_latency', this.#latency),
      ...histogramLines('runtime_latency', this.#runtime),
      '',
    ].join('\n');
  }
}

const PREFIX = ':tensorflow:serving:';

const escaped = (value: string): string => value.replace(/[\\"]/g, (mark) => `\\${mark}`).replace(/\n/g, '\\n');
const labels = (pairs: Record<string, string>): Labels => Object.entries(pairs).map(([name, value]) => `${name}="${escaped(value)}"`).join(',');

function add(counters: Map<Labels, number>, at: Labels, by: number): void {
  counters.set(at, (counters.get(at) ?? 0) + by);
}

function histogram(all: Map<Labels, Histogram>, at: Labels, bounds: readonly number[]): Histogram {
  let one = all.get(at);
  if (one === undefined) all.set(at, (one = new Histogram(bounds)));
  return one;
}

function scalarLines(name: string, counters: ReadonlyMap<Labels, number>): string[] {
  return [`# TYPE ${PREFIX}${name} counter`, ...[...counters].map(([at, value]) => `${PREFIX}${name}{${at}} ${String(value)}`)];
}

function histogramLines(name: string, all: ReadonlyMap<Labels, Histogram>): string[] {
  return [`# TYPE ${PREFIX}${name} histogram`, ...[...all].flatMap(([at, one]) => seriesLines(`${PREFIX}${name}`, at, one))];
}

function seriesLines(name: string, at: Labels, { bounds, counts, sum }: Histogram): string[] {
  let total = 0;
  const buckets = counts.map((count, index) => {
    total += count;
    return `${name}_bucket{${at},le="${index === bounds.length ? '+Inf' : general(bounds[index] ?? 0, SIGNIFICANT)}"} ${String(total)}`;
  });
  return [...buckets, `${name}_sum{${at}} ${String(sum)}`, `${name}_count{${at}} ${String(total)}`];
}
