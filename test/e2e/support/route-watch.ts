// Owns a record of what one namespace's releases went through: every position of the rollout, and every split that was ever written for the
// routers, in order. Follows the API server by watches of its own, so that nothing between two looks is missed. Must not know what is right.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { RouteEntry } from '@slipway/api';
import type { ClusterAccess } from './world.ts';

/** Stands after every object, whose text may have several lines. */
const END = '---';

const changes = (values: readonly number[]): number[] => values.filter((value, index) => index === 0 || value !== values[index - 1]);

export class RouteWatch {
  readonly #entries: RouteEntry[] = [];
  readonly #weights: number[] = [];
  readonly #access: ClusterAccess;
  readonly #namespace: string;
  readonly #children: ChildProcess[] = [];

  constructor(access: ClusterAccess, namespace: string) {
    this.#access = access;
    this.#namespace = namespace;
  }

  /** Resolves once what is there has been read. */
  async start(): Promise<void> {
    await this.#follow(['configmaps', '-l', 'serving.slipway.dev/route=true'], '{.data.route\\.json}', (text) => this.#noteEntry(text));
    await this.#follow(['isvc'], '{.status.rollout.weight}', (text) => void (text === '' ? undefined : this.#weights.push(Number(text))));
  }

  stop(): void {
    for (const child of this.#children.splice(0)) child.kill('SIGKILL');
  }

  /** Weights that the rollouts stood at, before readiness is looked at, each time that they changed: nothing but a decision moves them. */
  get weights(): number[] {
    return changes(this.#weights);
  }

  /** Shares that this model version was given in the routes, each time that they changed. A revision without ready pods lends its share. */
  sharesOf(modelVersion: string): number[] {
    return changes(this.#entries.map(({ backends }) => backends.find((each) => each.modelVersion === modelVersion)?.weight ?? 0));
  }

  async #follow(what: readonly string[], path: string, note: (text: string) => void): Promise<void> {
    const { kubectl, kubeconfig } = this.#access;
    const child = spawn(kubectl, ['--kubeconfig', kubeconfig, 'get', ...what, '-n', this.#namespace, '--watch', '-o', `jsonpath=${path}{"\\n${END}\\n"}`], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#children.push(child);
    let text = '';
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the watch of ${what[0]} ended with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line !== END) return void (text += line);
        note(text);
        text = '';
        resolve();
      });
    });
  }

  /** What a person wrote that is no entry at all is not recorded: no router takes it. */
  #noteEntry(text: string): void {
    try {
      this.#entries.push(JSON.parse(text) as RouteEntry);
    } catch {
      return;
    }
  }
}
