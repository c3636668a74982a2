// Owns the decision which waiting calls make the next batch. Pure: it gets the queue and the time, and gives one decision.
// Must not know tensors, threads or timers.

export interface Waiting {
  /** Calls of one key may share a batch: same names, dtypes and row shapes. */
  key: string;
  rows: number;
  /** Milliseconds on the monotonic clock. */
  since: number;
}

export interface BatchLimits {
  /** Rows of a batch; a single call may be larger. */
  maxRows: number;
  /** How long the first call may wait for company, milliseconds. 0 = never wait. */
  maxDelayMs: number;
  /** Whether calls may share a batch at all. */
  merge: boolean;
  /** Rows at which a batch is not kept waiting for more; ascending. None = only a full one. */
  preferred?: readonly number[];
  /** The only sizes that run, ascending: a batch is filled up to the next one. None = any size runs. */
  allowed?: readonly number[];
}

export type Decision = { kind: 'run'; take: readonly number[] } | { kind: 'wait'; until: number } | { kind: 'idle' };

/**
 * Takes what is waiting the moment a worker is free: the first call and every later one of its key that still fits, or fewer where
 * that makes a preferred size. With a delay set, a batch that is neither full nor of a preferred size waits for company until the
 * first call has waited that long.
 */
export function decide(queue: readonly Waiting[], now: number, limits: BatchLimits): Decision {
  const [head] = queue;
  if (head === undefined) return { kind: 'idle' };
  if (!limits.merge) return { kind: 'run', take: [0] };
  const { take, full, preferred } = gather(queue, head, limits);
  if (preferred > 0) return { kind: 'run', take: take.slice(0, preferred) };
  const until = head.since + limits.maxDelayMs;
  return full || now >= until ? { kind: 'run', take } : { kind: 'wait', until };
}

interface Gathered {
  take: number[];
  /** Nothing more fits. */
  full: boolean;
  /** How many of `take` make the largest preferred size that can be made; 0 = none. */
  preferred: number;
}

function gather(queue: readonly Waiting[], head: Waiting, { maxRows, preferred = [] }: BatchLimits): Gathered {
  const found: Gathered = { take: [], full: false, preferred: 0 };
  let rows = 0;
  for (let index = 0; index < queue.length && !found.full; index++) {
    const item = queue[index];
    if (item === undefined || item.key !== head.key) continue;
    if (found.take.length > 0 && rows + item.rows > maxRows) return { ...found, full: true };
    found.take.push(index);
    rows += item.rows;
    if (preferred.includes(rows)) found.preferred = found.take.length;
    found.full = rows >= maxRows;
  }
  return found;
}

/** Rows to add to a batch so that it has an allowed size. A batch above all of them runs as it is. */
export function paddingFor(rows: number, { merge, allowed = [] }: BatchLimits): number {
  if (!merge) return 0;
  const size = allowed.find((candidate) => candidate >= rows);
  return size === undefined ? 0 : size - rows;
}
