// Owns the thread of one package's handlers from the main side: one call at a time, each within its time, and a new thread where one was
// ended. Must not know what handlers get or give.
import { Worker } from 'node:worker_threads';
import { InferenceError } from '../inference/errors.ts';
import type { Handler, HandlerCall, HandlerReply, HandlerSettings, HandlerStart } from './handler-api.ts';

export interface ThreadLimits {
  /** Time for one call of a handler, milliseconds. */
  timeoutMs: number;
  /** JavaScript heap, MiB. */
  heapMb: number;
  /** Calls that may wait. */
  maxQueue: number;
  /** Time for the module to be imported, milliseconds. */
  startMs: number;
}

export interface Wait {
  /** Milliseconds on the monotonic clock. */
  deadline: number;
  /** `aborted` becomes true when the caller hangs up. */
  signal?: { readonly aborted: boolean } | undefined;
}

export class HandlerThread {
  readonly #settings: HandlerSettings;
  readonly #limits: ThreadLimits;
  readonly #timedOut: (handler: Handler) => void;
  #worker: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #closed = false;

  constructor(settings: HandlerSettings, limits: ThreadLimits, timedOut: (handler: Handler) => void) {
    this.#settings = settings;
    this.#limits = limits;
    this.#timedOut = timedOut;
  }

  /** Starts the thread and imports the module. @throws Error with what is wrong with it */
  async start(): Promise<readonly Handler[]> {
    const { worker, ready } = await this.#spawn();
    this.#worker = worker;
    return ready;
  }

  /** @throws InferenceError queue_full, deadline_exceeded, client_closed_request, or inference_failed where the thread ended */
  ask(call: HandlerCall, wait: Wait): Promise<HandlerReply> {
    if (this.#waiting >= this.#limits.maxQueue) return Promise.reject(new InferenceError('queue_full', `More than ${String(this.#limits.maxQueue)} calls wait for the package's handlers.`));
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#once(call, wait)).finally(() => {
      this.#waiting -= 1;
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  async #once(call: HandlerCall, { deadline, signal }: Wait): Promise<HandlerReply> {
    if (signal?.aborted === true) throw new InferenceError('client_closed_request', 'The caller hung up.');
    if (performance.now() >= deadline) throw new InferenceError('deadline_exceeded', 'The answer was not ready in time.');
    if (this.#closed) throw new InferenceError('draining', 'The model is being unloaded.');
    if (this.#worker === undefined) await this.start();
    return this.#exchange(this.#worker as Worker, call, Math.min(this.#limits.timeoutMs, deadline - performance.now()));
  }

  #exchange(worker: Worker, call: HandlerCall, limitMs: number): Promise<HandlerReply> {
    return new Promise((resolve, reject) => {
      const over = (): void => {
        clearTimeout(timer);
        silence();
      };
      const lost = (error: InferenceError): void => {
        over();
        if (this.#worker === worker) this.#worker = undefined;
        void worker.terminate().then(() => { reject(error); });
      };
      const timer = setTimeout(() => {
        this.#timedOut(call.handler);
        lost(new InferenceError('deadline_exceeded', `The ${call.handler} handler of the package did not end within ${String(Math.round(limitMs))} ms; its thread was ended.`));
      }, limitMs);
      const silence = listen(worker, {
        message: (reply) => {
          over();
          resolve(reply as HandlerReply);
        },
        ended: (why) => { lost(endedBy(call.handler, why)); },
      });
      worker.postMessage(call);
    });
  }

  #spawn(): Promise<{ worker: Worker; ready: readonly Handler[] }> {
    const worker = new Worker(new URL('./handler-worker.ts', import.meta.url), {
      workerData: this.#settings,
      env: {},
      execArgv: ['--no-addons'],
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.heapMb, maxYoungGenerationSizeMb: 8 },
    });
    // What handlers print goes nowhere: the server's output is its log.
    worker.stdout.resume();
    worker.stderr.resume();
    worker.unref();
    // Between calls nobody waits for it; the next call finds it gone.
    worker.on('error', () => undefined);
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        silence();
        void worker.terminate().then(() => { reject(new Error(why)); });
      };
      const timer = setTimeout(() => { fail(`it is not imported within ${String(this.#limits.startMs)} ms`); }, this.#limits.startMs);
      const silence = listen(worker, {
        message: (first) => {
          const start = first as HandlerStart;
          if ('failed' in start) {
            fail(start.failed);
            return;
          }
          clearTimeout(timer);
          silence();
          resolve({ worker, ready: start.ready });
        },
        ended: fail,
      });
    });
  }
}

/** Hears a thread's message or end until the function returned is called. */
function listen(worker: Worker, on: { message(value: unknown): void; ended(why: string): void }): () => void {
  const message = (value: unknown): void => { on.message(value); };
  const error = (thrown: unknown): void => { on.ended((thrown as Error).message); };
  const exit = (code: number): void => { on.ended(`it exited with code ${String(code)}`); };
  worker.on('message', message).on('error', error).on('exit', exit);
  return () => {
    worker.off('message', message).off('error', error).off('exit', exit);
  };
}

const endedBy = (handler: Handler, why: string): InferenceError => new InferenceError('inference_failed', `The ${handler} handler of the package ended its thread: ${why}.`);
