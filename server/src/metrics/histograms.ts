// Owns histograms that cost little to observe: a series is found by its label values without hashing or allocation, and printed when
// somebody scrapes. Must not know which there are.
import type { MetricObject, MetricValue } from 'prom-client';
import { labelsOf, SeriesTable } from './series.ts';

/** One set of label values. `counts[i]` observations are at most `bounds[i]` and above the bound before; the last is above all. */
export interface Series {
  values: readonly string[];
  counts: Float64Array;
  sum: number;
}

export interface HistogramOptions {
  name: string;
  help: string;
  labelNames: readonly string[];
  /** Upper bounds, ascending. */
  buckets: readonly number[];
}

/** Registers with prom-client's registry as its own metrics do. */
export class Histogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly #labelNames: readonly string[];
  readonly #bounds: Float64Array;
  readonly #series = new SeriesTable<Series>((values) => ({ values, counts: new Float64Array(this.#bounds.length + 1), sum: 0 }));

  constructor({ name, help, labelNames, buckets }: HistogramOptions) {
    this.name = name;
    this.help = help;
    this.#labelNames = labelNames;
    this.#bounds = Float64Array.from(buckets);
  }

  /** @param values of the labels, in their order */
  observe(values: readonly string[], value: number): void {
    this.add(this.of(values), value);
  }

  /** The series of these labels, for whoever observes it often. @param values of the labels, in their order */
  of(values: readonly string[]): Series {
    return this.#series.of(values);
  }

  add(series: Series, value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    series.counts[at] = (series.counts[at] as number) + 1;
    series.sum += value;
  }

  /** What prom-client prints: cumulative buckets, sum and count of each series. */
  get(): Promise<MetricObject & { values: MetricValue<string>[] }> {
    const values = this.#series.all.flatMap((series) => this.#printed(series));
    return Promise.resolve({ name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values } as unknown as MetricObject & { values: MetricValue<string>[] });
  }

  reset(): void {
    this.#series.clear();
  }

  #printed({ values, counts, sum }: Series): (MetricValue<string> & { metricName: string })[] {
    const labels = labelsOf(this.#labelNames, values);
    let total = 0;
    const buckets = Array.from(counts, (count, index) => {
      total += count;
      return { metricName: `${this.name}_bucket`, value: total, labels: { le: this.#bounds[index] ?? '+Inf', ...labels } };
    });
    return [...buckets, { metricName: `${this.name}_sum`, value: sum, labels }, { metricName: `${this.name}_count`, value: total, labels }];
  }
}
