// Owns worker threads between models: of each runtime the first one starts alone, and one idle thread is kept for the next load.
// Must not know what a thread is used for.
import type { RuntimeInfo, RuntimeKind } from './backend.ts';
import { WorkerThread, type ThreadOptions } from './worker-thread.ts';

const KEEP_IDLE = 1;

/** The threads of one runtime. A thread keeps the runtime that it was started with. */
interface Shelf {
  idle: WorkerThread[];
  first: Promise<WorkerThread> | undefined;
  info: RuntimeInfo | undefined;
  fault: string | undefined;
  /** Most bytes that the process grew by when one more thread was started; 0 = not measured yet. */
  cost: number;
}

/** What one more thread costs until that is measured: the runtime's JavaScript heap and what is beside it. */
const USUAL_COST: Record<RuntimeKind, number> = { tensorflow: 52 * 1024 * 1024, onnx: 16 * 1024 * 1024 };

export interface PoolReport {
  name: string;
  native: boolean;
  detail?: string;
}

export class WorkerPool {
  readonly #options: ThreadOptions;
  readonly #all = new Map<WorkerThread, RuntimeKind>();
  /** Threads started so far. */
  #spawned = 0;
  readonly #shelves = new Map<RuntimeKind, Shelf>();

  constructor(options: ThreadOptions) {
    this.#options = options;
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

  /** Every thread alive, in use or idle. */
  threads(): readonly WorkerThread[] {
    return [...this.#all.keys()];
  }

  /** Bytes that one more thread of a runtime takes, without a model: measured as threads are started, else what is usual. */
  costOf(kind: RuntimeKind): number {
    return this.#shelf(kind).cost || USUAL_COST[kind];
  }

  /**
   * A thread whose runtime is loaded. The first call for a runtime starts one alone (see primeAttributeNames); later ones wait for it.
   * @throws LoadError NativeBackendUnavailable
   */
  async acquire(kind: RuntimeKind): Promise<WorkerThread> {
    const shelf = this.#shelf(kind);
    const idle = shelf.idle.pop();
    if (idle?.alive === true) return idle;
    if (shelf.first === undefined) {
      shelf.first = this.#spawn(kind, shelf);
      return shelf.first;
    }
    await shelf.first.catch(() => undefined);
    return this.#spawn(kind, shelf);
  }

  /** Takes a thread back that holds no model any more. */
  async release(thread: WorkerThread): Promise<void> {
    const kind = this.#all.get(thread);
    const idle = kind === undefined ? undefined : this.#shelf(kind).idle;
    if (idle !== undefined && thread.alive && idle.length < KEEP_IDLE) {
      idle.push(thread);
      return;
    }
    await thread.stop();
  }

  async close(): Promise<void> {
    await Promise.all(this.threads().map((thread) => thread.stop()));
  }

  #shelf(kind: RuntimeKind): Shelf {
    const known = this.#shelves.get(kind);
    if (known !== undefined) return known;
    const made: Shelf = { idle: [], first: undefined, info: undefined, fault: undefined, cost: 0 };
    this.#shelves.set(kind, made);
    return made;
  }

  async #spawn(kind: RuntimeKind, shelf: Shelf): Promise<WorkerThread> {
    const before = process.memoryUsage.rss();
    const spawned = ++this.#spawned;
    const first = shelf.info === undefined;
    const thread = new WorkerThread(this.#options);
    this.#all.set(thread, kind);
    thread.onEnd(() => {
      this.#all.delete(thread);
    });
    try {
      shelf.info = await thread.call('start', kind);
      shelf.fault = undefined;
      // The first one brings the library along; what grew while others were started is not one thread's.
      if (!first && spawned === this.#spawned) shelf.cost = Math.max(shelf.cost, Math.min(process.memoryUsage.rss() - before, 2 * USUAL_COST[kind]));
      return thread;
    } catch (error) {
      shelf.fault = (error as Error).message;
      await thread.stop();
      throw error;
    }
  }
}

const isSlow = ({ backend }: RuntimeInfo): boolean => backend === 'tfjs-cpu';
