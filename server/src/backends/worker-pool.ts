// Owns worker threads between models: the first one starts alone, one idle thread is kept for the next load.
// Must not know what a thread is used for.
import type { RuntimeInfo } from './backend.ts';
import { WorkerThread, type ThreadOptions } from './worker-thread.ts';

const KEEP_IDLE = 1;

export class WorkerPool {
  readonly #options: ThreadOptions;
  readonly #idle: WorkerThread[] = [];
  readonly #all = new Set<WorkerThread>();
  #first: Promise<WorkerThread> | undefined;
  #runtime: RuntimeInfo | undefined;
  #fault: string | undefined;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  /** What the workers run, once the first one has started. */
  get runtime(): RuntimeInfo | undefined {
    return this.#runtime;
  }

  /** What /health says: which runtime, and why not the native one. */
  report(): { name: string; native: boolean; detail?: string } {
    if (this.#fault !== undefined) return { name: 'none', native: false, detail: this.#fault };
    if (this.#runtime === undefined) return { name: 'not loaded yet', native: false };
    const { backend, version } = this.#runtime;
    return { name: `${backend} ${version}`, native: backend === 'tensorflow', ...(backend === 'tensorflow' ? {} : { detail: 'native TensorFlow does not load; a backend many times slower serves' }) };
  }

  /** Every thread alive, in use or idle. */
  threads(): readonly WorkerThread[] {
    return [...this.#all];
  }

  /**
   * A thread whose runtime is loaded. The first call starts one alone (see primeAttributeNames); later ones wait for it.
   * @throws LoadError NativeBackendUnavailable
   */
  async acquire(): Promise<WorkerThread> {
    const idle = this.#idle.pop();
    if (idle?.alive === true) return idle;
    if (this.#first === undefined) {
      this.#first = this.#spawn();
      return this.#first;
    }
    await this.#first.catch(() => undefined);
    return this.#spawn();
  }

  /** Takes a thread back that holds no model any more. */
  async release(thread: WorkerThread): Promise<void> {
    if (thread.alive && this.#idle.length < KEEP_IDLE) {
      this.#idle.push(thread);
      return;
    }
    await thread.stop();
  }

  async close(): Promise<void> {
    await Promise.all(this.threads().map((thread) => thread.stop()));
  }

  async #spawn(): Promise<WorkerThread> {
    const thread = new WorkerThread(this.#options);
    this.#all.add(thread);
    thread.onEnd(() => {
      this.#all.delete(thread);
    });
    try {
      this.#runtime = await thread.call('start', null);
      this.#fault = undefined;
      return thread;
    } catch (error) {
      this.#fault = (error as Error).message;
      await thread.stop();
      throw error;
    }
  }
}
