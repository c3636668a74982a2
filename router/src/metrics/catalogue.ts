// Owns the names, labels and help of every metric of the router: dashboards, alerts and rollout gates are built on them.
// Must not know how they are counted.

export interface MetricKind {
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: readonly string[];
}

/** Upper bounds of the latency buckets in seconds. */
export const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

export const CATALOGUE = {
  slipway_router_requests_total: {
    type: 'counter',
    help: 'Requests answered, by the revision that answered and the HTTP status; 499 is a caller that hung up, a revision of "" means none was reached.',
    labels: ['inferenceservice', 'revision', 'role', 'code'],
  },
  slipway_router_request_duration_seconds: {
    type: 'histogram',
    help: 'Seconds from the head of a request to the end of its answer.',
    labels: ['inferenceservice', 'revision', 'role'],
  },
  slipway_router_requests_in_flight: { type: 'gauge', help: 'Requests under way.', labels: ['inferenceservice', 'revision', 'role'] },
  slipway_router_retries_total: {
    type: 'counter',
    help: 'Attempts repeated on another connection or pod, by what had failed.',
    labels: ['inferenceservice', 'revision', 'role', 'reason'],
  },
  slipway_router_upstream_failures_total: {
    type: 'counter',
    help: 'Attempts that failed: connect (nothing was sent), reset, bad-answer.',
    labels: ['inferenceservice', 'revision', 'role', 'reason'],
  },
  slipway_router_resend_421_total: {
    type: 'counter',
    help: 'Requests sent on because this revision lacks the model version they ask for.',
    labels: ['inferenceservice', 'revision', 'role'],
  },
  slipway_router_share_given_away_total: {
    type: 'counter',
    help: 'Requests that belonged to this revision but were answered by another, because it had no pod that could answer. Without them the split is exact.',
    labels: ['inferenceservice', 'revision', 'role'],
  },
  slipway_router_table_sequence: { type: 'gauge', help: 'Sequence of the entry that is served.', labels: ['inferenceservice'] },
  slipway_router_entry_refused: { type: 'gauge', help: '1 while the newest text of this entry is refused.', labels: ['source'] },
  slipway_router_endpoints: { type: 'gauge', help: 'Addresses that get traffic.', labels: ['inferenceservice', 'revision', 'role'] },
  slipway_router_open_connections: { type: 'gauge', help: 'Open connections, to callers (downstream) and to pods (upstream).', labels: ['side'] },
  slipway_router_refused_connections_total: { type: 'counter', help: 'Connections refused because there were too many.', labels: [] },
  slipway_router_synced: { type: 'gauge', help: '1 once the table was read from Kubernetes since the start; 0 while it is served from disk.', labels: [] },
  process_resident_memory_bytes: { type: 'gauge', help: 'Resident memory.', labels: [] },
  process_cpu_seconds_total: { type: 'counter', help: 'CPU time spent.', labels: [] },
  process_start_time_seconds: { type: 'gauge', help: 'Start, in seconds since the epoch.', labels: [] },
} as const satisfies Record<string, MetricKind>;

export type MetricName = keyof typeof CATALOGUE;
