// Owns workers between models. Of threads, the first one of each runtime starts alone, and one idle thread is kept for the next load;
// a process belongs to one model and ends with it. Must not know what a worker is used for.
import type { Isolation } from '@slipway/api';
import { InferenceError } from '../inference/errors.ts';
import type { RuntimeInfo, RuntimeKind } from './backend.ts';
import type { RemoteWorker } from './remote-worker.ts';
import { ThreadBudget } from './thread-budget.ts';
import { WorkerProcess } from './worker-process.ts';
import { WorkerThread, type ThreadOptions } from './worker-thread.ts';

const KEEP_IDLE = 1;

export interface PoolOptions extends ThreadOptions {
  /** CPUs for threads inside operations, all models together. Default 1. */
  threads?: number;
  /** All that a process of a model sees of the server's environment. Default nothing. */
  environment?: Readonly<Record<string, string>>;
}

/** What a model wants of a worker. */
export interface WorkerWish {
  kind: RuntimeKind;
  isolation: Isolation;
  /** Threads inside one operation, where the worker is a process. */
  threads: number;
}

/** The threads of one runtime. A thread keeps the runtime that it was started with. */
interface Shelf {
  idle: WorkerThread[];
  first: Promise<RemoteWorker> | undefined;
  info: RuntimeInfo | undefined;
  fault: string | undefined;
  /** Most bytes that memory grew by when one more worker was started; 0 = not measured yet. */
  costs: Costs;
}

type Costs = Readonly<Record<Isolation, number>>;

const MIB = 1024 * 1024;

/** What one more worker costs until that is measured: the runtime's JavaScript heap and what is beside it. */
const USUAL_COST: Record<RuntimeKind, Costs> = { tensorflow: { thread: 52 * MIB, process: 120 * MIB }, onnx: { thread: 16 * MIB, process: 60 * MIB } };

/** The larger of what was and is measured; what is far beyond the usual is somebody else's. */
function measured(known: Costs, kind: RuntimeKind, now: Costs): Costs {
  const pick = (isolation: Isolation): number => Math.max(known[isolation], Math.min(now[isolation], 2 * USUAL_COST[kind][isolation]));
  return { thread: now.process > 0 ? known.thread : pick('thread'), process: pick('process') };
}

export interface PoolReport {
  name: string;
  native: boolean;
  detail?: string;
}

export class WorkerPool {
  /** How many threads a model may have. */
  readonly budget: ThreadBudget;
  readonly #options: PoolOptions;
  readonly #all = new Map<RemoteWorker, RuntimeKind>();
  /** Workers started so far. */
  #started = 0;
  readonly #shelves = new Map<RuntimeKind, Shelf>();
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.budget = new ThreadBudget(options.threads ?? 1);
  }

  /** Whether no worker is started any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** What /health says: which runtimes, and why not a native one. */
  report(): PoolReport {
    const shelves = [...this.#shelves.values()];
    const fault = shelves.find((shelf) => shelf.fault !== undefined)?.fault;
    const loaded = shelves.flatMap((shelf) => shelf.info ?? []);
    if (loaded.length === 0) return fault === undefined ? { name: 'not loaded yet', native: false } : { name: 'none', native: false, detail: fault };
    const name = loaded.map(({ backend, version }) => `${backend} ${version}`).join(', ');
    const detail = fault ?? (loaded.some(isSlow) ? 'native TensorFlow does not load; a backend many times slower serves' : undefined);
    return detail === undefined ? { name, native: true } : { name, native: false, detail };
  }

  /** Every worker alive, in use or idle. */
  workers(): readonly RemoteWorker[] {
    return [...this.#all.keys()];
  }

  /** Bytes that one more worker takes, without a model: measured as workers are started, else what is usual. */
  costOf(kind: RuntimeKind, isolation: Isolation): number {
    return this.#shelf(kind).costs[isolation] || USUAL_COST[kind][isolation];
  }

  /** Bytes of memory that workers hold outside the server's own process. */
  outsideBytes(): number {
    return this.workers().reduce((sum, worker) => sum + worker.outsideBytes(), 0);
  }

  /**
   * A worker whose runtime is loaded. The first thread of a runtime is started alone (see primeAttributeNames); later ones wait for it.
   * @throws LoadError NativeBackendUnavailable; InferenceError draining once the pool is closed
   */
  async acquire(wish: WorkerWish): Promise<RemoteWorker> {
    if (this.#closed) throw new InferenceError('draining', 'The server is shutting down.');
    const shelf = this.#shelf(wish.kind);
    if (wish.isolation === 'process') return this.#start(this.#process(wish.threads), wish.kind, shelf);
    const idle = shelf.idle.pop();
    if (idle?.alive === true) return idle;
    if (shelf.first === undefined) {
      shelf.first = this.#start(new WorkerThread(this.#options), wish.kind, shelf);
      return shelf.first;
    }
    await shelf.first.catch(() => undefined);
    if (this.#closed) throw new InferenceError('draining', 'The server is shutting down.');
    return this.#start(new WorkerThread(this.#options), wish.kind, shelf);
  }

  /** Takes a worker back that holds no model any more. */
  async release(worker: RemoteWorker): Promise<void> {
    const kind = this.#all.get(worker);
    const idle = kind === undefined ? undefined : this.#shelf(kind).idle;
    if (worker instanceof WorkerThread && idle !== undefined && worker.alive && idle.length < KEEP_IDLE) {
      idle.push(worker);
      return;
    }
    await worker.stop();
  }

  /** Ends every worker; models that still have some do not get others. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.workers().map((worker) => worker.stop()));
  }

  #shelf(kind: RuntimeKind): Shelf {
    const known = this.#shelves.get(kind);
    if (known !== undefined) return known;
    const made: Shelf = { idle: [], first: undefined, info: undefined, fault: undefined, costs: { thread: 0, process: 0 } };
    this.#shelves.set(kind, made);
    return made;
  }

  #process(threads: number): WorkerProcess {
    return new WorkerProcess({ ...this.#options, threads, environment: this.#options.environment ?? {} });
  }

  async #start(worker: RemoteWorker, kind: RuntimeKind, shelf: Shelf): Promise<RemoteWorker> {
    const before = process.memoryUsage.rss();
    const started = ++this.#started;
    const first = shelf.info === undefined;
    this.#all.set(worker, kind);
    worker.onEnd(() => {
      this.#all.delete(worker);
    });
    try {
      shelf.info = await worker.call('start', kind);
      shelf.fault = undefined;
      // The first one brings the library along; what grew while others were started is not one worker's.
      if (started === this.#started) shelf.costs = measured(shelf.costs, kind, { thread: first ? 0 : process.memoryUsage.rss() - before, process: worker.outsideBytes() });
      return worker;
    } catch (error) {
      shelf.fault = (error as Error).message;
      await worker.stop();
      throw error;
    }
  }
}

const isSlow = ({ backend }: RuntimeInfo): boolean => backend === 'tfjs-cpu';
