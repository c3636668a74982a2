// Owns how the CPUs of the container are shared out among what computes: TensorFlow's pool, which all its models in threads use and which
// keeps the size it was made with, and the models whose threads are their own (ONNX sessions, child processes). Threads x workers never
// exceed the CPUs, as far as every worker needs one (ADR 0015 says what that leaves). Must not know how models are loaded.

/** Models that are going to be loaded beside each other: `pooled` by TensorFlow's pool, `own` with threads of their own. */
export interface Plan {
  readonly pooled: number;
  readonly own: number;
}

/** Makes the workers of a model anew with so many threads. Resolves when none with another number is left, or could be replaced. */
export type Resize = (threads: number) => Promise<void>;

export interface ThreadShare {
  /** Threads of one worker, now. */
  readonly threads: number;
  /** From now on the model is told when that changes, and at once if it did meanwhile. */
  follow(resize: Resize): Promise<void>;
  /** Gives the share back. */
  release(): void;
}

export interface ThreadBudgetOptions {
  cpus: number;
  /** Tells TensorFlow, which is not loaded yet, how many threads its pool gets. @returns how many it has, if that was settled elsewhere. */
  openPool?: (threads: number) => number;
}

/** Parts are made larger again when nothing came or went for so long: whoever is loaded in turns with others would be made anew each time. */
export const SETTLE_MS = 5000;

const NOTHING: Plan = { pooled: 0, own: 0 };

/** TensorFlow's part of the CPUs beside models with threads of their own, one thread at least for either. */
export function poolThreads(cpus: number, { pooled, own }: Plan): number {
  if (own === 0) return cpus;
  return Math.max(1, Math.min(cpus - 1, Math.floor((cpus * pooled) / (pooled + own))));
}

/** Threads of each worker where there is room for so many models of as many workers. */
export const ownThreads = (cpus: number, models: number, workers: number): number => Math.max(1, Math.floor(cpus / (models * workers)));

/** A part of the CPUs. Two versions of a model hold one together while the later takes over. */
type Part = symbol;

class Share implements ThreadShare {
  threads = 0;
  resize: Resize | undefined;
  readonly workers: number;
  readonly part: Part;
  readonly #released: (share: Share) => void;

  constructor(workers: number, part: Part, released: (share: Share) => void) {
    this.workers = workers;
    this.part = part;
    this.#released = released;
  }

  async follow(resize: Resize): Promise<void> {
    this.resize = resize;
    await resize(this.threads);
  }

  release(): void {
    this.#released(this);
  }
}

export class ThreadBudget {
  readonly #options: ThreadBudgetOptions;
  readonly #shares = new Set<Share>();
  #plan = NOTHING;
  /** Models that there is room for: doubled when it is short, so that few loads change the parts of all others. */
  #room = 1;
  /** Threads of TensorFlow's pool, once it is made. */
  #pool: number | undefined;
  /** Changes come one after another. */
  #last: Promise<unknown> = Promise.resolve();
  #settling: NodeJS.Timeout | undefined;

  constructor(options: ThreadBudgetOptions) {
    this.#options = options;
  }

  /** Parts are made for these from the start. Call the function returned when they are loaded, or have failed. */
  plan(plan: Plan): () => void {
    this.#plan = plan;
    this.#room = Math.max(1, plan.own);
    return () => {
      this.#plan = NOTHING;
      this.#settle();
    };
  }

  /** CPUs of TensorFlow's pool, and of all that has threads of its own. */
  get parts(): { pool: number; own: number } {
    const { cpus } = this.#options;
    const own = Math.max(this.#plan.own, this.#models);
    const pool = this.#pool ?? poolThreads(cpus, { pooled: Math.max(1, this.#plan.pooled), own });
    const taken = this.#pool === undefined && this.#plan.pooled === 0 ? 0 : pool;
    return { pool, own: Math.max(1, cpus - taken) };
  }

  /** Settles the size of TensorFlow's pool, after others have made room for it. To be called before TensorFlow is loaded. */
  async openPool(): Promise<void> {
    if (this.#pool !== undefined) return;
    await this.#turn(async () => {
      if (this.#pool !== undefined) return;
      const { pool } = this.parts;
      this.#pool = pool;
      await this.#fit();
      this.#pool = this.#options.openPool?.(pool) ?? pool;
    });
  }

  /**
   * A share for a model with so many workers, after others have made room for it. `replaces`: that of the version that it takes over from,
   * which computes little beside it: the later one's warm-up first, then the earlier one's last calls.
   */
  async take(workers: number, replaces?: ThreadShare): Promise<ThreadShare> {
    const part = replaces instanceof Share && this.#shares.has(replaces) ? replaces.part : Symbol('part');
    const share = new Share(workers, part, (released) => { this.#release(released); });
    this.#shares.add(share);
    clearTimeout(this.#settling);
    await this.#turn(async () => {
      while (this.#room < this.#models) this.#room *= 2;
      await this.#fit();
      share.threads = this.#threadsOf(share);
    });
    return share;
  }

  get #models(): number {
    return new Set([...this.#shares].map(({ part }) => part)).size;
  }

  #threadsOf({ workers }: Share): number {
    return ownThreads(this.parts.own, this.#room, workers);
  }

  /** Makes those smaller that have too much; those that have too little larger, if told to. */
  async #fit(larger = false): Promise<void> {
    for (const share of this.#shares) {
      const threads = this.#threadsOf(share);
      if (threads === share.threads || (threads > share.threads && !larger)) continue;
      share.threads = threads;
      await share.resize?.(threads);
    }
  }

  #release(share: Share): void {
    if (!this.#shares.delete(share)) return;
    this.#settle();
  }

  #settle(): void {
    clearTimeout(this.#settling);
    if (this.#plan !== NOTHING) return;
    this.#settling = setTimeout(() => {
      void this.#turn(async () => {
        let room = 1;
        while (room < this.#models) room *= 2;
        this.#room = Math.min(this.#room, room);
        await this.#fit(true);
      });
    }, SETTLE_MS).unref();
  }

  #turn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
