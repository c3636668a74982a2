// Owns the workers of one model, threads or processes: loads it in each, gives each one run at a time, brings a lost one back with back-off.
// Must not know requests; tensors go in and come out.
import type { Isolation } from '@slipway/api';
import type { Tensor } from '../inference/tensor.ts';
import { InferenceError } from '../inference/errors.ts';
import { cameUp, lost, NEVER_UP, type BackOff } from './back-off.ts';
import { LoadError, runtimeOf, type ImageJob, type LoadedInfo, type LoadRequest, type WorkerCalls } from './backend.ts';
import type { RemoteWorker } from './remote-worker.ts';
import type { ThreadShare } from './thread-budget.ts';
import type { WorkerPool } from './worker-pool.ts';

export type RunResult = WorkerCalls['run']['value'];

export interface RunnerEvents {
  /** A worker can take a run. */
  free(): void;
  /** A worker was lost; it comes back after `delayMs`. */
  lost(why: string, delayMs: number): void;
}

interface Slot {
  worker: RemoteWorker | undefined;
  busy: boolean;
  backOff: BackOff;
  timer: NodeJS.Timeout | undefined;
  replacing: boolean;
}

/** How a model wants to be run. */
export interface RunnerOptions {
  workers: number;
  /** Where each worker runs. */
  isolation: Isolation;
}

interface Opened {
  workers: RemoteWorker[];
  info: LoadedInfo;
  share: ThreadShare;
}

export class ModelRunner {
  readonly info: LoadedInfo;
  readonly isolation: Isolation;
  readonly #pool: WorkerPool;
  readonly #request: LoadRequest;
  readonly #share: ThreadShare;
  readonly #slots: Slot[] = [];
  #events: RunnerEvents = { free: () => undefined, lost: () => undefined };
  #closed = false;

  private constructor(pool: WorkerPool, request: LoadRequest, isolation: Isolation, opened: Opened) {
    this.#pool = pool;
    this.#request = request;
    this.isolation = isolation;
    this.info = opened.info;
    this.#share = opened.share;
    for (const worker of opened.workers) {
      const slot: Slot = { worker: undefined, busy: false, backOff: NEVER_UP, timer: undefined, replacing: false };
      this.#slots.push(slot);
      this.#occupy(slot, worker);
    }
  }

  /** Loads the model into so many workers. @throws LoadError */
  static async open(pool: WorkerPool, request: LoadRequest, { workers: count, isolation }: RunnerOptions): Promise<ModelRunner> {
    const workers: RemoteWorker[] = [];
    const share = pool.budget.take(count);
    try {
      let info: LoadedInfo | undefined;
      for (let index = 0; index < count; index++) {
        const worker = await pool.acquire({ kind: runtimeOf(request.format), isolation, threads: share.threads });
        workers.push(worker);
        info = await worker.call('load', { ...request, threads: share.threads });
      }
      if (info === undefined) throw new RangeError('a model needs at least one worker');
      return new ModelRunner(pool, request, isolation, { workers, info, share });
    } catch (error) {
      share.release();
      await Promise.all(workers.map((worker) => pool.release(worker)));
      throw lostInLoad(error, request);
    }
  }

  listen(events: RunnerEvents): void {
    this.#events = events;
  }

  /** Workers that could take a run now. */
  get free(): number {
    return this.#slots.filter((slot) => slot.worker !== undefined && !slot.busy).length;
  }

  /** Workers that hold the model. */
  get alive(): number {
    return this.#slots.filter((slot) => slot.worker !== undefined).length;
  }

  get workers(): number {
    return this.#slots.length;
  }

  /** Those that hold the model, for their statistics. */
  held(): RemoteWorker[] {
    return this.#slots.flatMap((slot) => slot.worker ?? []);
  }

  /**
   * Runs several calls' inputs as one batch. The numbers' memory moves to the worker: the caller's tensors are empty afterwards
   * when `transfer` lists it. @throws InferenceError worker_failed when no worker is free or the worker is lost.
   */
  async run(parts: readonly (readonly Tensor[])[], transfer: readonly ArrayBuffer[] = []): Promise<RunResult> {
    const slot = this.#slots.find((candidate) => candidate.worker !== undefined && !candidate.busy);
    if (slot?.worker === undefined) throw new InferenceError('worker_failed', 'No worker of the model is up; it is being started again.');
    slot.busy = true;
    try {
      return await slot.worker.call('run', { parts }, transfer);
    } finally {
      slot.busy = false;
      if (slot.worker?.worn === true && !slot.replacing) void this.#replace(slot, slot.worker);
      if (slot.worker !== undefined) this.#events.free();
    }
  }

  /** Decodes a picture in a worker of the model, after the run under way. */
  async decode(job: ImageJob): Promise<Tensor> {
    const [worker] = this.held();
    if (worker === undefined) throw new InferenceError('worker_failed', 'No worker of the model is up; it is being started again.');
    return worker.call('decode', job);
  }

  /** Unloads the model and gives the workers back. Runs under way are answered first. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all(this.#slots.map((slot) => this.#vacate(slot)));
    this.#share.release();
  }

  async #vacate(slot: Slot): Promise<void> {
    clearTimeout(slot.timer);
    const { worker } = slot;
    slot.worker = undefined;
    if (worker === undefined) return;
    await worker.call('unload', null).catch(() => worker.stop());
    await this.#pool.release(worker);
  }

  #occupy(slot: Slot, worker: RemoteWorker): void {
    slot.worker = worker;
    slot.backOff = cameUp(slot.backOff, performance.now());
    worker.onEnd((why) => {
      if (slot.worker === worker) this.#lose(slot, why);
    });
  }

  async #acquireLoaded(): Promise<RemoteWorker> {
    const { threads } = this.#share;
    const worker = await this.#pool.acquire({ kind: runtimeOf(this.#request.format), isolation: this.isolation, threads });
    try {
      await worker.call('load', { ...this.#request, threads });
      return worker;
    } catch (error) {
      await this.#pool.release(worker);
      throw error;
    }
  }

  /** Brings a new worker up beside the worn one, which serves until then. */
  async #replace(slot: Slot, worn: RemoteWorker): Promise<void> {
    slot.replacing = true;
    try {
      const fresh = await this.#acquireLoaded();
      if (this.#closed || slot.worker !== worn) {
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
      // The worn worker goes on; the next failed run tries again.
    } finally {
      slot.replacing = false;
    }
  }

  #lose(slot: Slot, why: string): void {
    slot.worker = undefined;
    if (this.#closed || this.#pool.closed) return;
    const { backOff, delayMs } = lost(slot.backOff, performance.now());
    slot.backOff = backOff;
    this.#events.lost(why, delayMs);
    slot.timer = setTimeout(() => void this.#revive(slot), delayMs);
  }

  async #revive(slot: Slot): Promise<void> {
    try {
      const worker = await this.#acquireLoaded();
      if (this.#closed) {
        await this.#pool.release(worker);
        return;
      }
      this.#occupy(slot, worker);
      this.#events.free();
    } catch (error) {
      this.#lose(slot, (error as Error).message);
    }
  }
}

/** A worker that ends while it loads a file is that file's fault, as far as anybody can tell. */
function lostInLoad(error: unknown, request: LoadRequest): unknown {
  if (!(error instanceof InferenceError) || error.code !== 'worker_failed') return error;
  return new LoadError('ModelParseFailed', `${request.path}: ${error.message}`, error);
}
