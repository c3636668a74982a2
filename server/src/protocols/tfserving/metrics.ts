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
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket += 1;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    this.sum += value;
  }
}

type Labels = string;

/** The labels of a way to call a model. */
interface Called {
  /** Of its calls that were answered. */
  answered: Labels;
  latency: Labels;
  runtime: Labels;
  model: Labels;
}

const calledOf = (model: string, api: string, entrypoint: string): Called => ({
  answered: labels({ model_name: model, status: 'OK' }),
  latency: labels({ model_name: model, API: api, entrypoint }),
  runtime: labels({ model_name: model, API: api, runtime: 'TF1' }),
  model: labels({ model }),
});

/** Digits of a bucket's bound as the original writes it: 32.4, 1.57409e+06. Sums are written in full, which it does not. */
const SIGNIFICANT = 6;

export class TfServingMetrics {
  readonly #requests = new Map<Labels, number>();
  readonly #examples = new Map<Labels, number>();
  readonly #latency = new Map<Labels, Histogram>();
  readonly #runtime = new Map<Labels, Histogram>();
  readonly #exampleCounts = new Map<Labels, Histogram>();
  /** By model, API and entry point: to write their labels costs a small model's call more than to count it. */
  readonly #calls = new Map<string, Map<string, Called>>();

  observe({ model, api, entrypoint, status, latency, runtime, examples }: Observation): void {
    const called = this.#called(model, api, entrypoint);
    add(this.#requests, status === 'OK' ? called.answered : labels({ model_name: model, status }), 1);
    if (status !== 'OK' || runtime === undefined) return;
    histogram(this.#latency, called.latency, LATENCIES).observe(latency);
    histogram(this.#runtime, called.runtime, LATENCIES).observe(runtime);
    histogram(this.#exampleCounts, called.model, EXAMPLES).observe(examples);
    add(this.#examples, called.model, examples);
  }

  #called(model: string, api: string, entrypoint: Observation['entrypoint']): Called {
    let byWay = this.#calls.get(model);
    if (byWay === undefined) this.#calls.set(model, (byWay = new Map<string, Called>()));
    const way = `${entrypoint} ${api}`;
    let called = byWay.get(way);
    if (called === undefined) byWay.set(way, (called = calledOf(model, api, entrypoint)));
    return called;
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
