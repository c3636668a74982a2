// Owns the main side of a worker, whatever carries it: calls with answers, and its end. Knows nothing of models, threads or processes.
// A worker that ends (crash, heap limit, signal) fails the calls under way with worker_failed and tells its owner once.
import { fromRecord, InferenceError } from '../inference/errors.ts';
import { LoadError, NO_MODEL, type WorkerCalls, type WorkerFault, type WorkerOp, type WorkerReply, type WorkerRequest } from './backend.ts';

/** A call under way. */
export interface Waiting {
  readonly op: WorkerOp;
  readonly model: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

type OnEnd = (why: string, model: number) => void;

export abstract class RemoteWorker {
  readonly #waiting = new Map<number, Waiting>();
  readonly #onEnd = new Set<OnEnd>();
  /** Called when the last call under way was answered. */
  onFree: () => void = () => undefined;
  #nextId = 0;
  #ended: string | undefined;
  #wornBy: number | undefined;

  /** Ends the worker at once, whatever it is doing. Resolves when it is gone. */
  abstract stop(): Promise<void>;
  /** Bytes of memory that the worker holds outside the server's own process. */
  abstract outsideBytes(): number;
  /** Sends a request; memory in `transfer` may leave the sender. */
  protected abstract post(request: WorkerRequest, transfer: readonly ArrayBuffer[]): void;

  get alive(): boolean {
    return this.#ended === undefined;
  }

  /** Failed runs left so much behind in native code that a new worker should take over. */
  get worn(): boolean {
    return this.#wornBy !== undefined;
  }

  /** The model whose failed run was the last straw. */
  get wornBy(): number | undefined {
    return this.#wornBy;
  }

  /** Calls under way. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** The call that the worker is at: it takes them one by one, in order. */
  get current(): Waiting | undefined {
    for (const waiting of this.#waiting.values()) return waiting;
    return undefined;
  }

  /** Called once, when the worker has ended by itself or by `stop`, with the model whose call it was at, if any. */
  onEnd(listener: OnEnd): void {
    this.#onEnd.add(listener);
  }

  /** @throws LoadError, InferenceError, or Error for a bug of ours. */
  call<Op extends WorkerOp>(op: Op, payload: WorkerCalls[Op]['payload'], transfer: readonly ArrayBuffer[] = [], model: number = NO_MODEL): Promise<WorkerCalls[Op]['value']> {
    if (this.#ended !== undefined) return Promise.reject(workerFailed(this.#ended));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.post({ id, op, model, payload }, transfer);
      this.#waiting.set(id, { op, model, resolve, reject });
    });
  }

  /** Hands an answer to the call that waits for it. */
  protected settle(reply: WorkerReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.ok) waiting?.resolve(reply.value);
    else {
      if (reply.worn) this.#wornBy ??= waiting?.model;
      waiting?.reject(errorOf(reply.error));
    }
    if (this.#waiting.size === 0) this.onFree();
  }

  /** The worker is gone. */
  protected end(why: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    const model = this.current?.model ?? NO_MODEL;
    for (const waiting of this.#waiting.values()) waiting.reject(workerFailed(why));
    this.#waiting.clear();
    for (const listener of this.#onEnd) listener(why, model);
    this.#onEnd.clear();
  }
}

const workerFailed = (why: string): InferenceError => new InferenceError('worker_failed', `The worker of the model ended: ${why}.`);

function errorOf(fault: WorkerFault): Error {
  switch (fault.kind) {
    case 'load':
      return new LoadError(fault.reason, fault.message);
    case 'inference':
      return fromRecord(fault.record);
    case 'bug':
      return new Error(fault.message);
  }
}
