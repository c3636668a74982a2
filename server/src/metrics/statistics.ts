// Owns what has been counted of each model since the start, for protocols that ask for it: calls, rows, batches, time by phase.
// Bounded by the models that are served. Must not know a protocol's names.
import type { ErrorCode } from '../inference/errors.ts';
import type { Phase } from './catalogue.ts';

export interface Duration {
  count: number;
  ns: number;
}

export interface ModelStatistics {
  success: Duration;
  fail: Duration;
  failures: Record<FailureReason, number>;
  /** Waiting, making tensors ready, the model itself, making the answer. */
  phases: Record<'queue' | 'input' | 'infer' | 'output', Duration>;
  /** Looks into the cache. */
  cacheHit: Duration;
  cacheMiss: Duration;
  /** Rows and batches that ran. */
  rows: number;
  batches: number;
  /** Rows of a batch -> how many, and the time the model took for them. */
  batchSizes: Map<number, Duration>;
  /** Unix time. */
  lastInferenceMs: number;
}

/** Why calls failed: not taken or late in the queue, hung up, failed in the model or its worker, anything else. */
export const FAILURE_REASONS = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const;
type FailureReason = (typeof FAILURE_REASONS)[number];

const REASON: Partial<Record<ErrorCode, FailureReason>> = {
  queue_full: 'REJECTED',
  deadline_exceeded: 'REJECTED',
  memory_exhausted: 'REJECTED',
  draining: 'REJECTED',
  client_closed_request: 'CANCELED',
  inference_failed: 'BACKEND',
  worker_failed: 'BACKEND',
  internal_error: 'BACKEND',
};

const NS_PER_MS = 1_000_000;
const BATCH_SIZES = 256;

/** Several of our phases are one of these; a call is counted once. */
const GROUPS: Record<Phase, { group: keyof ModelStatistics['phases']; counts: boolean }> = {
  preprocess: { group: 'input', counts: true },
  batch: { group: 'input', counts: false },
  queue: { group: 'queue', counts: true },
  compute: { group: 'infer', counts: true },
  postprocess: { group: 'output', counts: true },
  serialise: { group: 'output', counts: false },
};

const none = (): Duration => ({ count: 0, ns: 0 });
const empty = (): ModelStatistics => ({ success: none(), fail: none(), failures: { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 }, phases: { queue: none(), input: none(), infer: none(), output: none() }, cacheHit: none(), cacheMiss: none(), rows: 0, batches: 0, batchSizes: new Map(), lastInferenceMs: 0 });

/** Counts a phase of a call; `ms` is not negative. */
export function countPhase({ phases }: ModelStatistics, phase: Phase, ms: number): void {
  const { group, counts } = GROUPS[phase];
  const duration = phases[group];
  if (counts) duration.count += 1;
  duration.ns += ms * NS_PER_MS;
}

export class Statistics {
  readonly #models = new Map<string, Map<string, ModelStatistics>>();

  of(model: string, version: string): ModelStatistics {
    return this.#models.get(model)?.get(version) ?? empty();
  }

  /** A version that is served from now on is counted from zero; what is counted of one that is known. */
  begin(model: string, version: string): ModelStatistics {
    return this.#make(model, version);
  }

  /** @param failure undefined for a call that succeeded */
  call(model: string, version: string, failure: ErrorCode | undefined, ms: number): void {
    if (model === '') return;
    const own = this.#make(model, version);
    const duration = failure === undefined ? own.success : own.fail;
    duration.count += 1;
    duration.ns += ms * NS_PER_MS;
    if (failure === undefined) own.lastInferenceMs = Date.now();
    else own.failures[REASON[failure] ?? 'OTHER'] += 1;
  }

  cache(model: string, version: string, hit: boolean, ms: number): void {
    const own = this.#make(model, version);
    const duration = hit ? own.cacheHit : own.cacheMiss;
    duration.count += 1;
    duration.ns += ms * NS_PER_MS;
  }

  batch(model: string, version: string, rows: number, ms: number): void {
    const own = this.#make(model, version);
    own.rows += rows;
    own.batches += 1;
    const size = own.batchSizes.get(rows) ?? none();
    size.count += 1;
    size.ns += ms * NS_PER_MS;
    if (own.batchSizes.size < BATCH_SIZES || own.batchSizes.has(rows)) own.batchSizes.set(rows, size);
  }

  /** Every version counted so far, with its name. */
  *all(): Iterable<{ model: string; version: string; statistics: ModelStatistics }> {
    for (const [model, versions] of this.#models) for (const [version, statistics] of versions) yield { model, version, statistics };
  }

  #make(model: string, version: string): ModelStatistics {
    const versions = this.#models.get(model) ?? new Map<string, ModelStatistics>();
    if (versions.size === 0) this.#models.set(model, versions);
    const own = versions.get(version) ?? empty();
    if (!versions.has(version)) versions.set(version, own);
    return own;
  }
}
