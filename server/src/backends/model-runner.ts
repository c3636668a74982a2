// Owns a model's seats in workers, threads or processes: loads it in each, gives each one run at a time, brings a lost one back with
// back-off. Must not know requests, nor which other models sit there; tensors go in and come out.
import type { Isolation } from '@slipway/api';
import type { Tensor } from '../inference/tensor.ts';
import { InferenceError } from '../inference/errors.ts';
import { cameUp, lost, NEVER_UP, type BackOff } from './back-off.ts';
import { LoadError, runtimeOf, type ImageJob, type LoadedInfo, type LoadRequest, type RuntimeKind, type WorkerCalls, type WorkerOp } from './backend.ts';
import type { RemoteWorker } from './remote-worker.ts';
import { Displaced, type Fault, type Seat } from './seats.ts';
import type { ThreadShare } from './thread-budget.ts';
import type { WorkerPool, WorkerWish } from './worker-pool.ts';

export type RunResult = WorkerCalls['run']['value'];

export interface RunnerEvents {
  /** A worker can take a run. */
  free(): void;
  /** A worker was lost; it comes back after `delayMs`. */
  lost(why: string, delayMs: number): void;
  /** Another model ended a worker or keeps it: this one is loaded into another at once. */
  moved(): void;
  /** The model shares its workers no more. */
  alone(why: string): void;
}

interface Slot {
  seat: Seat | undefined;
  busy: boolean;
  backOff: BackOff;
  timer: NodeJS.Timeout | undefined;
  /** Threads inside an operation that the seat was made with. */
  threads: number;
  /** Settles when a seat elsewhere was tried, while this one serves. */
  replacing: Promise<void> | undefined;
  /** Settles when a seat elsewhere was tried. */
  moving: Promise<void> | undefined;
}

/** How a model wants to be run. */
export interface RunnerOptions {
  workers: number;
  /** Where each worker runs. */
  isolation: Isolation;
  /** Whether it shares a worker with no other model, as a process never does. */
  own?: boolean;
  /** The version that it takes over from. */
  replaces?: ModelRunner | undefined;
}

interface Opened {
  seats: Seat[];
  info: LoadedInfo;
  /** Absent where the threads are TensorFlow's pool. */
  share: ThreadShare | undefined;
  wish: Omit<WorkerWish, 'besides'>;
}

export class ModelRunner {
  readonly info: LoadedInfo;
  readonly #pool: WorkerPool;
  readonly #request: LoadRequest;
  readonly #share: ThreadShare | undefined;
  readonly #wish: Opened['wish'];
  readonly #slots: Slot[] = [];
  #events: RunnerEvents = { free: () => undefined, lost: () => undefined, moved: () => undefined, alone: () => undefined };
  #closed = false;

  private constructor(pool: WorkerPool, request: LoadRequest, { seats, info, share, wish }: Opened) {
    this.#pool = pool;
    this.#request = request;
    this.info = info;
    this.#share = share;
    this.#wish = wish;
    for (const seat of seats) {
      const slot: Slot = { seat: undefined, busy: false, backOff: NEVER_UP, timer: undefined, threads: wish.threads, replacing: undefined, moving: undefined };
      this.#slots.push(slot);
      this.#occupy(slot, seat, wish.threads);
    }
  }

  /** Loads the model into so many workers. @throws LoadError */
  static async open(pool: WorkerPool, request: LoadRequest, { workers: count, isolation, own = isolation === 'process', replaces }: RunnerOptions): Promise<ModelRunner> {
    const kind = runtimeOf(request.format);
    const share = hasOwnThreads(kind, isolation) ? await pool.budget.take(count, replaces === undefined ? undefined : replaces.#share) : undefined;
    const wish = { kind, isolation, own, threads: share?.threads ?? 1 };
    return ModelRunner.#load(pool, request, { count, share, wish });
  }

  static async #load(pool: WorkerPool, request: LoadRequest, { count, share, wish }: Pick<Opened, 'share' | 'wish'> & { count: number }): Promise<ModelRunner> {
    const seats: Seat[] = [];
    try {
      let info: LoadedInfo | undefined;
      for (let index = 0; index < count; index++) {
        const loaded = await seated(pool, request, { ...wish, besides: seats.map(({ worker }) => worker) });
        seats.push(loaded.seat);
        info = loaded.info;
      }
      if (info === undefined) throw new RangeError('a model needs at least one worker');
      const runner = new ModelRunner(pool, request, { seats, info, share, wish });
      void share?.follow((threads) => runner.#resize(threads));
      return runner;
    } catch (error) {
      share?.release();
      await Promise.all(seats.map((seat) => seat.leave()));
      throw lostInLoad(error, pool, request);
    }
  }

  listen(events: RunnerEvents): void {
    this.#events = events;
  }

  get isolation(): Isolation {
    return this.#wish.isolation;
  }

  /** Workers that could take a run now. */
  get free(): number {
    return this.#slots.filter((slot) => slot.seat !== undefined && !slot.busy).length;
  }

  /** Workers that hold the model. */
  get alive(): number {
    return this.#slots.filter((slot) => slot.seat !== undefined).length;
  }

  get workers(): number {
    return this.#slots.length;
  }

  /** Threads inside an operation of one worker; undefined where they are TensorFlow's pool. */
  get threads(): number | undefined {
    return this.#share === undefined ? undefined : Math.max(...this.#slots.map(({ threads }) => threads));
  }

  /** Those that hold the model, for their statistics. */
  held(): RemoteWorker[] {
    return this.#slots.flatMap((slot) => slot.seat?.worker ?? []);
  }

  /**
   * Runs several calls' inputs as one batch. The numbers' memory moves to the worker: the caller's tensors are empty afterwards
   * when `transfer` lists it. `signature`: one of the model's others. @throws InferenceError worker_failed when no worker is free or the
   * worker is lost.
   */
  async run(parts: readonly (readonly Tensor[])[], transfer: readonly ArrayBuffer[] = [], signature?: string): Promise<RunResult> {
    const slot = this.#slots.find((candidate) => candidate.seat !== undefined && !candidate.busy);
    if (slot?.seat === undefined) throw new InferenceError('worker_failed', 'No worker of the model is up; it is being started again.');
    slot.busy = true;
    try {
      return await this.#call(slot, 'run', signature === undefined ? { parts } : { parts, signature }, transfer);
    } finally {
      slot.busy = false;
      if (slot.seat !== undefined) this.#events.free();
    }
  }

  /** Decodes a picture in a worker of the model, after the run under way. */
  async decode(job: ImageJob): Promise<Tensor> {
    const slot = this.#slots.find((candidate) => candidate.seat !== undefined);
    if (slot === undefined) throw new InferenceError('worker_failed', 'No worker of the model is up; it is being started again.');
    return this.#call(slot, 'decode', job);
  }

  /** What was not begun because of another model is done elsewhere, once. */
  async #call<Op extends WorkerOp>(slot: Slot, op: Op, payload: WorkerCalls[Op]['payload'], transfer: readonly ArrayBuffer[] = []): Promise<WorkerCalls[Op]['value']> {
    try {
      return await (slot.seat as Seat).call(op, payload, transfer);
    } catch (error) {
      if (!(error instanceof Displaced)) throw error;
      await slot.moving;
      if (slot.seat === undefined) throw error;
      return slot.seat.call(op, payload, transfer);
    }
  }

  /** Unloads the model and gives the workers back. Runs under way are answered first. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all(this.#slots.map((slot) => this.#vacate(slot)));
    this.#share?.release();
  }

  async #vacate(slot: Slot): Promise<void> {
    clearTimeout(slot.timer);
    const { seat } = slot;
    slot.seat = undefined;
    await seat?.leave();
  }

  #occupy(slot: Slot, seat: Seat, threads: number): void {
    slot.seat = seat;
    slot.threads = threads;
    slot.backOff = cameUp(slot.backOff, performance.now());
    seat.events = {
      ended: (why, fault) => { if (slot.seat === seat) this.#lose(slot, why, fault); },
      worn: () => { if (slot.seat === seat) void this.#replace(slot, seat); },
      alone: (why) => { this.#keepAlone(why); },
    };
    if (seat.gone !== undefined) this.#lose(slot, seat.gone.message, 'unknown');
  }

  async #acquireLoaded(): Promise<{ seat: Seat; threads: number }> {
    const { threads } = this.#wish;
    return { ...(await seated(this.#pool, this.#request, { ...this.#wish, besides: this.held() })), threads };
  }

  /** A session and a process keep the threads that they were made with: others are made, one beside the old ones at a time. */
  async #resize(threads: number): Promise<void> {
    this.#wish.threads = threads;
    for (const slot of this.#slots) {
      await slot.replacing;
      if (slot.seat !== undefined && slot.threads !== threads) await this.#replace(slot, slot.seat);
    }
  }

  #replace(slot: Slot, old: Seat): Promise<void> {
    return (slot.replacing ??= this.#seatElsewhere(slot, old).finally(() => { slot.replacing = undefined; }));
  }

  /** Takes a seat in another worker beside the old one, which serves until then. */
  async #seatElsewhere(slot: Slot, old: Seat): Promise<void> {
    try {
      const { seat, threads } = await this.#acquireLoaded();
      if (this.#closed || slot.seat !== old) {
        await seat.leave();
        return;
      }
      this.#occupy(slot, seat, threads);
      slot.busy = false;
      this.#events.free();
      // Its run under way, if any, is answered before the unload is.
      await old.leave();
    } catch {
      // The old worker goes on; a worn one tries again with its next call.
    }
  }

  /** Another model's fault is not held against this one: it moves at once. */
  #lose(slot: Slot, why: string, fault: Fault): void {
    slot.seat = undefined;
    slot.moving = undefined;
    if (this.#closed || this.#pool.closed) return;
    if (fault === 'own') this.#keepAlone(why);
    if (fault === 'other') {
      this.#events.moved();
      slot.moving = this.#revive(slot);
      return;
    }
    const { backOff, delayMs } = lost(slot.backOff, performance.now());
    slot.backOff = backOff;
    this.#events.lost(why, delayMs);
    slot.timer = setTimeout(() => void this.#revive(slot), delayMs);
  }

  #keepAlone(why: string): void {
    if (this.#wish.own || this.#pool.loners.has(this.#request.path)) return;
    this.#pool.loners.add(this.#request.path);
    this.#events.alone(why);
  }

  async #revive(slot: Slot): Promise<void> {
    try {
      const { seat, threads } = await this.#acquireLoaded();
      if (this.#closed) {
        await seat.leave();
        return;
      }
      this.#occupy(slot, seat, threads);
      this.#events.free();
    } catch (error) {
      this.#lose(slot, (error as Error).message, 'unknown');
    }
  }
}

/** Whether what computes the model has threads of its own. */
export const hasOwnThreads = (kind: RuntimeKind, isolation: Isolation): boolean => kind === 'onnx' || isolation === 'process';

/** Loads a model into a worker; once more elsewhere, if another model ends that one before. */
async function seated(pool: WorkerPool, request: LoadRequest, wish: WorkerWish): Promise<{ seat: Seat; info: LoadedInfo }> {
  const load = async (): Promise<{ seat: Seat; info: LoadedInfo }> => {
    const seat = await pool.acquire({ ...wish, own: wish.own || pool.loners.has(request.path) });
    try {
      return { seat, info: await seat.call('load', { ...request, threads: wish.threads }) };
    } catch (error) {
      await seat.leave();
      throw error;
    }
  };
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof Displaced)) throw error;
    return load();
  }
}

/** A worker that ends while it loads a file is that file's fault, as far as anybody can tell. */
function lostInLoad(error: unknown, pool: WorkerPool, request: LoadRequest): unknown {
  if (!(error instanceof InferenceError) || error instanceof Displaced || error.code !== 'worker_failed') return error;
  pool.loners.add(request.path);
  return new LoadError('ModelParseFailed', `${request.path}: ${error.message}`, error);
}
