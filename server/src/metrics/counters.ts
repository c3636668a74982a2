// Owns counters that cost little to count. Must not know which there are.
import type { MetricObject, MetricValue } from 'prom-client';
import { labelsOf, SeriesTable } from './series.ts';

interface Series {
  values: readonly string[];
  total: number;
}

export interface CounterOptions {
  name: string;
  help: string;
  labelNames: readonly string[];
}

/** Registers with prom-client's registry as its own metrics do. */
export class Counter {
  readonly name: string;
  readonly help: string;
  readonly type = 'counter';
  readonly aggregator = 'sum';
  readonly #labelNames: readonly string[];
  readonly #series = new SeriesTable<Series>((values) => ({ values, total: 0 }));

  constructor({ name, help, labelNames }: CounterOptions) {
    this.name = name;
    this.help = help;
    this.#labelNames = labelNames;
  }

  /** @param values of the labels, in their order */
  inc(values: readonly string[], by = 1): void {
    this.#series.of(values).total += by;
  }

  get(): Promise<MetricObject & { values: MetricValue<string>[] }> {
    const values = this.#series.all.map((series) => ({ value: series.total, labels: labelsOf(this.#labelNames, series.values) }));
    return Promise.resolve({ name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values } as unknown as MetricObject & { values: MetricValue<string>[] });
  }

  reset(): void {
    this.#series.clear();
  }
}
