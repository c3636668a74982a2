// Owns the operator's metrics: the catalogue of names, help and labels that docs and dashboards build on, and the recorders over it.
// Must not know when anything happens. Names never change meaning once released.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { RequestReport } from '@slipway/kube';

export interface MetricEntry {
  type: 'gauge' | 'counter' | 'histogram';
  help: string;
  labels: readonly string[];
  /** Upper bounds in seconds, for histograms. */
  buckets?: readonly number[];
}

export const METRICS = {
  slipway_operator_queue_depth: { type: 'gauge', help: 'Keys that wait for a worker.', labels: [] },
  slipway_operator_reconcile_duration_seconds: {
    type: 'histogram',
    help: 'Seconds one pass over one key took.',
    labels: ['kind'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  slipway_operator_reconcile_total: { type: 'counter', help: 'Passes by kind of key and result (Settle, Retry, WaitFor, Stop).', labels: ['kind', 'result'] },
  slipway_operator_api_request_duration_seconds: {
    type: 'histogram',
    help: 'Seconds the API server took to answer, by verb, resource and HTTP status (or the kind of failure).',
    labels: ['verb', 'resource', 'code'],
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 5, 30],
  },
  slipway_operator_watch_restarts_total: { type: 'counter', help: 'Watches or lists that had to be started over, by resource and cause.', labels: ['resource', 'cause'] },
  slipway_operator_cached_objects: { type: 'gauge', help: 'Objects in the cache, by resource.', labels: ['resource'] },
  slipway_operator_leader: { type: 'gauge', help: '1 while this replica leads, else 0.', labels: [] },
  slipway_operator_events_dropped_total: { type: 'counter', help: 'Kubernetes events that were not sent because of the rate limit or an error.', labels: ['cause'] },
} as const satisfies Record<string, MetricEntry>;

/** Values that are read when Prometheus asks. */
export interface MetricSources {
  queueDepth(): number;
  leading(): boolean;
  /** Objects in the cache by resource. */
  cached(): Iterable<[resource: string, count: number]>;
}

export interface OperatorMetrics {
  reconciled(this: void, kind: string, result: string, seconds: number): void;
  requested(this: void, report: RequestReport): void;
  watchRestarted(this: void, resource: string, cause: string): void;
  eventDropped(this: void, cause: string): void;
  /** Connects the gauges to what they show; until then they read 0. */
  connect(sources: MetricSources): void;
  /** The exposition text and its content type. */
  expose(): Promise<{ text: string; contentType: string }>;
}

const counter = (name: keyof typeof METRICS, registry: Registry): Counter =>
  new Counter({ name, help: METRICS[name].help, labelNames: METRICS[name].labels, registers: [registry] });

function histogram(name: keyof typeof METRICS, registry: Registry): Histogram {
  const entry: MetricEntry = METRICS[name];
  return new Histogram({ name, help: entry.help, labelNames: entry.labels, buckets: [...(entry.buckets ?? [])], registers: [registry] });
}

function gauge(name: keyof typeof METRICS, registry: Registry, collect: (gauge: Gauge) => void): void {
  new Gauge({
    name,
    help: METRICS[name].help,
    labelNames: METRICS[name].labels,
    registers: [registry],
    collect() {
      collect(this);
    },
  });
}

/** The metrics of one operator process, in a registry of their own. */
export function createMetrics(): OperatorMetrics {
  const registry = new Registry();
  let sources: MetricSources = { queueDepth: () => 0, leading: () => false, cached: () => [] };
  collectDefaultMetrics({ register: registry, prefix: 'slipway_operator_' });
  gauge('slipway_operator_queue_depth', registry, (g) => g.set(sources.queueDepth()));
  gauge('slipway_operator_leader', registry, (g) => g.set(sources.leading() ? 1 : 0));
  gauge('slipway_operator_cached_objects', registry, (g) => {
    for (const [resource, count] of sources.cached()) g.set({ resource }, count);
  });
  const durations = histogram('slipway_operator_reconcile_duration_seconds', registry);
  const results = counter('slipway_operator_reconcile_total', registry);
  const requests = histogram('slipway_operator_api_request_duration_seconds', registry);
  const restarts = counter('slipway_operator_watch_restarts_total', registry);
  const dropped = counter('slipway_operator_events_dropped_total', registry);
  return {
    reconciled: (kind, result, seconds) => {
      durations.observe({ kind }, seconds);
      results.inc({ kind, result });
    },
    requested: ({ verb, resource, code, seconds }) => requests.observe({ verb, resource, code }, seconds),
    watchRestarted: (resource, cause) => restarts.inc({ resource, cause }),
    eventDropped: (cause) => dropped.inc({ cause }),
    connect: (connected) => {
      sources = connected;
    },
    expose: async () => ({ text: await registry.metrics(), contentType: registry.contentType }),
  };
}
