// Owns a record of every route entry that was ever written in a namespace: the splits that were asked for, in order. Follows the API server
// by a watch of its own, so that nothing between two looks is missed. Must not know which splits are right.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { RouteEntry } from '@slipway/api';
import type { ClusterAccess } from './world.ts';

type Seen = Pick<RouteEntry, 'uid' | 'sequence' | 'backends'>;

export class RouteWatch {
  readonly entries: Seen[] = [];
  readonly #access: ClusterAccess;
  readonly #namespace: string;
  #child: ChildProcess | undefined;

  constructor(access: ClusterAccess, namespace: string) {
    this.#access = access;
    this.#namespace = namespace;
  }

  /** Resolves once the entries that are there have been read. */
  async start(): Promise<void> {
    const { kubectl, kubeconfig } = this.#access;
    const text = 'jsonpath={.data.route\\.json}{"\\n"}';
    const child = spawn(kubectl, ['--kubeconfig', kubeconfig, 'get', 'configmaps', '-n', this.#namespace, '-l', 'serving.slipway.dev/route=true', '--watch', '-o', text], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the watch of the routes ended with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#note(line);
        resolve();
      });
    });
  }

  stop(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  /** Shares that this model version was given, each time that they changed, in order. */
  sharesOf(modelVersion: string): number[] {
    const shares = this.entries.map(({ backends }) => backends.find((each) => each.modelVersion === modelVersion)?.weight ?? 0);
    return shares.filter((share, index) => index === 0 || share !== shares[index - 1]);
  }

  /** The highest sequence seen. */
  get sequence(): number {
    return Math.max(0, ...this.entries.map((each) => each.sequence));
  }

  /** What a person wrote that is no entry at all is not recorded: no router takes it. */
  #note(line: string): void {
    try {
      this.entries.push(JSON.parse(line) as Seen);
    } catch {
      return;
    }
  }
}
