// Owns what enforces NetworkPolicies on the local node, whose network plugin ignores them: the firewall of kube-router, with its other parts
// switched off, in the node's network. Must not know any policy.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensurePrograms } from '../../../tools/cluster/binaries.ts';
import { NETWORK } from '../../../tools/cluster/local/layout.ts';
import { ensureCommands } from '../../../tools/cluster/local/requirements.ts';
import type { World } from './world.ts';

const HEALTH_PORT = 20_244;
/** Tables of iptables that nothing else on the local node uses: kube-proxy has a table of its own. */
const TABLES = ['filter', 'mangle', 'nat'];
const report = (line: string): void => void process.stderr.write(`${line}\n`);

export class PolicyEnforcer {
  readonly #world: World;
  readonly #child: ChildProcess;
  readonly #folder: string;
  #log = '';

  private constructor(world: World, child: ChildProcess, folder: string) {
    this.#world = world;
    this.#child = child;
    this.#folder = folder;
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
  }

  /** Fetches and builds what is missing; the first time takes minutes. */
  static async prepare(): Promise<void> {
    await ensureCommands({ iptables: 'iptables', ipset: 'ipset' }, { report });
    await ensurePrograms(['kube-router'], { report });
  }

  /** From now on packets are dropped that no policy allows; a moment passes until the first rules are in place. */
  static async start(world: World): Promise<PolicyEnforcer> {
    const programs = await ensurePrograms(['kube-router'], { report });
    const [node = ''] = (await world.kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}')).split(' ');
    const folder = mkdtempSync(path.join(tmpdir(), 'slipway-enforcer-'));
    const kubeconfig = path.join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, readFileSync(world.access.kubeconfig, 'utf8').replace(/https:\/\/127\.0\.0\.1:\d+/, `https://${NETWORK.node}:${NETWORK.apiPort}`), { mode: 0o600 });
    const parts = ['--run-router=false', '--run-service-proxy=false', '--run-firewall=true', '--enable-cni=false', `--service-cluster-ip-range=${NETWORK.services}`];
    const [command = '', ...args] = [...world.access.inside, programs['kube-router'], ...parts, `--kubeconfig=${kubeconfig}`, `--hostname-override=${node}`, `--health-port=${HEALTH_PORT}`];
    return new PolicyEnforcer(world, spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } }), folder);
  }

  /** Its last words, for failures. */
  get log(): string {
    return this.#log.slice(-2000);
  }

  /** Ends it and takes its rules away. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.exitCode === null && this.#child.kill('SIGKILL')) await ended;
    for (const table of TABLES) await this.#world.inside('nft', `delete table ip ${table}`).catch(() => undefined);
    await this.#world.inside('ipset', 'destroy').catch(() => undefined);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
