// Owns the seats of one worker: the models that it holds. Their calls take turns, one at a time, so that each waits for one call of every
// other model at most. Whose call ends the worker, or keeps the others waiting for long, sits alone from then on; the others are told to
// sit elsewhere, and their calls that wait have not left this thread yet. Must not know what calls do, nor how workers are started.
import { InferenceError } from '../inference/errors.ts';
import type { WorkerCalls, WorkerOp } from './backend.ts';
import type { RemoteWorker, Waiting } from './remote-worker.ts';

/** `own`: by a call of this model. `other`: for the sake of another model's call. `unknown`: nobody's call was under way. */
export type Fault = 'own' | 'other' | 'unknown';

export interface SeatEvents {
  /** The model sits here no more. */
  ended(why: string, fault: Fault): void;
  /** Failed runs left much behind in the worker: it should be left when there is time. */
  worn(): void;
  /** The model shall share no worker from now on. */
  alone(why: string): void;
}

/** A call that was not begun, because another model's ended the worker or keeps it: it may be made again elsewhere. */
export class Displaced extends InferenceError {
  constructor(why: string) {
    super('worker_failed', `The worker of the model is another's: ${why}.`);
  }
}

interface Job {
  readonly op: WorkerOp;
  readonly payload: WorkerCalls[WorkerOp]['payload'];
  readonly transfer: readonly ArrayBuffer[];
}

interface WaitingJob extends Job {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

const LOOK_MS = 250;
/** Looks that may find a worker at the same call while others wait. A load is the file's matter, and comes once. */
const LOOKS = { call: 8, load: 80 };

let lastModel = 0;

/** A model's place in a worker. */
export class Seat {
  /** What the worker knows the model by. */
  readonly model = ++lastModel;
  readonly jobs: WaitingJob[] = [];
  events: SeatEvents = { ended: () => undefined, worn: () => undefined, alone: () => undefined };
  /** Why it is no more. */
  gone: Displaced | undefined;
  readonly #seats: Seats;

  constructor(seats: Seats) {
    this.#seats = seats;
  }

  get worker(): RemoteWorker {
    return this.#seats.worker;
  }

  /** @throws what the worker answers; Displaced if the call was not begun */
  call<Op extends WorkerOp>(op: Op, payload: WorkerCalls[Op]['payload'], transfer: readonly ArrayBuffer[] = []): Promise<WorkerCalls[Op]['value']> {
    return this.#seats.call(this, { op, payload, transfer }) as Promise<WorkerCalls[Op]['value']>;
  }

  /** Unloads the model after its calls under way, and gives the seat back. */
  leave(): Promise<void> {
    return this.#seats.leave(this);
  }
}

export class Seats {
  readonly worker: RemoteWorker;
  /** Whether its model sits alone for good. */
  reserved = false;
  /** Whether it ends when its last model has left. */
  retired = false;
  /** In the order of their turns. */
  readonly #seats = new Map<number, Seat>();
  readonly #emptied: () => Promise<void>;
  #watch: NodeJS.Timeout | undefined;

  /** `emptied` is called when the last model has left. */
  constructor(worker: RemoteWorker, emptied: () => Promise<void>) {
    this.worker = worker;
    this.#emptied = emptied;
    worker.onFree = () => { this.#free(); };
    worker.onEnd((why, model) => { this.#end(why, model); });
  }

  get tenants(): number {
    return this.#seats.size;
  }

  sit(): Seat {
    const seat = new Seat(this);
    this.#seats.set(seat.model, seat);
    return seat;
  }

  call(seat: Seat, job: Job): Promise<unknown> {
    if (seat.gone !== undefined) return Promise.reject(seat.gone);
    if (this.#seats.size === 1 && seat.jobs.length === 0) return this.worker.call(job.op, job.payload, job.transfer, seat.model);
    return new Promise((resolve, reject) => {
      seat.jobs.push({ ...job, resolve, reject });
      this.#next();
      if (seat.jobs.length > 0) this.#watch ??= this.#lookAfter(this.worker.current, 0);
    });
  }

  async leave(seat: Seat): Promise<void> {
    if (seat.gone !== undefined) return;
    await this.call(seat, { op: 'unload', payload: null, transfer: [] }).catch(() => { this.retired = true; });
    if (!this.#seats.delete(seat.model)) return;
    seat.gone = new Displaced('the model was unloaded');
    if (this.tenants === 0) await this.#emptied();
  }

  /** The next call of the next model that has one. */
  #next(): void {
    if (this.worker.pending > 0) return;
    for (const seat of this.#seats.values()) {
      const job = seat.jobs.shift();
      if (job === undefined) continue;
      this.#seats.delete(seat.model);
      this.#seats.set(seat.model, seat);
      this.worker.call(job.op, job.payload, job.transfer, seat.model).then(job.resolve, job.reject);
      return;
    }
  }

  #free(): void {
    this.#next();
    if (!this.worker.worn) return;
    this.retired = true;
    const seats = [...this.#seats.values()];
    if (seats.length > 1) seats.find(({ model }) => model === this.worker.wornBy)?.events.alone('its failed runs leave memory behind');
    for (const seat of seats) seat.events.worn();
  }

  /** Looks again and again, as long as calls wait, whether the worker is still at the same one. Counts looks, not time: a server that was busy itself blames nobody. */
  #lookAfter(seen: Waiting | undefined, looks: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#watch = undefined;
      const { current } = this.worker;
      if (current === undefined || ![...this.#seats.values()].some(({ jobs }) => jobs.length > 0)) return;
      const same = current === seen ? looks + 1 : 0;
      if (same >= (current.op === 'load' ? LOOKS.load : LOOKS.call)) this.#keepFor(current.model);
      else this.#watch = this.#lookAfter(current, same);
    }, LOOK_MS).unref();
  }

  /** The model that keeps the worker gets it for itself. */
  #keepFor(model: number): void {
    const keeper = this.#seats.get(model);
    if (keeper === undefined || this.tenants === 1) return;
    const why = 'its worker is kept busy for long';
    this.reserved = true;
    for (const seat of [...this.#seats.values()].filter((each) => each !== keeper)) {
      this.#dismiss(seat, why, 'other');
      void this.worker.call('unload', null, [], seat.model).catch(() => { this.retired = true; });
    }
    keeper.events.alone(why);
  }

  #end(why: string, model: number): void {
    clearTimeout(this.#watch);
    const known = this.#seats.has(model);
    for (const seat of [...this.#seats.values()]) {
      const other = known ? 'other' : 'unknown';
      this.#dismiss(seat, why, seat.model === model ? 'own' : other);
    }
  }

  #dismiss(seat: Seat, why: string, fault: Fault): void {
    this.#seats.delete(seat.model);
    seat.gone = new Displaced(why);
    for (const job of seat.jobs.splice(0)) job.reject(seat.gone);
    seat.events.ended(why, fault);
  }
}
