// Owns workers between models. Threads of one runtime are shared by its models once there are as many as the CPUs; the first one starts
// alone, and an empty one is kept for the next load. A process belongs to one model and ends with it. Must not know what calls do.
import type { Isolation } from '@slipway/api';
import { InferenceError } from '../inference/errors.ts';
import { present } from '../inference/optional.ts';
import type { RuntimeInfo, RuntimeKind } from './backend.ts';
import { choose, newWorkers, type Workers } from './placement.ts';
import type { RemoteWorker } from './remote-worker.ts';
import { Seats, type Seat } from './seats.ts';
import { ThreadBudget } from './thread-budget.ts';
import { WorkerProcess } from './worker-process.ts';
import { WorkerThread, type ThreadOptions } from './worker-thread.ts';

const KEEP_IDLE = 1;
/** Of the memory that models may take, workers take at most this share before models share them. */
const WORKERS_SHARE = 0.5;

export interface PoolOptions extends ThreadOptions {
  /** CPUs for threads inside operations, all models together. Default 1. */
  threads?: number;
  /** Tells TensorFlow, before it is loaded, how many threads its pool gets; @returns how many it has. */
  openPool?: (threads: number) => number;
  /** CPUs of the container. Default: `threads`. */
  cpus?: number;
  /** Threads of one runtime before its models share them. Default: its part of the CPUs. */
  shared?: number | undefined;
  /** Bytes that models and workers may take together. Default: no limit. */
  memoryBytes?: number;
  /** All that a process of a model sees of the server's environment. Default nothing. */
  environment?: Readonly<Record<string, string>>;
}

/** What a model wants of a worker. */
export interface WorkerWish {
  kind: RuntimeKind;
  isolation: Isolation;
  /** Whether it shares its workers with no other model. */
  own: boolean;
  /** Threads inside one operation, where the worker is a process. */
  threads: number;
  /** Workers that hold the model already. */
  besides: readonly RemoteWorker[];
}

/** A thread and the models in it. */
interface Place extends Seats {
  /** Resolves when its runtime is loaded. */
  started: Promise<void>;
}

/** The threads of one runtime. A thread keeps the runtime that it was started with. */
interface Shelf {
  places: Set<Place>;
  first: Promise<void> | undefined;
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
  /** Models, by their path, that ended a worker or kept it for long: they share with none. */
  readonly loners = new Set<string>();
  readonly #options: PoolOptions;
  readonly #all = new Map<RemoteWorker, RuntimeKind>();
  /** Workers started so far. */
  #started = 0;
  readonly #shelves = new Map<RuntimeKind, Shelf>();
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.budget = new ThreadBudget({ cpus: options.threads ?? 1, ...present({ openPool: options.openPool }) });
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

  /** Bytes that all workers take, without their models: measured as workers are started, else what is usual. */
  get workerBytes(): number {
    return [...this.#all].reduce((sum, [worker, kind]) => sum + this.#costOf(kind, worker instanceof WorkerProcess ? 'process' : 'thread'), 0);
  }

  /** Bytes of the workers that are started for a model that comes now. */
  startBytes(workers: number, { kind, isolation, own }: Pick<WorkerWish, 'kind' | 'isolation' | 'own'>): number {
    const started = isolation === 'process' ? workers : newWorkers(workers, this.#threadsFor({ kind, own, besides: [] }));
    return started * this.#costOf(kind, isolation);
  }

  /** Bytes of memory that workers hold outside the server's own process. */
  outsideBytes(): number {
    return this.workers().reduce((sum, worker) => sum + worker.outsideBytes(), 0);
  }

  /**
   * A seat in a worker whose runtime is loaded. The first thread of a runtime is started alone (see primeAttributeNames); later ones wait for it.
   * @throws LoadError NativeBackendUnavailable; InferenceError draining once the pool is closed
   */
  async acquire(wish: WorkerWish): Promise<Seat> {
    if (this.#closed) throw new InferenceError('draining', 'The server is shutting down.');
    const place = wish.isolation === 'process' ? this.#processFor(wish) : (choose(this.#threadsFor(wish)) ?? this.#newThread(wish.kind));
    if (wish.own) place.reserved = true;
    const seat = place.sit();
    await place.started;
    return seat;
  }

  /** Ends every worker; models that still have some do not get others. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.workers().map((worker) => worker.stop()));
  }

  #shelf(kind: RuntimeKind): Shelf {
    const known = this.#shelves.get(kind);
    if (known !== undefined) return known;
    const made: Shelf = { places: new Set(), first: undefined, info: undefined, fault: undefined, costs: { thread: 0, process: 0 } };
    this.#shelves.set(kind, made);
    return made;
  }

  #costOf(kind: RuntimeKind, isolation: Isolation): number {
    return this.#shelf(kind).costs[isolation] || USUAL_COST[kind][isolation];
  }

  #threadsFor({ kind, own, besides }: Pick<WorkerWish, 'kind' | 'own' | 'besides'>): Workers<Place> {
    const places = [...this.#shelf(kind).places].filter((place) => place.worker.alive);
    const { memoryBytes = Infinity, shared = this.#partOf(kind) } = this.#options;
    const fitting = Math.max(1, Math.floor((WORKERS_SHARE * memoryBytes) / this.#costOf(kind, 'thread')));
    return { open: places.filter((place) => !place.reserved && !place.retired && !besides.includes(place.worker)), count: places.length, most: Math.min(shared, fitting), own };
  }

  /** The CPUs of one runtime: all of them, unless there is another one too. */
  #partOf(kind: RuntimeKind): number {
    const { threads = 1, cpus = threads } = this.#options;
    const { pool, own } = this.budget.parts;
    return Math.max(1, Math.floor((cpus * (kind === 'onnx' ? own : pool)) / threads));
  }

  #newThread(kind: RuntimeKind): Place {
    const shelf = this.#shelf(kind);
    const place = this.#placeOf(new WorkerThread(this.#options), kind, (seats) => this.#emptied(seats, shelf));
    shelf.places.add(place);
    place.worker.onEnd(() => shelf.places.delete(place));
    return place;
  }

  #processFor({ kind, threads }: WorkerWish): Place {
    return this.#placeOf(new WorkerProcess({ ...this.#options, threads, environment: this.#options.environment ?? {} }), kind, (seats) => seats.worker.stop());
  }

  #placeOf(worker: RemoteWorker, kind: RuntimeKind, emptied: (seats: Seats) => Promise<void>): Place {
    const seats: Seats = new Seats(worker, () => emptied(seats));
    return Object.assign(seats, { started: this.#start(worker, kind) });
  }

  async #emptied(seats: Seats, { places }: Shelf): Promise<void> {
    const idle = [...places].filter((place) => place.tenants === 0 && !place.retired && place !== seats);
    seats.reserved = false;
    seats.retired ||= idle.length >= KEEP_IDLE;
    if (seats.retired) await seats.worker.stop();
  }

  async #start(worker: RemoteWorker, kind: RuntimeKind): Promise<void> {
    this.#all.set(worker, kind);
    worker.onEnd(() => this.#all.delete(worker));
    const shelf = this.#shelf(kind);
    try {
      if (worker instanceof WorkerProcess) await this.#load(worker, kind, shelf);
      else if (shelf.first === undefined) await (shelf.first = this.#load(worker, kind, shelf));
      else await shelf.first.catch(() => undefined).then(() => this.#load(worker, kind, shelf));
    } catch (error) {
      await worker.stop();
      throw error;
    }
  }

  async #load(worker: RemoteWorker, kind: RuntimeKind, shelf: Shelf): Promise<void> {
    const before = process.memoryUsage.rss();
    const started = ++this.#started;
    const first = shelf.info === undefined;
    try {
      if (kind === 'tensorflow' && !(worker instanceof WorkerProcess)) await this.budget.openPool();
      shelf.info = await worker.call('start', kind);
      shelf.fault = undefined;
      // The first one brings the library along; what grew while others were started is not one worker's.
      if (started === this.#started) shelf.costs = measured(shelf.costs, kind, { thread: first ? 0 : process.memoryUsage.rss() - before, process: worker.outsideBytes() });
    } catch (error) {
      shelf.fault = (error as Error).message;
      throw error;
    }
  }
}

const isSlow = ({ backend }: RuntimeInfo): boolean => backend === 'tfjs-cpu';
