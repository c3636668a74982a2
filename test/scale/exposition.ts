// Owns reading the operator's metrics: the exposition text as numbers, sums over replicas, differences, and quantiles of histograms.
// Pure. Must not know what is measured.

export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** The samples of an exposition text. */
export function parseExposition(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = line.startsWith('#') ? [] : (LINE.exec(line) ?? []);
    if (name === undefined) return [];
    return [{ name, labels: Object.fromEntries([...labels.matchAll(LABEL)].map(([, key, text]) => [key, text])), value: Number(value) }];
  });
}

/** The samples of one moment, those of all replicas added up. */
export class Snapshot {
  private readonly samples: readonly Sample[];

  constructor(samples: readonly Sample[]) {
    this.samples = samples;
  }

  /** Sum over all samples of that name whose labels agree. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.matching(name, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** The largest of those. */
  max(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return Math.max(0, ...this.matching(name, labels).map(({ value }) => value));
  }

  /** Sums by a key made from the labels. */
  sumsBy(name: string, keyOf: (labels: Readonly<Record<string, string>>) => string): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { labels, value } of this.matching(name, {})) sums[keyOf(labels)] = (sums[keyOf(labels)] ?? 0) + value;
    return sums;
  }

  private matching(name: string, labels: Readonly<Record<string, string>>): Sample[] {
    return this.samples.filter((sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value));
  }
}

/** What was counted between two snapshots, by key; keys that stood still are left out. */
export function difference(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  const changed = Object.entries(after).map(([key, value]): [string, number] => [key, value - (before[key] ?? 0)]);
  return Object.fromEntries(changed.filter(([, value]) => value !== 0));
}

/**
 * Quantile `q` (0 to 1) of what a histogram counted between two snapshots, in its own unit: as Prometheus does it, by a straight line
 * within the bucket. Undefined if nothing was counted.
 */
export function quantile(q: number, before: Snapshot, after: Snapshot, name: string, kind: string): number | undefined {
  const of = (snapshot: Snapshot): Record<string, number> => snapshot.sumsBy(`${name}_bucket`, (labels) => (labels['kind'] === kind ? (labels['le'] ?? '') : 'other'));
  const [then, now] = [of(before), of(after)];
  const buckets = Object.entries(now)
    .filter(([bound]) => bound !== 'other')
    .map(([bound, count]): [number, number] => [bound === '+Inf' ? Infinity : Number(bound), count - (then[bound] ?? 0)])
    .sort(([a], [b]) => a - b);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  const at = buckets.findIndex(([, count]) => count >= q * total);
  const [upper = 0, count = 0] = buckets[at] ?? [];
  const [lower, below] = buckets[at - 1] ?? [0, 0];
  return upper === Infinity ? lower : lower + ((upper - lower) * (q * total - below)) / Math.max(1, count - below);
}
