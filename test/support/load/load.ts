// Starts the load process inside a network namespace and speaks with it. Must not know what is being tested.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LoadCommand, LoadOptions, LoadReport } from './protocol.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

export class Load {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((line: string) => void)[] = [];
  #stderr = '';

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.#waiting.shift()?.(line));
    child.stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    child.on('exit', (code) => {
      for (const wake of this.#waiting.splice(0)) wake(JSON.stringify({ died: code, stderr: this.#stderr.slice(-2000) }));
    });
  }

  /** `prefix` is the command that enters the namespace, e.g. `['nsenter', '--net=…']`; empty for the present one. */
  static async start(prefix: readonly string[], options: LoadOptions): Promise<Load> {
    const [command, ...args] = [...prefix, process.execPath, MAIN, JSON.stringify(options)];
    const load = new Load(spawn(command ?? process.execPath, args, { stdio: 'pipe' }));
    const line = await load.#next();
    if (line !== 'ready') throw new Error(`the load process did not start: ${line}`);
    return load;
  }

  /** From now on, requests count for this phase. */
  async phase(name: string): Promise<void> {
    await this.#tell({ kind: 'phase', name });
  }

  /** Every second caller pins one of these versions, in turn. */
  async pin(...versions: string[]): Promise<void> {
    await this.#tell({ kind: 'pin', versions });
  }

  /** Resolves once the present phase has sent `count` requests. */
  async sent(count: number): Promise<void> {
    const line = await this.#tell({ kind: 'sent', count });
    if (line !== 'ok sent') throw new Error(`the load process died: ${line}`);
  }

  async stop(): Promise<LoadReport> {
    const line = await this.#tell({ kind: 'stop' });
    const answer = JSON.parse(line) as { report?: LoadReport };
    if (answer.report === undefined) throw new Error(`the load process died: ${line}`);
    return answer.report;
  }

  /** For cleaning up after a failed test. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #next(): Promise<string> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #tell(command: LoadCommand): Promise<string> {
    const line = this.#next();
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    return line;
  }
}
