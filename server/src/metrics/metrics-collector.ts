// Owns what the server measures: counters and histograms of calls, gauges read when scraped. Must not know protocols' bodies.
import { collectDefaultMetrics, Gauge, Registry, type Metric } from 'prom-client';
import { Counter } from './counters.ts';
import { Histogram, type Series } from './histograms.ts';
import { SeriesTable } from './series.ts';
import { countPhase, FAILURE_REASONS, Statistics, type Duration, type ModelStatistics } from './statistics.ts';
import type { ErrorCode } from '../inference/errors.ts';
import type { RanBatch } from '../batching/batcher.ts';
import { METRICS, RUNTIME_PREFIX, type MetricEntry, type MetricName, type Phase } from './catalogue.ts';

export interface CallRecord {
  /** Empty where the call named none that exists: labels stay bounded. */
  model: string;
  version: string;
  protocol: string;
  code: number;
  /** Code of the catalogue, where the call failed. */
  failure?: ErrorCode | undefined;
  ms: number;
}

/** The JSON answer of GET /metrics. */
export interface MetricsSummary {
  requestCount: number;
  averageInferenceTimeMs: number;
  errorCount: number;
  errorRate: number;
  /** Seconds. */
  uptime: number;
  memoryUsage: { rss: number; heapTotal: number; heapUsed: number; external: number };
}

type Labels = Record<string, string | number>;

export class MetricsCollector {
  /** What has been counted of each model. */
  readonly statistics = new Statistics();
  readonly #registry = new Registry();
  readonly #metrics = new Map<string, Counter | Gauge | Histogram>();
  /** Counts a phase of a version: what it is counted in is found once, not for every call. */
  readonly #phases = new SeriesTable<(phase: Phase, ms: number) => void>(([model = '', version = '']) => this.#phaseCounter(model, version));
  #requests = 0;
  #errors = 0;
  #inferences = 0;
  #inferenceMs = 0;
  #inFlight = 0;
  #refresh: (metrics: MetricsCollector) => Promise<void> = () => Promise.resolve();

  constructor() {
    for (const [name, entry] of Object.entries(METRICS)) this.#metrics.set(name, make(name, entry, this.#registry));
    collectDefaultMetrics({ register: this.#registry, prefix: RUNTIME_PREFIX });
  }

  /** Called before every scrape, to set gauges that are read and not counted. */
  onScrape(refresh: (metrics: MetricsCollector) => Promise<void>): void {
    this.#refresh = refresh;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Counts a call in; the function returned counts it out. */
  began(): () => void {
    this.#inFlight += 1;
    return () => {
      this.#inFlight -= 1;
    };
  }

  call({ model, version, protocol, code, failure, ms }: CallRecord): void {
    this.#requests += 1;
    if (code >= 400) this.#errors += 1;
    this.statistics.call(model, version, failure ?? (code < 400 ? undefined : 'internal_error'), ms);
    this.#counter('slipway_server_requests_total').inc([model, version, protocol, String(code)]);
    this.#histogram('slipway_server_request_duration_seconds').observe([model, version, protocol], ms / 1000);
  }

  phase(model: string, version: string, phase: Phase, ms: number): void {
    this.#phases.of([model, version])(phase, Math.max(0, ms));
  }

  /** Time the model ran for one call. */
  inference(ms: number): void {
    this.#inferences += 1;
    this.#inferenceMs += ms;
  }

  /** A batch that ran, how long the model took for it, and the rows it was filled up with. */
  batch(model: string, version: string, { rows, padding, computeMs }: RanBatch): void {
    this.statistics.batch(model, version, rows, computeMs);
    this.#histogram('slipway_server_batch_size').observe([model, version], rows);
    if (padding > 0) this.#counter('slipway_server_padded_rows_total').inc([model, version], padding);
  }

  /** A look into the cache of a model, and what it took, with putting the answer in after a miss. */
  cache(model: string, version: string, { hit, ms }: { hit: boolean; ms: number }): void {
    this.statistics.cache(model, version, hit, ms);
    this.#counter(hit ? 'slipway_server_cache_hits_total' : 'slipway_server_cache_misses_total').inc([model, version]);
  }

  loaded(model: string, version: string, ms: number): void {
    this.statistics.begin(model, version);
    this.#counter('slipway_server_model_loads_total').inc([model, version]);
    this.set('slipway_server_model_load_seconds', ms / 1000, { model, version });
  }

  evicted(model: string, version: string): void {
    this.#counter('slipway_server_model_evictions_total').inc([model, version]);
  }

  handlerTimedOut(model: string, version: string, handler: string): void {
    this.#counter('slipway_server_handler_timeouts_total').inc([model, version, handler]);
  }

  workerMoved(model: string, version: string): void {
    this.#counter('slipway_server_worker_moves_total').inc([model, version]);
  }

  workerLost(model: string, version: string): void {
    this.#counter('slipway_server_worker_restarts_total').inc([model, version]);
  }

  set(name: MetricName, value: number, labels: Labels = {}): void {
    this.#gauge(name).set(labels, value);
  }

  /** Forgets every series of a gauge, before it is filled anew. */
  clear(name: MetricName): void {
    this.#gauge(name).reset();
  }

  summary(): MetricsSummary {
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
    return {
      requestCount: this.#requests,
      averageInferenceTimeMs: this.#inferences === 0 ? 0 : this.#inferenceMs / this.#inferences,
      errorCount: this.#errors,
      errorRate: this.#requests === 0 ? 0 : this.#errors / this.#requests,
      uptime: process.uptime(),
      memoryUsage: { rss, heapTotal, heapUsed, external },
    };
  }

  /** Prometheus text. */
  async prometheus(): Promise<{ contentType: string; text: string }> {
    this.set('slipway_server_requests_in_flight', this.#inFlight);
    this.#mirror();
    await this.#refresh(this);
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  /** Triton's counters are read off the statistics, so that a call is counted once. */
  #mirror(): void {
    for (const [name, read] of Object.entries(TRITON_COUNTERS)) {
      const counter = this.#counter(name as MetricName);
      counter.reset();
      for (const { model, version, statistics } of this.statistics.all()) counter.inc([model, version], read(statistics));
    }
    const failures = this.#counter('nv_inference_request_failure');
    failures.reset();
    for (const { model, version, statistics } of this.statistics.all()) for (const reason of FAILURE_REASONS) failures.inc([model, version, reason], statistics.failures[reason]);
  }

  #phaseCounter(model: string, version: string): (phase: Phase, ms: number) => void {
    const own = this.statistics.begin(model, version);
    const histogram = this.#histogram('slipway_server_phase_duration_seconds');
    const series: Partial<Record<Phase, Series>> = {};
    return (phase, ms) => {
      countPhase(own, phase, ms);
      histogram.add((series[phase] ??= histogram.of([model, version, phase])), ms / 1000);
    };
  }

  #counter(name: MetricName): Counter {
    return this.#metrics.get(name) as Counter;
  }
  #gauge(name: MetricName): Gauge {
    return this.#metrics.get(name) as Gauge;
  }
  #histogram(name: MetricName): Histogram {
    return this.#metrics.get(name) as Histogram;
  }
}

const microseconds = ({ ns }: Duration): number => Math.round(ns / 1000);

const TRITON_COUNTERS: Partial<Record<MetricName, (statistics: ModelStatistics) => number>> = {
  nv_inference_request_success: ({ success }) => success.count,
  nv_inference_count: ({ rows }) => rows,
  nv_inference_exec_count: ({ batches }) => batches,
  nv_inference_request_duration_us: ({ success }) => microseconds(success),
  nv_inference_queue_duration_us: ({ phases }) => microseconds(phases.queue),
  nv_inference_compute_input_duration_us: ({ phases }) => microseconds(phases.input),
  nv_inference_compute_infer_duration_us: ({ phases }) => microseconds(phases.infer),
  nv_cache_num_hits_per_model: ({ cacheHit }) => cacheHit.count,
  nv_cache_num_misses_per_model: ({ cacheMiss }) => cacheMiss.count,
  nv_cache_hit_duration_per_model: ({ cacheHit }) => microseconds(cacheHit),
  nv_cache_miss_duration_per_model: ({ cacheMiss }) => microseconds(cacheMiss),
  nv_inference_compute_output_duration_us: ({ phases }) => microseconds(phases.output),
};

function make(name: string, entry: MetricEntry, registry: Registry): Counter | Gauge | Histogram {
  const shared = { name, help: entry.help, labelNames: [...entry.labels], registers: [registry] };
  switch (entry.type) {
    case 'counter': {
      const counter = new Counter({ name, help: entry.help, labelNames: entry.labels });
      registry.registerMetric(counter as unknown as Metric);
      return counter;
    }
    case 'gauge':
      return new Gauge(shared);
    case 'histogram': {
      const histogram = new Histogram({ name, help: entry.help, labelNames: entry.labels, buckets: entry.buckets ?? [] });
      registry.registerMetric(histogram as unknown as Metric);
      return histogram;
    }
  }
}
