// Owns the counting. Hot counters are plain fields of one object per revision, found once per request: a general metrics library
// hashes label objects on every call. Must not know sockets or routes.
import type { RouteBackend } from '@slipway/api';
import { CATALOGUE, LATENCY_BUCKETS } from './catalogue.ts';
import type { MetricName } from './catalogue.ts';
import { familyText, histogramText } from './exposition.ts';
import type { Sample } from './exposition.ts';

export type FailureReason = 'connect' | 'reset' | 'bad-answer';

type Reasons = Record<FailureReason, number>;

/** Counters of one revision of one InferenceService. */
export class Series {
  readonly labels: readonly [string, string, string];
  readonly codes = new Map<number, number>();
  readonly buckets = new Float64Array(LATENCY_BUCKETS.length + 1);
  seconds = 0;
  inFlight = 0;
  resends = 0;
  givenAway = 0;
  readonly retries: Reasons = { connect: 0, reset: 0, 'bad-answer': 0 };
  readonly failures: Reasons = { connect: 0, reset: 0, 'bad-answer': 0 };

  constructor(isvc: string, revision: string, role: string) {
    this.labels = [isvc, revision, role];
  }

  answered(code: number, ms: number): void {
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
    const seconds = ms / 1000;
    this.seconds += seconds;
    let i = 0;
    while (i < LATENCY_BUCKETS.length && seconds > (LATENCY_BUCKETS[i] as number)) i++;
    this.buckets[i] = (this.buckets[i] as number) + 1;
  }
}

/** Values that are read when Prometheus asks. */
export type Gauges = () => ReadonlyMap<MetricName, readonly Sample[]>;

const REASONS: readonly FailureReason[] = ['connect', 'reset', 'bad-answer'];

const withReason = (series: Series, counts: Reasons): Sample[] =>
  REASONS.filter((reason) => counts[reason] > 0).map((reason) => ({ labels: [...series.labels, reason], value: counts[reason] }));

const codesOf = (series: Series): Sample[] => [...series.codes].map(([code, value]) => ({ labels: [...series.labels, String(code)], value }));

/** How each counted family is read from the series of a revision. */
const FAMILIES: readonly [MetricName, (series: Series) => Sample[]][] = [
  ['slipway_router_requests_total', codesOf],
  ['slipway_router_requests_in_flight', (s) => [{ labels: s.labels, value: s.inFlight }]],
  ['slipway_router_retries_total', (s) => withReason(s, s.retries)],
  ['slipway_router_upstream_failures_total', (s) => withReason(s, s.failures)],
  ['slipway_router_resend_421_total', (s) => [{ labels: s.labels, value: s.resends }]],
  ['slipway_router_share_given_away_total', (s) => [{ labels: s.labels, value: s.givenAway }]],
];

export class Metrics {
  private readonly series = new Map<string, Series>();
  /** The same by identity: a backend of the table is found without building a key. */
  private readonly byBackend = new WeakMap<RouteBackend, Series>();
  refusedConnections = 0;

  /** The counters of a backend; those of no backend are the service's own. */
  of(isvc: string, backend: RouteBackend | undefined): Series {
    if (backend === undefined) return this.named(isvc, '', '');
    let series = this.byBackend.get(backend);
    if (series === undefined) this.byBackend.set(backend, (series = this.named(isvc, backend.revision, backend.role)));
    return series;
  }

  private named(isvc: string, revision: string, role: string): Series {
    const key = `${isvc} ${revision} ${role}`;
    let series = this.series.get(key);
    if (series === undefined) this.series.set(key, (series = new Series(isvc, revision, role)));
    return series;
  }

  /** Drops the series of services and revisions that are no longer known, so that labels stay bounded. */
  keep(known: (isvc: string, revision: string) => boolean): void {
    for (const [key, { labels, inFlight }] of this.series) {
      if (inFlight === 0 && !known(labels[0], labels[1])) this.series.delete(key);
    }
  }

  /** The whole exposition. */
  text(gauges: Gauges): string {
    const all = [...this.series.values()];
    const parts = FAMILIES.map(([name, read]) => familyText(name, CATALOGUE[name], all.flatMap(read)));
    const latency = 'slipway_router_request_duration_seconds';
    const samples = all.map((s) => ({ labels: s.labels, buckets: s.buckets, sum: s.seconds }));
    parts.push(histogramText({ name: latency, kind: CATALOGUE[latency], bounds: LATENCY_BUCKETS }, samples));
    const refused = 'slipway_router_refused_connections_total';
    parts.push(familyText(refused, CATALOGUE[refused], [{ labels: [], value: this.refusedConnections }]));
    for (const [name, values] of gauges()) parts.push(familyText(name, CATALOGUE[name], values));
    return parts.join('');
  }
}
