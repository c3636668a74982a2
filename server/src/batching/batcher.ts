// Owns the queue of one model: bounded, in order of arrival, with deadlines and callers that hang up. The timer shell of policy.ts.
// Must not know requests or protocols: tensors in, tensors out.
import { InferenceError } from '../inference/errors.ts';
import { bytesOf, concatRows, rowsOf, sliceRows, type Tensor } from '../inference/tensor.ts';
import { decide, paddingFor, type BatchLimits, type Waiting } from './policy.ts';

export interface BatchRunner {
  readonly free: number;
  run(parts: readonly (readonly Tensor[])[], transfer: readonly ArrayBuffer[]): Promise<{ outputs: Tensor[]; computeMs: number }>;
}

/** A batch that ran. */
export interface RanBatch {
  /** Rows that callers sent. */
  rows: number;
  /** Rows added to reach an allowed size. */
  padding: number;
  /** Milliseconds that the model took. */
  computeMs: number;
}

export interface BatcherOptions extends BatchLimits {
  /** Calls that may wait; one more is refused. */
  maxQueue: number;
  /**
   * Calls back at the end of this turn of the event loop, so that calls which were read together run together; a hop to a worker costs
   * more than a call. Default: a call that finds a worker free leaves alone, at once.
   */
  atEndOfTurn?: (run: () => void) => void;
  /** Told of every batch that ran. */
  onBatch(batch: RanBatch): void;
}

export interface Submission {
  inputs: readonly Tensor[];
  /** Milliseconds on the monotonic clock. */
  deadline: number;
  /** Aborted when the caller hangs up. */
  signal?: { readonly aborted: boolean } | undefined;
  /** The caller gives the inputs' memory away and never looks at it again. */
  owned?: boolean;
  /** A later piece of a call that was let in already. */
  continued?: boolean;
}

export interface BatchResult {
  outputs: Tensor[];
  queueMs: number;
  /** Time the model itself ran. */
  computeMs: number;
  /** Time between leaving the queue and being back, less computeMs: stacking and the way to the worker. */
  batchMs: number;
}

interface Item extends Waiting, Submission {
  resolve(result: BatchResult): void;
  reject(error: Error): void;
  settled: boolean;
}

const SWEEP_MS = 50;
/** Turns of the event loop that a batch grows at most, where calls keep coming together: a turn takes microseconds, a batch of its own far more. */
const GROWING_TURNS = 4;
/** Batches up to this size are stacked here, larger ones in the worker: the event loop never copies much. */
const STACK_HERE_BYTES = 65_536;

export class Batcher {
  readonly #runner: BatchRunner;
  readonly #options: BatcherOptions;
  #queue: Item[] = [];
  readonly #running = new Set<readonly Item[]>();
  #sweep: NodeJS.Timeout | undefined;
  #wake: NodeJS.Timeout | undefined;
  /** Whether batches start at the end of this turn. */
  #due = false;
  /** Calls of the batch that started last: one alone has nobody to wait for. */
  #together = 1;

  constructor(runner: BatchRunner, options: BatcherOptions) {
    this.#runner = runner;
    this.#options = options;
  }

  /** Calls waiting for a worker. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Seconds after which a refused call may fit, from what waits now. */
  #retryAfter(): number {
    return Math.max(1, Math.ceil(this.#queue.length / 1000));
  }

  /**
   * Runs the inputs with whatever else is waiting.
   * @throws InferenceError queue_full, deadline_exceeded, client_closed_request, or what the run failed with.
   */
  submit(submission: Submission): Promise<BatchResult> {
    if (this.#due && this.#queue.length >= this.#options.maxQueue) this.pump(); // who waits for the turn to end only is in nobody's way
    if (submission.continued !== true && this.#queue.length >= this.#options.maxQueue) {
      const error = new InferenceError('queue_full', `${String(this.#queue.length)} calls wait for this model already.`, { retryAfterSeconds: this.#retryAfter() });
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      const since = performance.now();
      this.#queue.push({ ...submission, key: keyOf(submission.inputs), rows: rowsOfAll(submission.inputs), since, resolve, reject, settled: false });
      this.#sweep ??= setInterval(() => {
        this.#expire(performance.now());
      }, SWEEP_MS);
      this.#pumpSoon();
    });
  }

  #pumpSoon(): void {
    const { atEndOfTurn } = this.#options;
    if (atEndOfTurn === undefined) {
      this.pump();
      return;
    }
    if (this.#due) return;
    this.#due = true;
    this.#endTurn(atEndOfTurn, 0, 1);
  }

  /** Starts batches once a turn brought no further call. */
  #endTurn(atEndOfTurn: (run: () => void) => void, seen: number, turn: number): void {
    atEndOfTurn(() => {
      const waiting = this.#queue.length;
      if (waiting > seen && this.#together > 1 && waiting < this.#options.maxRows && turn < GROWING_TURNS && this.#runner.free > 0) {
        this.#endTurn(atEndOfTurn, waiting, turn + 1);
        return;
      }
      this.#due = false;
      this.pump();
    });
  }

  /** Starts batches while workers are free. Called on every submission and whenever a worker becomes free. */
  pump(): void {
    while (this.#runner.free > 0) {
      const decision = decide(this.#queue, performance.now(), this.#options);
      if (decision.kind === 'wait') this.#wakeAt(decision.until);
      if (decision.kind !== 'run') return;
      this.#start(decision.take);
    }
  }

  /** Refuses whatever still waits. */
  close(error: InferenceError): void {
    for (const item of this.#queue.splice(0)) settle(item, () => item.reject(error));
    clearInterval(this.#sweep);
    clearTimeout(this.#wake);
    this.#sweep = undefined;
  }

  #start(take: readonly number[]): void {
    const all = take.length === this.#queue.length;
    const chosen = new Set(all ? [] : take);
    const items = all ? this.#queue : this.#queue.filter((_, index) => chosen.has(index));
    this.#queue = all ? [] : this.#queue.filter((_, index) => !chosen.has(index));
    this.#together = items.length;
    const now = performance.now();
    const live = items.filter((item) => !dropIfGone(item, now));
    if (live.length > 0) void this.#run(live);
  }

  async #run(items: Item[]): Promise<void> {
    const started = performance.now();
    this.#running.add(items);
    try {
      const rows = items.reduce((sum, item) => sum + item.rows, 0);
      const padding = paddingFor(rows, this.#options);
      const { parts, transfer } = assemble(padding === 0 ? items : [...items, filler(items, padding)]);
      const { outputs, computeMs } = await this.#runner.run(parts, transfer);
      this.#options.onBatch({ rows, padding, computeMs });
      deliver(items, outputs, { started, computeMs, whole: items.length === 1 && padding === 0 });
    } catch (error) {
      for (const item of items) settle(item, () => item.reject(error as Error));
    } finally {
      this.#running.delete(items);
    }
  }

  #wakeAt(until: number): void {
    clearTimeout(this.#wake);
    this.#wake = setTimeout(() => {
      this.pump();
    }, Math.max(0, until - performance.now()));
  }

  #expire(now: number): void {
    this.#queue = this.#queue.filter((item) => !dropIfGone(item, now));
    for (const items of this.#running) for (const item of items) dropIfGone(item, now);
    if (this.#queue.length > 0 || this.#running.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

function settle(item: Item, how: () => void): void {
  if (item.settled) return;
  item.settled = true;
  how();
}

/** Whether nobody waits for the item any more; tells its caller so. */
function dropIfGone(item: Item, now: number): boolean {
  if (item.signal?.aborted === true) settle(item, () => item.reject(new InferenceError('client_closed_request', 'The caller hung up.')));
  else if (now >= item.deadline) settle(item, () => item.reject(new InferenceError('deadline_exceeded', 'The answer was not ready in time.')));
  return item.settled;
}

const rowsOfAll = (inputs: readonly Tensor[]): number => (inputs[0] === undefined ? 0 : rowsOf(inputs[0]));

function keyOf(inputs: readonly Tensor[]): string {
  let key = '';
  for (const { name, dtype, shape } of inputs) {
    key += `${name}:${dtype}`;
    for (let axis = 1; axis < shape.length; axis++) key += `x${String(shape[axis])}`;
    key += ';';
  }
  return key;
}

/** What a batch is made of: a call's inputs, or rows that fill it up. */
type Part = Pick<Submission, 'inputs' | 'owned'>;

/** Rows to fill a batch up with: its first one again, which the model surely takes. Their outputs are dropped. */
function filler(items: readonly Item[], rows: number): Part {
  const inputs = items[0]?.inputs ?? [];
  return { inputs: inputs.map((input) => ownCopy(concatRows(Array.from({ length: rows }, () => sliceRows(input, 0, 1))))), owned: true };
}

/** One row alone is a view on its call's memory, which moves by itself. */
const ownCopy = (tensor: Tensor): Tensor => ({ ...tensor, data: tensor.data.slice() });

/** Small batches become one part; the memory of large ones moves to the worker, where it is stacked. */
function assemble(items: readonly Part[]): { parts: (readonly Tensor[])[]; transfer: ArrayBuffer[] } {
  const bytes = items.reduce((sum, item) => sum + item.inputs.reduce((total, input) => total + bytesOf(input), 0), 0);
  if (items.length === 1 || bytes > STACK_HERE_BYTES) return movable(items);
  const parts = items.map((item) => item.inputs);
  const names = parts[0] ?? [];
  return { parts: [names.map((_, index) => concatRows(parts.map((part) => part[index] as Tensor)))], transfer: [] };
}

/** A view on part of some memory is copied first: sending it as it is would copy all of that memory. What is given away and large moves. */
function movable(items: readonly Part[]): { parts: Tensor[][]; transfer: ArrayBuffer[] } {
  const transfer = new Set<ArrayBuffer>();
  const parts = items.map((item) =>
    item.inputs.map((input) => {
      const { data } = input;
      if (Array.isArray(data)) return input;
      const moves = item.owned === true && data.byteLength > STACK_HERE_BYTES; // smaller ones may share their memory with other calls
      const whole = data.byteLength === data.buffer.byteLength;
      const own = whole || moves ? data : (data.slice() as typeof data);
      if (!whole || moves) transfer.add(own.buffer as ArrayBuffer);
      return { ...input, data: own };
    }),
  );
  return { parts, transfer: [...transfer] };
}

function deliver(items: readonly Item[], outputs: readonly Tensor[], run: { started: number; computeMs: number; whole: boolean }): void {
  const batchMs = Math.max(0, performance.now() - run.started - run.computeMs);
  let from = 0;
  for (const item of items) {
    const to = from + item.rows;
    const own = run.whole ? [...outputs] : outputs.map((output) => sliceRows(output, from, to));
    settle(item, () => item.resolve({ outputs: own, queueMs: run.started - item.since, computeMs: run.computeMs, batchMs }));
    from = to;
  }
}
