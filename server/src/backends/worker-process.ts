// Owns one worker in a child process from the main side: a native abort, a signal or the kernel's out-of-memory kill ends that process
// and nothing else. Numbers are copied into a pipe and out of it. Knows nothing of models.
import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { anonymousBytes } from '../host/process-memory.ts';
import type { WorkerReply, WorkerRequest, WorkerSettings } from './backend.ts';
import { FrameLink } from './frames.ts';
import { RemoteWorker } from './remote-worker.ts';
import { YOUNG_MB, type ThreadOptions } from './worker-thread.ts';

export interface ProcessOptions extends ThreadOptions {
  /** Threads inside one operation. */
  threads: number;
  /** All that the process sees of the server's environment. */
  environment: Readonly<Record<string, string>>;
}

export class WorkerProcess extends RemoteWorker {
  readonly #child: ChildProcess;
  readonly #link: FrameLink;
  readonly #gone: Promise<void>;

  constructor(options: ProcessOptions) {
    super();
    const settings = JSON.stringify({ allowSlowBackend: options.allowSlowBackend } satisfies WorkerSettings);
    // fd 3 carries the calls; fd 4 carries nothing: its end tells the child's guard that the server is gone.
    this.#child = spawn(process.execPath, [...heapLimits(options), '--import', new URL('../preload.ts', import.meta.url).href, fileURLToPath(new URL('./child.ts', import.meta.url)), settings], {
      env: { ...nativeThreads(options.threads), ...options.environment },
      stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe'],
    });
    const pipe = this.#child.stdio[3] as Duplex;
    this.#link = new FrameLink(pipe, (message) => {
      this.settle(message as WorkerReply);
    });
    // A write to a process that is gone: its end says so.
    for (const each of [pipe, this.#child.stdio[4] as Duplex]) each.on('error', () => undefined);
    this.#gone = new Promise((resolve) => {
      const ended = (why: string): void => {
        this.end(why);
        resolve();
      };
      this.#child.once('error', (error) => {
        ended(`its process cannot be started: ${error.message}`);
      });
      // `close` and not `exit`: answers that the process wrote before it ended are still read.
      this.#child.once('close', (code, signal) => {
        ended(signal === null ? `its process exited with code ${String(code)}` : `its process was ended by ${signal}`);
      });
    });
  }

  /** Undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#gone;
  }

  outsideBytes(): number {
    return this.alive && this.pid !== undefined ? anonymousBytes(this.pid) : 0;
  }

  protected post(request: WorkerRequest): void {
    this.#link.send(request);
  }
}

const heapLimits = ({ maxHeapMb }: ProcessOptions): string[] => [`--max-old-space-size=${String(maxHeapMb)}`, `--max-semi-space-size=${String(YOUNG_MB)}`];

/** TensorFlow reads these once, when it is loaded. */
const nativeThreads = (threads: number): Record<string, string> => ({ TF_NUM_INTRAOP_THREADS: String(threads), TF_NUM_INTEROP_THREADS: String(threads), TF_CPP_MIN_LOG_LEVEL: '2' });
