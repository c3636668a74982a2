// A kind cluster in Docker as a Cluster: kind-config.yaml at the root of the checkout maps a few NodePorts of its node to
// 127.0.0.1, and a Service is exposed through one of them. Uses the docker and kind commands of the machine.
import path from 'node:path';
import { cacheRoot } from '../cache.ts';
import { exec } from '../exec.ts';
import type { BuildOptions } from './binaries.ts';
import { usersClients } from './clients.ts';
import type { Cluster, Image, ServicePort } from './cluster.ts';
import { nodePortService, NODE_PORTS, type Service } from './node-ports.ts';

const UP_MS = 10 * 60_000;
const LOAD_MS = 10 * 60_000;
const SHORT_MS = 60_000;
const configuration = path.join(import.meta.dirname, '..', '..', 'kind-config.yaml');

/** The kind cluster of that id; nothing happens before one of its methods is called. */
export function kindCluster(id: string, why: string, options: BuildOptions): Cluster {
  const name = id === 'slipway' ? id : `slipway-${id}`;
  const kubeconfig = path.join(cacheRoot(), 'kind', name, 'kubeconfig');
  const run = (timeoutMs: number, ...command: [string, ...string[]]): Promise<string> =>
    exec(command, { timeoutMs, ...(options.signal === undefined ? {} : { signal: options.signal }) });
  const exists = async (): Promise<boolean> => (await run(SHORT_MS, 'kind', 'get', 'clusters')).split('\n').includes(name);
  return {
    kind: 'kind',
    why,
    kubeconfig,
    registry: 'slipway.local',
    images: 'docker',
    clients: () => usersClients(options),
    up: async () => {
      if (await exists()) await run(SHORT_MS, 'kind', 'export', 'kubeconfig', '--name', name, '--kubeconfig', kubeconfig);
      else await run(UP_MS, 'kind', 'create', 'cluster', '--name', name, '--config', configuration, '--kubeconfig', kubeconfig, '--wait', '3m');
    },
    down: async () => {
      await run(SHORT_MS, 'kind', 'delete', 'cluster', '--name', name, '--kubeconfig', kubeconfig);
    },
    loadImages: async (images: readonly Image[]) => {
      await run(LOAD_MS, 'kind', 'load', 'docker-image', '--name', name, ...images.map(({ ref }) => ref));
    },
    expose: async (service) => {
      const { kubectl } = await usersClients(options);
      const nodePort = await openNodePort((...args) => run(SHORT_MS, kubectl, `--kubeconfig=${kubeconfig}`, ...args), service);
      const address = await run(SHORT_MS, 'docker', 'port', `${name}-control-plane`, `${nodePort}/tcp`);
      return `http://${address.trim().split('\n')[0] ?? ''}`;
    },
    inNetwork: (command) => ['docker', 'exec', '--interactive', `${name}-control-plane`, ...command],
  };
}

/** Puts a second Service of type NodePort beside the one that is to be reached; the original is not touched. */
async function openNodePort(kubectl: (...args: string[]) => Promise<string>, wanted: ServicePort): Promise<number> {
  const list = JSON.parse(await kubectl('get', 'services', '--all-namespaces', '--output=json')) as { items: Service[] };
  const { nodePort, manifest } = nodePortService(list.items, wanted, NODE_PORTS);
  if (manifest !== undefined) {
    await kubectl('create', 'service', 'nodeport', manifest.name, `--namespace=${wanted.namespace}`, `--tcp=${manifest.port}:${manifest.targetPort}`, `--node-port=${nodePort}`);
    await kubectl('set', 'selector', `service/${manifest.name}`, `--namespace=${wanted.namespace}`, manifest.selector);
  }
  return nodePort;
}
