// Owns one worker thread from the main side: it shares the server's process, so its memory moves without a copy, and a native abort
// in it would end the server. Knows nothing of models.
import { Worker } from 'node:worker_threads';
import type { WorkerReply, WorkerRequest, WorkerSettings } from './backend.ts';
import { RemoteWorker } from './remote-worker.ts';

export interface ThreadOptions extends WorkerSettings {
  /** Limit of the JavaScript heap of the worker, MiB. */
  maxHeapMb: number;
}

/** A worker makes a few short-lived objects per run; V8's own default would let each hoard three times as much. */
export const YOUNG_MB = 16;

export class WorkerThread extends RemoteWorker {
  readonly #worker: Worker;

  constructor(options: ThreadOptions) {
    super();
    const preload = new URL('../preload.ts', import.meta.url);
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      execArgv: ['--import', preload.href],
      workerData: { allowSlowBackend: options.allowSlowBackend } satisfies WorkerSettings,
      resourceLimits: { maxOldGenerationSizeMb: options.maxHeapMb, maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#worker.on('message', (reply: WorkerReply) => {
      this.settle(reply);
    });
    this.#worker.on('error', (error) => {
      this.end(error instanceof Error ? error.message : String(error));
    });
    this.#worker.on('exit', (code) => {
      this.end(`it exited with code ${String(code)}`);
    });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  outsideBytes(): number {
    return 0;
  }

  protected post(request: WorkerRequest, transfer: readonly ArrayBuffer[]): void {
    this.#worker.postMessage(request, transfer as ArrayBuffer[]);
  }
}
