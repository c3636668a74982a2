// Owns the workers: they take keys, run one pass each, and give the key back to the queue as the outcome says.
// Must not know what a pass does. A pass that throws is a failure like any other.
import { randomUUID } from 'node:crypto';
import type { Clock } from '@slipway/kube';
import type { Log } from './log.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { Outcome } from './outcome.ts';
import type { Queue } from './queue.ts';

/** One pass over a key. `log` carries the key and the id of the pass. */
export type Pass = (key: string, log: Log) => Promise<Outcome>;

export interface RunnerOptions {
  queue: Queue;
  pass: Pass;
  workers: number;
  clock: Clock;
  log: Log;
  metrics: OperatorMetrics;
  /** `inferenceservice` or `namespace`, for the metrics. */
  kindOf: (key: string) => string;
}

export interface Runner {
  start(): void;
  /** Takes no more keys and resolves when the passes under way have ended. `start` works again after it. */
  pause(): Promise<void>;
}

/** The one place where an outcome becomes a decision about the queue. */
function settle(queue: Queue, key: string, outcome: Outcome, log: Log): void {
  switch (outcome.next) {
    case 'Settle':
      queue.forget(key);
      if (outcome.wakeInMs !== undefined) queue.addAfter(key, outcome.wakeInMs);
      return;
    case 'Retry': {
      const waitMs = Math.round(queue.addFailed(key, outcome.atLeastMs));
      if (outcome.wakeInMs !== undefined) queue.addAfter(key, outcome.wakeInMs);
      return log.warn({ err: outcome.because, waitMs }, 'the pass failed and is tried again');
    }
    case 'WaitFor':
      log.debug({ waitMs: outcome.ms, because: outcome.because }, 'too early');
      return queue.addAfter(key, outcome.ms);
    case 'Stop':
      queue.forget(key);
      return log.warn({ because: outcome.because }, 'nothing more to do until something changes');
  }
}

const SLICE_MS = 10;
const afterOthers = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Passes that find nothing to do ask nobody and so never leave the event loop. After a restart there are thousands of them in a row, and the Lease
 * would not be renewed, nor a probe answered, before the last of them. So all workers stop now and then for whatever else waits.
 */
function createTurns(clock: Clock): () => Promise<void> | undefined {
  let since = clock.monotonic();
  let turn: Promise<void> | undefined;
  return () => {
    if (turn === undefined && clock.monotonic() - since < SLICE_MS) return undefined;
    return (turn ??= afterOthers().then(() => {
      since = clock.monotonic();
      turn = undefined;
    }));
  };
}

/** Workers that are not started yet. */
export function createRunner(options: RunnerOptions): Runner {
  const { queue, pass, clock, metrics, kindOf } = options;
  const turnOfOthers = createTurns(clock);
  let running: Promise<void>[] = [];
  let paused = new AbortController();

  const runOnce = async (key: string): Promise<void> => {
    const log = options.log.child({ key, reconcileId: randomUUID().slice(0, 8) });
    const startedAt = clock.monotonic();
    const outcome = await pass(key, log).catch((error: unknown): Outcome => ({ next: 'Retry', because: error }));
    metrics.reconciled(kindOf(key), outcome.next, (clock.monotonic() - startedAt) / 1000);
    settle(queue, key, outcome, log);
    queue.done(key);
  };

  const work = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const key = await queue.take(signal);
      if (key === undefined) return;
      await runOnce(key);
      await turnOfOthers();
    }
  };

  return {
    start() {
      paused = new AbortController();
      running = Array.from({ length: options.workers }, () => work(paused.signal));
    },
    async pause() {
      paused.abort();
      await Promise.all(running);
      running = [];
    },
  };
}
