// Starts the load process inside the cluster's network and hands on its records. Must not know operations.
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LoadOptions, Sent } from './protocol.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

export class Load {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown>;
  #stderr = '';

  private constructor(child: ChildProcessWithoutNullStreams, onSent: (sent: Sent) => void) {
    this.#child = child;
    this.#ended = once(child, 'close');
    child.stdin.on('error', () => undefined);
    child.stderr.on('data', (chunk: Buffer) => (this.#stderr = `${this.#stderr}${chunk.toString()}`.slice(-2000)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('[')) for (const sent of JSON.parse(line) as Sent[]) onSent(sent);
    });
  }

  /** `prefix` is the command that enters the cluster's network. Sends from now on. */
  static start(prefix: readonly string[], options: LoadOptions, onSent: (sent: Sent) => void): Load {
    const [command = process.execPath, ...args] = [...prefix, process.execPath, MAIN, JSON.stringify(options)];
    return new Load(spawn(command, args, { stdio: 'pipe' }), onSent);
  }

  /** Sends no more, and resolves when every request has ended and its record was handed on. Throws if the process failed. */
  async stop(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
    if (this.#child.exitCode !== 0) throw new Error(`the load process ended with ${this.#child.exitCode ?? this.#child.signalCode}: ${this.#stderr}`);
  }

  /** For cleaning up. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
