// One cluster for all end-to-end tests: brings it up beside any other, loads the images of this checkout, installs the chart, and takes
// everything down again. Set SLIPWAY_E2E_CLUSTER=ID to keep a cluster between runs while working on a test.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { choose } from '../../tools/cluster/choose.ts';
import type { Cluster } from '../../tools/cluster/cluster.ts';
import { removeOrphans } from '../../tools/cluster/local/lifecycle.ts';
import { identify } from '../../tools/cluster/processes.ts';
import { provideImages } from '../../tools/images/provide.ts';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');
const RELEASE = 'slipway';
const RELEASE_NAMESPACE = 'slipway-system';

const tell = (line: string): void => void process.stderr.write(`e2e  ${line}\n`);

async function install(cluster: Cluster, refs: Readonly<Record<string, string>>): Promise<void> {
  const { helm, kubectl } = await cluster.clients();
  const namespace = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: RELEASE_NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } });
  const made = run(kubectl, ['--kubeconfig', cluster.kubeconfig, 'apply', '-f', '-']);
  made.child.stdin?.end(namespace);
  await made;
  const images = Object.entries(refs).flatMap(([name, ref]) => ['--set', `images.${name}=${ref}`]);
  tell('installing the chart');
  await run(helm, ['--kubeconfig', cluster.kubeconfig, 'upgrade', '--install', RELEASE, path.join(root, 'charts/slipway'), '-n', RELEASE_NAMESPACE, '--wait', '--timeout', '180s', ...images]);
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const kept = process.env['SLIPWAY_E2E_CLUSTER'];
  const owner = kept === undefined ? identify(process.pid) : undefined;
  await removeOrphans({ report: tell });
  const id = kept ?? `t${randomBytes(3).toString('hex')}`;
  const cluster = await choose({ id, report: tell, owner });
  tell(`${cluster.kind} cluster: ${cluster.why}`);
  const teardown = async (): Promise<void> => {
    if (kept === undefined) await cluster.down();
  };
  try {
    await cluster.up();
    const images = await provideImages(cluster, { root, note: tell });
    for (const line of images.lines) tell(line);
    await install(cluster, images.refs);
    const clients = await cluster.clients();
    project.provide('cluster', {
      id,
      kubeconfig: cluster.kubeconfig,
      kubectl: clients.kubectl,
      helm: clients.helm,
      registry: cluster.registry,
      inside: [...cluster.inNetwork([])],
      chart: path.join(root, 'charts/slipway'),
      release: RELEASE,
      releaseNamespace: RELEASE_NAMESPACE,
    });
  } catch (error) {
    await teardown();
    throw error;
  }
  return teardown;
}

export default setup;
