// Owns the worker thread in which protocols parse and print large bodies, so that the event loop never does. It is started when the
// first body comes; one that ends fails only the bodies it held. What a body will take in memory is weighed there, and set aside here
// before it is read. Must not know what a body means.
import { Worker } from 'node:worker_threads';
import { InferenceError } from '../../inference/errors.ts';
import type { MemoryBudget } from '../../pipeline/memory-budget.ts';
import { maxCostOf } from './cost.ts';
import { errorOf, type Refused } from './job.ts';

/** One piece of work: a name of the table in body-worker.ts, and plain data. */
export interface BodyRequest {
  id: number;
  job: string;
  value: unknown;
}
/** Whether there is memory for a body that was weighed. */
export interface Verdict {
  id: number;
  admitted: boolean;
}
/** What a job came to; before that, for one that takes memory, how much. */
export type BodyReply = { id: number; cost: number } | { id: number; ok: true; value: unknown } | { id: number; ok: false; error: Refused };

export interface BodyWorkerData {
  /** Bytes of memory that one parsed body may take. */
  maxCost: number;
}

export interface BodyThreadOptions {
  maxHeapMb: number;
  memory: Pick<MemoryBudget, 'admit'>;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  /** Gives back the memory that was set aside. */
  release?: () => void;
}

export class BodyThread {
  readonly #options: BodyThreadOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #nextId = 0;

  constructor(options: BodyThreadOptions) {
    this.#options = options;
  }

  /**
   * Does a job of body-worker.ts.
   * @throws InferenceError, GrpcError what the job failed with; worker_failed; memory_exhausted, exceeds_memory_budget before it is begun
   */
  ask(job: string, value: unknown, transfer: ArrayBuffer[] = []): Promise<unknown> {
    const id = this.#nextId++;
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, job, value } satisfies BodyRequest, transfer);
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const { maxHeapMb } = this.#options;
    const workerData: BodyWorkerData = { maxCost: maxCostOf(maxHeapMb) };
    const worker = new Worker(new URL('./body-worker.ts', import.meta.url), { workerData, resourceLimits: { maxOldGenerationSizeMb: maxHeapMb } });
    worker.unref();
    worker.on('message', (reply: BodyReply) => {
      if ('cost' in reply) worker.postMessage({ id: reply.id, admitted: this.#admitted(reply) } satisfies Verdict);
      else this.#settle(reply);
    });
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      this.#worker = undefined;
      const error = new InferenceError('worker_failed', 'The worker that parses bodies ended; it is started again.');
      for (const id of this.#waiting.keys()) this.#taken(id)?.reject(error);
    });
    return worker;
  }

  #settle(reply: Exclude<BodyReply, { cost: number }>): void {
    const waiting = this.#taken(reply.id);
    if (reply.ok) waiting?.resolve(reply.value);
    else waiting?.reject(errorOf(reply.error));
  }

  /** Sets memory aside for a body, or refuses it. */
  #admitted({ id, cost }: { id: number; cost: number }): boolean {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return false;
    try {
      waiting.release = this.#options.memory.admit(cost);
      return true;
    } catch (error) {
      this.#taken(id)?.reject(error);
      return false;
    }
  }

  /** A job that is over. */
  #taken(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.release?.();
    return waiting;
  }
}
