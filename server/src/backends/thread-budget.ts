// Owns how the CPUs of the container are shared out among models whose threads are their own (ONNX sessions, child processes): threads x
// workers of all models that are planned never exceed the CPUs, as far as every worker needs one. PURE bookkeeping.
// TensorFlow in the server's own process has one pool for all models and takes no share.
// Not held: a session's threads are fixed when it is made, so one that was made before others came keeps the larger share of that time; and
// TensorFlow's pool is beside all shares.

export interface ThreadShare {
  /** Threads of one worker. */
  readonly threads: number;
  /** Gives the share back. */
  release(): void;
}

export class ThreadBudget {
  readonly #cpus: number;
  #planned = 0;
  #models = 0;

  constructor(cpus: number) {
    this.#cpus = cpus;
  }

  /** How many models are going to be loaded beside each other; a share is made for that many from the start. */
  plan(models: number): void {
    this.#planned = models;
  }

  /** A share for a model with so many workers. */
  take(workers: number): ThreadShare {
    this.#models += 1;
    let held = true;
    return {
      threads: Math.max(1, Math.floor(this.#cpus / (Math.max(this.#planned, this.#models) * workers))),
      release: () => {
        if (held) this.#models -= 1;
        held = false;
      },
    };
  }
}
