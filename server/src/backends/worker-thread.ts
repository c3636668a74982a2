// Owns one worker thread from the main side: calls with answers, transferred memory, and its end. Knows nothing of models.
// A worker that ends (crash, heap limit, exit) fails the calls under way with worker_failed and tells its owner once.
import { Worker } from 'node:worker_threads';
import { fromRecord, InferenceError } from '../inference/errors.ts';
import { LoadError, type WorkerCalls, type WorkerFault, type WorkerOp, type WorkerReply, type WorkerRequest, type WorkerSettings } from './backend.ts';

export interface ThreadOptions extends WorkerSettings {
  /** Limit of the JavaScript heap of the worker, MiB. */
  maxHeapMb: number;
}

/** A worker makes a few short-lived objects per run; V8's own default would let each hoard three times as much. */
const YOUNG_MB = 16;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class WorkerThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #ended: string | undefined;
  #worn = false;
  readonly #onEnd: Set<(why: string) => void> = new Set();

  constructor(options: ThreadOptions) {
    const preload = new URL('../preload.ts', import.meta.url);
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      execArgv: ['--import', preload.href],
      workerData: { allowSlowBackend: options.allowSlowBackend, threads: options.threads ?? 1 } satisfies WorkerSettings,
      resourceLimits: { maxOldGenerationSizeMb: options.maxHeapMb, maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#worker.on('message', (reply: WorkerReply) => {
      this.#settle(reply);
    });
    this.#worker.on('error', (error) => {
      this.#end(error instanceof Error ? error.message : String(error));
    });
    this.#worker.on('exit', (code) => {
      this.#end(`it exited with code ${String(code)}`);
    });
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  /** Failed runs left so much behind in native code that a new worker should take over. */
  get worn(): boolean {
    return this.#worn;
  }

  /** Called once, when the worker has ended by itself or by `stop`. */
  onEnd(listener: (why: string) => void): void {
    this.#onEnd.add(listener);
  }

  /** Forgets a listener of `onEnd`. */
  offEnd(listener: (why: string) => void): void {
    this.#onEnd.delete(listener);
  }

  /** @throws LoadError, InferenceError, or Error for a bug of ours. */
  call<Op extends WorkerOp>(op: Op, payload: WorkerCalls[Op]['payload'], transfer: readonly ArrayBuffer[] = []): Promise<WorkerCalls[Op]['value']> {
    if (this.#ended !== undefined) return Promise.reject(workerFailed(this.#ended));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve, reject });
      this.#worker.postMessage({ id, op, payload } satisfies WorkerRequest, transfer as ArrayBuffer[]);
    });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(reply: WorkerReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.ok) {
      waiting?.resolve(reply.value);
      return;
    }
    this.#worn ||= reply.worn;
    waiting?.reject(errorOf(reply.error));
  }

  #end(why: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    for (const waiting of this.#waiting.values()) waiting.reject(workerFailed(why));
    this.#waiting.clear();
    for (const listener of this.#onEnd) listener(why);
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
