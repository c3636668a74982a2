// Owns the decision which worker a model gets: an empty one, a new one, or one that it shares. PURE.

/** What is known of a worker. */
export interface Place {
  /** Models in it. */
  readonly tenants: number;
}

export interface Workers<P extends Place> {
  /** Those that take a further model and do not hold this one. */
  readonly open: readonly P[];
  /** All that there are. */
  readonly count: number;
  /** How many there may be before models share them. */
  readonly most: number;
  /** Whether the model shares with none. */
  readonly own: boolean;
}

/** The worker to take; undefined = a new one. Empty ones go first, then new ones while there are few, then the one with the fewest models. */
export function choose<P extends Place>({ open, count, most, own }: Workers<P>): P | undefined {
  const [least] = [...open].sort((a, b) => a.tenants - b.tenants);
  if (least === undefined || least.tenants === 0) return least;
  return own || count < most ? undefined : least;
}

/** How many workers are started for a model that wants several, each in another. */
export function newWorkers<P extends Place>(wanted: number, workers: Workers<P>): number {
  let { open, count } = workers;
  let started = 0;
  for (let each = 0; each < wanted; each++) {
    const taken = choose({ ...workers, open, count });
    open = open.filter((place) => place !== taken);
    if (taken !== undefined) continue;
    started += 1;
    count += 1;
  }
  return started;
}
