// Owns the worker threads of one model: loads it in each, gives each one run at a time, brings a lost thread back with back-off.
// Must not know requests; tensors go in and come out.
import type { Tensor } from '../inference/tensor.ts';
import { InferenceError } from '../inference/errors.ts';
import { runtimeOf, type ImageJob, type LoadedInfo, type LoadRequest, type WorkerCalls } from './backend.ts';
import type { WorkerPool } from './worker-pool.ts';
import type { WorkerThread } from './worker-thread.ts';

export type RunResult = WorkerCalls['run']['value'];

export interface RunnerEvents {
  /** A thread can take a run. */
  free(): void;
  /** A thread was lost; it comes back after `delayMs`. */
  lost(why: string, delayMs: number): void;
}

const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 30_000;
/** A thread that lived this long was well: the next loss starts from the first delay again. */
const STEADY_MS = 60_000;

interface Slot {
  thread: WorkerThread | undefined;
  busy: boolean;
  losses: number;
  since: number;
  timer: NodeJS.Timeout | undefined;
  replacing: boolean;
}

export class ModelRunner {
  readonly info: LoadedInfo;
  readonly #pool: WorkerPool;
  readonly #request: LoadRequest;
  readonly #slots: Slot[] = [];
  #events: RunnerEvents = { free: () => undefined, lost: () => undefined };
  #closed = false;

  private constructor(pool: WorkerPool, request: LoadRequest, loaded: { threads: WorkerThread[]; info: LoadedInfo }) {
    this.#pool = pool;
    this.#request = request;
    this.info = loaded.info;
    for (const thread of loaded.threads) {
      const slot: Slot = { thread: undefined, busy: false, losses: 0, since: performance.now(), timer: undefined, replacing: false };
      this.#slots.push(slot);
      this.#occupy(slot, thread);
    }
  }

  /** Loads the model into `workers` threads. @throws LoadError */
  static async open(pool: WorkerPool, request: LoadRequest, workers: number): Promise<ModelRunner> {
    const threads: WorkerThread[] = [];
    try {
      let info: LoadedInfo | undefined;
      for (let index = 0; index < workers; index++) {
        const thread = await pool.acquire(runtimeOf(request.format));
        threads.push(thread);
        info = await thread.call('load', request);
      }
      if (info === undefined) throw new RangeError('a model needs at least one worker');
      return new ModelRunner(pool, request, { threads, info });
    } catch (error) {
      await Promise.all(threads.map((thread) => pool.release(thread)));
      throw error;
    }
  }

  listen(events: RunnerEvents): void {
    this.#events = events;
  }

  /** Threads that could take a run now. */
  get free(): number {
    return this.#slots.filter((slot) => slot.thread !== undefined && !slot.busy).length;
  }

  /** Threads that hold the model. */
  get alive(): number {
    return this.#slots.filter((slot) => slot.thread !== undefined).length;
  }

  get workers(): number {
    return this.#slots.length;
  }

  /** Threads that hold the model, for their statistics. */
  threads(): WorkerThread[] {
    return this.#slots.flatMap((slot) => slot.thread ?? []);
  }

  /**
   * Runs several calls' inputs as one batch. The numbers' memory moves to the worker: the caller's tensors are empty afterwards
   * when `transfer` lists it. @throws InferenceError worker_failed when no thread is free or the thread is lost.
   */
  async run(parts: readonly (readonly Tensor[])[], transfer: readonly ArrayBuffer[] = []): Promise<RunResult> {
    const slot = this.#slots.find((candidate) => candidate.thread !== undefined && !candidate.busy);
    if (slot?.thread === undefined) throw new InferenceError('worker_failed', 'No worker of the model is up; it is being started again.');
    slot.busy = true;
    try {
      return await slot.thread.call('run', { parts }, transfer);
    } finally {
      slot.busy = false;
      if (slot.thread?.worn === true && !slot.replacing) void this.#replace(slot, slot.thread);
      if (slot.thread !== undefined) this.#events.free();
    }
  }

  /** Decodes a picture in a worker of the model, after the run under way. */
  async decode(job: ImageJob): Promise<Tensor> {
    const [thread] = this.threads();
    if (thread === undefined) throw new InferenceError('worker_failed', 'No worker of the model is up; it is being started again.');
    return thread.call('decode', job);
  }

  /** Unloads the model and gives the threads back. Runs under way are answered first. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all(this.#slots.map((slot) => this.#vacate(slot)));
  }

  async #vacate(slot: Slot): Promise<void> {
    clearTimeout(slot.timer);
    const { thread } = slot;
    slot.thread = undefined;
    if (thread === undefined) return;
    await thread.call('unload', null).catch(() => thread.stop());
    await this.#pool.release(thread);
  }

  #occupy(slot: Slot, thread: WorkerThread): void {
    slot.thread = thread;
    slot.since = performance.now();
    thread.onEnd((why) => {
      if (slot.thread === thread) this.#lose(slot, why);
    });
  }

  /** Brings a new thread up beside the worn one, which serves until then. */
  async #replace(slot: Slot, worn: WorkerThread): Promise<void> {
    slot.replacing = true;
    try {
      const fresh = await this.#pool.acquire(runtimeOf(this.#request.format));
      await fresh.call('load', this.#request);
      if (this.#closed || slot.thread !== worn) {
        await this.#pool.release(fresh);
        return;
      }
      this.#occupy(slot, fresh);
      slot.busy = false;
      this.#events.free();
      // Its run under way, if any, is answered before the unload is.
      await worn.call('unload', null);
      await worn.stop();
    } catch {
      // The worn thread goes on; the next failed run tries again.
    } finally {
      slot.replacing = false;
    }
  }

  #lose(slot: Slot, why: string): void {
    slot.thread = undefined;
    if (this.#closed) return;
    if (performance.now() - slot.since > STEADY_MS) slot.losses = 0;
    const delayMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** slot.losses);
    slot.losses += 1;
    this.#events.lost(why, delayMs);
    slot.timer = setTimeout(() => void this.#revive(slot), delayMs);
  }

  async #revive(slot: Slot): Promise<void> {
    try {
      const thread = await this.#pool.acquire(runtimeOf(this.#request.format));
      await thread.call('load', this.#request);
      if (this.#closed) {
        await this.#pool.release(thread);
        return;
      }
      this.#occupy(slot, thread);
      this.#events.free();
    } catch (error) {
      this.#lose(slot, (error as Error).message);
    }
  }
}
