// Owns the worker thread in which protocols parse and print large bodies, so that the event loop never does. It is started when the
// first body comes; one that ends fails only the bodies it held. Must not know what a body means.
import { Worker } from 'node:worker_threads';
import { fromRecord, InferenceError, type ErrorRecord } from '../../inference/errors.ts';

/** One piece of work: a name of the table in worker.ts, and plain data. */
export interface BodyRequest {
  id: number;
  job: string;
  value: unknown;
}
export type BodyReply = { id: number; ok: true; value: unknown } | { id: number; ok: false; error: ErrorRecord };

/** What a job gives back, and the memory that moves with it. */
export interface Done {
  value: unknown;
  transfer: ArrayBuffer[];
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class BodyThread {
  readonly #maxHeapMb: number;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #nextId = 0;

  constructor(maxHeapMb: number) {
    this.#maxHeapMb = maxHeapMb;
  }

  /**
   * Does a job of worker.ts.
   * @throws InferenceError what the job failed with, or worker_failed
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
    const worker = new Worker(new URL('./body-worker.ts', import.meta.url), { resourceLimits: { maxOldGenerationSizeMb: this.#maxHeapMb } });
    worker.unref();
    worker.on('message', (reply: BodyReply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.ok) waiting?.resolve(reply.value);
      else waiting?.reject(fromRecord(reply.error));
    });
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      this.#worker = undefined;
      const error = new InferenceError('worker_failed', 'The worker that parses bodies ended; it is started again.');
      for (const waiting of this.#waiting.values()) waiting.reject(error);
      this.#waiting.clear();
    });
    return worker;
  }
}
