// Owns the Prometheus text format (version 0.0.4). Pure; must not know which metrics there are.
import type { MetricKind } from './catalogue.ts';

export interface Sample {
  labels: readonly string[];
  value: number;
}

export interface HistogramSample {
  labels: readonly string[];
  /** Not cumulative; one more than there are bounds. */
  buckets: ArrayLike<number>;
  sum: number;
}

const escaped = (value: string): string => value.replace(/[\\\n"]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));

function labelText(names: readonly string[], values: readonly string[], more = ''): string {
  const pairs = names.map((name, i) => `${name}="${escaped(values[i] ?? '')}"`);
  if (more !== '') pairs.push(more);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const headLines = (name: string, kind: MetricKind): string => `# HELP ${name} ${kind.help}\n# TYPE ${name} ${kind.type}\n`;

/** One family of counters or gauges. */
export function familyText(name: string, kind: MetricKind, samples: readonly Sample[]): string {
  return headLines(name, kind) + samples.map((s) => `${name}${labelText(kind.labels, s.labels)} ${s.value}\n`).join('');
}

function histogramLines(name: string, kind: MetricKind, bounds: readonly number[], sample: HistogramSample): string {
  let count = 0;
  let text = '';
  for (let i = 0; i <= bounds.length; i++) {
    count += sample.buckets[i] ?? 0;
    text += `${name}_bucket${labelText(kind.labels, sample.labels, `le="${bounds[i] ?? '+Inf'}"`)} ${count}\n`;
  }
  const labels = labelText(kind.labels, sample.labels);
  return `${text}${name}_sum${labels} ${sample.sum}\n${name}_count${labels} ${count}\n`;
}

/** One family of histograms over the same bounds. */
export function histogramText(family: { name: string; kind: MetricKind; bounds: readonly number[] }, samples: readonly HistogramSample[]): string {
  const { name, kind, bounds } = family;
  return headLines(name, kind) + samples.map((s) => histogramLines(name, kind, bounds, s)).join('');
}
