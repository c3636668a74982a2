// Owns the course of a measurement: first all are made, then, at rest, some are edited, more are made, the operator restarts and idles; and what
// is noted in each part. The two halves may run in two processes, hours apart.
// Must not know how nodes are simulated or who brought the cluster up.
import { setTimeout } from 'node:timers/promises';
import type { Client } from '@slipway/kube';
import type { ClusterAccess } from './cluster-access.ts';
import { Snapshot, difference, quantile } from './exposition.ts';
import { OperatorView, RECONCILE, cpuSeconds, heapBytes, passes, requestsIn, residentBytes, writesIn } from './operator-view.ts';
import { Services, inParallel } from './services.ts';

export interface MeasureOptions {
  access: ClusterAccess;
  client: Client;
  count: number;
  namespaces: number;
  /** Names the namespaces of this run. */
  run: string;
  /** How many are made one after another once the others are at rest. */
  oneMore: number;
  /** Milliseconds for which the cluster is left alone. */
  idleMs: number;
  /** Milliseconds until all must be Ready. */
  readyMs: number;
  /**
   * How often the restart, and idling, are measured again while something was written: what else happens in a busy cluster does not repeat
   * itself, what they cause does.
   */
  tries: number;
  /** Leave the InferenceServices behind: the cluster goes anyway. */
  leave: boolean;
  tell: (text: string) => void;
  signal?: AbortSignal | undefined;
}

interface Quantiles {
  p50: number;
  p99: number;
}

/** What the operator did in one part of the measurement. */
export interface Effort {
  seconds: number;
  passes: number;
  /** Seconds a pass over an InferenceService took. */
  reconcile: Quantiles | undefined;
  cpuSeconds: number;
  /** Requests to the API server by `verb resource`. */
  requests: Record<string, number>;
  writes: number;
}

/** What it took to make them. */
export interface MadeFigures {
  /** How many were made; the others had been there before. */
  made: number;
  /** Milliseconds. */
  creationToReady: Quantiles & { max: number; all: number };
  creation: Effort;
  /** Bytes of memory, the most that was seen meanwhile. */
  peakBytes: number;
}

/** What they cost once they are there. */
export interface RestFigures {
  /** Milliseconds from creation to Ready of a few more. */
  oneMore: Quantiles & { max: number };
  /** Edits: labels that change nothing, and replicas. */
  steady: Effort & { edits: number };
  restart: Effort & { toSteadySeconds: number };
  idle: Effort;
  /** Bytes. */
  memory: { atRest: number; heapAtRest: number; afterRestart: number; heapAfterRestart: number };
}

export interface ScaleFigures {
  count: number;
  namespaces: number;
  made?: MadeFigures;
  rest?: RestFigures;
}

const QUIET_MS = 3_000;
const SAMPLE_MS = 1_000;
/** What "steady" means here: 36,000 edits an hour. */
export const EDITS_PER_SECOND = 10;

const at = (sorted: readonly number[], q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

/** Waits for a moment of `performance.now()`. */
async function untilDue(at: number, signal: AbortSignal | undefined): Promise<void> {
  await setTimeout(Math.max(0, at - performance.now()), undefined, signal === undefined ? {} : { signal });
}

function effort(before: Snapshot, after: Snapshot, milliseconds: number): Effort {
  const requests = difference(requestsIn(before), requestsIn(after));
  const [p50, p99] = [0.5, 0.99].map((q) => quantile(q, before, after, RECONCILE, 'inferenceservice'));
  return {
    seconds: milliseconds / 1000,
    passes: passes(after) - passes(before),
    reconcile: p50 === undefined || p99 === undefined ? undefined : { p50, p99 },
    cpuSeconds: cpuSeconds(after) - cpuSeconds(before),
    requests,
    writes: Object.values(writesIn(requests)).reduce((sum, n) => sum + n, 0),
  };
}

/** Runs the whole course. Leaves nothing behind, whatever happens, unless told so. */
export async function measure(options: MeasureOptions): Promise<Required<ScaleFigures>> {
  const services = new Services(options);
  try {
    await services.start();
    const measurement = new Measurement(options, services);
    return { count: options.count, namespaces: options.namespaces, made: await measurement.make(), rest: await measurement.rest() };
  } finally {
    if (!options.leave) {
      options.tell('removing the namespaces');
      await services.remove(options.readyMs);
    }
    await services.stop();
  }
}

/** The first half: all are made, and stay. */
export async function measureMaking(options: MeasureOptions): Promise<ScaleFigures> {
  const services = new Services(options);
  try {
    await services.start();
    return { count: options.count, namespaces: options.namespaces, made: await new Measurement(options, services).make() };
  } finally {
    await services.stop();
  }
}

/** The second half, on what the first has made: as many as are there. Throws an Error if there are none, or some are not healthy. */
export async function measureAtRest(options: MeasureOptions): Promise<ScaleFigures> {
  const services = new Services(options);
  try {
    const { count, namespaces } = await services.adopt();
    await services.allHealthy(options.readyMs);
    return { count, namespaces, rest: await new Measurement({ ...options, count, namespaces }, services).rest() };
  } finally {
    await services.stop();
  }
}

class Measurement {
  private readonly options: MeasureOptions;
  private readonly services: Services;
  private readonly operator: OperatorView;
  private peak = 0;

  constructor(options: MeasureOptions, services: Services) {
    this.options = options;
    this.services = services;
    this.operator = new OperatorView(options.access, options.client);
  }

  async make(): Promise<MadeFigures> {
    const first = this.services.size;
    const made = this.options.count - first;
    if (made < 1) throw new Error(`${first} InferenceServices are there already: ask for a larger --count`);
    const creation = await this.create(made);
    const all = this.services.creationToReady(first);
    return { made, creationToReady: { p50: at(all, 0.5), p99: at(all, 0.99), max: at(all, 1), all: this.services.wholeMs(first) }, creation, peakBytes: this.peak };
  }

  async rest(): Promise<RestFigures> {
    const rested = await this.atRest();
    const steady = await this.edit();
    const oneMore = await this.oneMore();
    const restart = await this.quietest(() => this.restart());
    const after = await this.operator.look();
    const idle = await this.quietest(() => this.idle());
    const memory = { atRest: residentBytes(rested), heapAtRest: heapBytes(rested), afterRestart: residentBytes(after), heapAfterRestart: heapBytes(after) };
    return { oneMore, steady, restart, idle, memory };
  }

  private async create(made: number): Promise<Effort> {
    const { count, readyMs, tell } = this.options;
    const [before, startedAt] = [await this.atRest(), performance.now()];
    const sampler = setInterval(() => void this.operator.look().then((now) => (this.peak = Math.max(this.peak, residentBytes(now))), () => undefined), SAMPLE_MS);
    try {
      await Promise.all([this.services.create(made), this.whenCreated(() => this.services.size >= count)]);
      await this.services.allHealthy(readyMs, (healthy) => tell(`${healthy} of ${count} Ready`));
    } finally {
      clearInterval(sampler);
    }
    tell('coming to rest');
    const { snapshot, lastChangeAt } = await this.operator.settled({ quietMs: QUIET_MS, timeoutMs: readyMs, signal: this.options.signal });
    return effort(before, snapshot, lastChangeAt - startedAt);
  }

  /** Tells how creation goes on. */
  private async whenCreated(done: () => boolean): Promise<void> {
    while (!done()) {
      this.options.signal?.throwIfAborted();
      this.options.tell(`${this.services.size} created, ${this.services.healthy} Ready`);
      await setTimeout(500);
    }
  }

  private async atRest(): Promise<Snapshot> {
    const { readyMs, signal } = this.options;
    return (await this.operator.settled({ quietMs: QUIET_MS, timeoutMs: readyMs, signal })).snapshot;
  }

  /** Edits at a steady rate. Those of a label concern nobody and must cost no write; every tenth is another number of replicas. */
  private async edit(): Promise<Effort & { edits: number }> {
    const { count, readyMs, tell, signal } = this.options;
    const edits = Math.min(count, 500);
    const [before, startedAt] = [await this.atRest(), performance.now()];
    tell(`${edits} edits, ${EDITS_PER_SECOND} a second`);
    await inParallel(Array.from({ length: edits }, (_, i) => i), 4, async (i) => {
      await untilDue(startedAt + (i * 1000) / EDITS_PER_SECOND, signal);
      await (i % 10 === 0 ? this.services.scale(i) : this.services.touch(i));
    });
    await this.services.allHealthy(readyMs);
    const { snapshot, lastChangeAt } = await this.operator.settled({ quietMs: QUIET_MS, timeoutMs: readyMs, signal });
    return { ...effort(before, snapshot, lastChangeAt - startedAt), edits };
  }

  private async oneMore(): Promise<Quantiles & { max: number }> {
    const { readyMs, oneMore, tell } = this.options;
    const first = this.services.size;
    for (let i = 1; i <= oneMore; i++) {
      tell(`one more: ${i} of ${oneMore}`);
      await this.services.create(1);
      await this.services.allHealthy(readyMs);
    }
    const spent = this.services.creationToReady(first);
    return { p50: at(spent, 0.5), p99: at(spent, 0.99), max: at(spent, 1) };
  }

  private async quietest<T extends Effort>(part: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      const found = await part();
      if (found.writes === 0 || tries >= this.options.tries) return found;
    }
  }

  private async restart(): Promise<Effort & { toSteadySeconds: number }> {
    const { readyMs, tell, signal } = this.options;
    await this.atRest();
    tell('restarting the operator');
    const startedAt = performance.now();
    await this.operator.restart(readyMs);
    const { snapshot, lastChangeAt } = await this.operator.settled({ quietMs: QUIET_MS, timeoutMs: readyMs, signal });
    // The new processes count from nothing.
    return { ...effort(new Snapshot([]), snapshot, lastChangeAt - startedAt), toSteadySeconds: (lastChangeAt - startedAt) / 1000 };
  }

  private async idle(): Promise<Effort> {
    const { idleMs, tell, signal } = this.options;
    const [before, startedAt] = [await this.atRest(), performance.now()];
    while (performance.now() - startedAt < idleMs) {
      signal?.throwIfAborted();
      tell(`idle for ${Math.round((performance.now() - startedAt) / 1000)} of ${idleMs / 1000} s`);
      await setTimeout(Math.min(1_000, idleMs));
    }
    return effort(before, await this.operator.look(), performance.now() - startedAt);
  }
}
