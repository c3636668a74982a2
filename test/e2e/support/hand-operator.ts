// Owns an operator that a test starts by hand beside or instead of the installed ones: the same program with the same settings, inside the
// cluster's network, with a Lease of its own choice and a clock that the test can set. Must not know why.
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { NETWORK } from '../../../tools/cluster/local/layout.ts';
import { until } from './until.ts';
import type { World } from './world.ts';

const MAIN = fileURLToPath(new URL('../../../operator/src/main.ts', import.meta.url));
const CLOCK = new URL('./clock-that-jumps.ts', import.meta.url).href;

interface OperatorDeployment {
  spec: { template: { spec: { containers: { env: { name: string; value?: string }[] }[] } } };
}

export interface HandOperatorOptions {
  /** Name of its Lease; default: the one of the installed operators. */
  lease?: string;
  identity: string;
}

export class HandOperator {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #folder: string;
  #log = '';

  private constructor(child: ChildProcessWithoutNullStreams, folder: string) {
    this.#child = child;
    this.#folder = folder;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
  }

  /** Resolves once it leads. */
  static async start(world: World, options: HandOperatorOptions): Promise<HandOperator> {
    const installed = await world.list<OperatorDeployment>('deployments', world.access.releaseNamespace, '-l', 'app.kubernetes.io/component=operator');
    const settings = installed[0]?.spec.template.spec.containers[0]?.env ?? [];
    const env: Record<string, string> = Object.fromEntries(settings.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
    const folder = mkdtempSync(path.join(tmpdir(), 'slipway-operator-'));
    const kubeconfig = path.join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, readFileSync(world.access.kubeconfig, 'utf8').replace(/https:\/\/127\.0\.0\.1:\d+/, `https://${NETWORK.node}:${NETWORK.apiPort}`), { mode: 0o600 });
    const own = { POD_NAME: options.identity, POD_NAMESPACE: world.access.releaseNamespace, ADMIN_PORT: '0', SLIPWAY_KUBECONFIG: kubeconfig, ...(options.lease === undefined ? {} : { LEASE_NAME: options.lease }) };
    const [command = '', ...args] = [...world.access.inside, process.execPath, '--import', CLOCK, MAIN];
    const operator = new HandOperator(spawn(command, args, { stdio: 'pipe', env: { ...process.env, ...env, ...own } }), folder);
    await until('the operator started by hand leads', async () => operator.leads());
    return operator;
  }

  /** True once it has said so. */
  leads(): boolean {
    if (this.#child.exitCode !== null) throw new Error(`the operator died: ${this.#log.slice(-2000)}`);
    return this.#log.includes('"leading"');
  }

  get log(): string {
    return this.#log;
  }

  /** Moves its wall clock, and nobody else's, by this many milliseconds at once. */
  jump(ms: number): void {
    this.#child.stdin.write(`${ms}\n`);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
