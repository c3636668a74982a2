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
}

export type Decision = { kind: 'run'; take: readonly number[] } | { kind: 'wait'; until: number } | { kind: 'idle' };

/**
 * Takes what is waiting the moment a worker is free: the first call and every later one of its key that still fits.
 * With a delay set, a batch that is not full waits for company until the first call has waited that long.
 */
export function decide(queue: readonly Waiting[], now: number, limits: BatchLimits): Decision {
  const [head] = queue;
  if (head === undefined) return { kind: 'idle' };
  if (!limits.merge) return { kind: 'run', take: [0] };
  const { take, full } = gather(queue, head, limits.maxRows);
  const until = head.since + limits.maxDelayMs;
  return full || now >= until ? { kind: 'run', take } : { kind: 'wait', until };
}

function gather(queue: readonly Waiting[], head: Waiting, maxRows: number): { take: number[]; full: boolean } {
  const take: number[] = [];
  let rows = 0;
  for (let index = 0; index < queue.length; index++) {
    const item = queue[index];
    if (item === undefined || item.key !== head.key) continue;
    if (take.length > 0 && rows + item.rows > maxRows) return { take, full: true };
    take.push(index);
    rows += item.rows;
    if (rows >= maxRows) return { take, full: true };
  }
  return { take, full: false };
}
