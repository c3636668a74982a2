// Owns the series of one metric: found by their label values without hashing or allocation. Must not know what is counted.

type Node<T> = Map<string, Node<T> | T>;

export class SeriesTable<T> {
  readonly #make: (values: readonly string[]) => T;
  readonly #root: Node<T> = new Map();
  readonly #all: T[] = [];

  constructor(make: (values: readonly string[]) => T) {
    this.#make = make;
  }

  /** In the order in which they were first seen. */
  get all(): readonly T[] {
    return this.#all;
  }

  /** @param values of the labels, in their order */
  of(values: readonly string[]): T {
    let at = this.#root;
    const last = values.length - 1;
    for (let index = 0; index < last; index++) {
      const value = values[index] as string;
      let next = at.get(value) as Node<T> | undefined;
      if (next === undefined) at.set(value, (next = new Map()));
      at = next;
    }
    const key = values[last] ?? '';
    const known = at.get(key) as T | undefined;
    if (known !== undefined) return known;
    const made = this.#make([...values]);
    at.set(key, made);
    this.#all.push(made);
    return made;
  }

  clear(): void {
    this.#root.clear();
    this.#all.length = 0;
  }
}

/** As prom-client prints them. */
export const labelsOf = (names: readonly string[], values: readonly string[]): Record<string, string> => Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
