// Finds out what the machine offers and picks the cluster that the commands and tests use.
import { exec, isOnPath } from '../exec.ts';
import { goCommand } from './binaries.ts';
import type { Cluster } from './cluster.ts';
import { clusterConfig } from './config.ts';
import { contextCluster } from './context.ts';
import { decide, type Facts } from './decision.ts';
import { kindCluster } from './kind.ts';
import { layoutOf } from './local/layout.ts';
import type { UpOptions } from './local/lifecycle.ts';
import { localCluster } from './local/local.ts';
import { readRecord } from './local/record.ts';

export interface ChooseOptions extends UpOptions {
  /** Which cluster, if it is one that is made here: several may exist side by side. */
  readonly id?: string;
}

const DOCKER_MS = 15_000;
const GO_MS = 15_000;

/** The cluster to use; its `why` says why. Throws an Error that names what is missing and the command that installs it. */
export async function choose({ id = 'slipway', ...options }: ChooseOptions): Promise<Cluster> {
  const decision = decide(await findFacts(id));
  switch (decision.kind) {
    case 'context': return contextCluster(decision, options);
    case 'kind': return kindCluster(id, decision.why, options);
    case 'local': return localCluster(id, decision.why, options);
    case 'none': throw new Error(`no cluster can be used here. Missing:\n${decision.missing.map((line) => `  - ${line}`).join('\n')}`);
  }
}

async function findFacts(id: string): Promise<Facts> {
  const { context, registry } = clusterConfig();
  const [docker, kind, go] = await Promise.all([dockerState(), isOnPath('kind'), works([goCommand(), 'version'], GO_MS)]);
  return { context, registry, docker, kind, go, made: readRecord(layoutOf(id)) !== undefined, platform: process.platform, root: process.getuid?.() === 0 };
}

async function dockerState(): Promise<Facts['docker']> {
  if (!(await isOnPath('docker'))) return 'missing';
  return (await works(['docker', 'info', '--format', '{{.ServerVersion}}'], DOCKER_MS)) ? 'running' : 'stopped';
}

function works(command: [string, ...string[]], timeoutMs: number): Promise<boolean> {
  return exec(command, { timeoutMs }).then(() => true, () => false);
}
