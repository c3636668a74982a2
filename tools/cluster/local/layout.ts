// Where everything of one local cluster lies: its run folder in the cache, and the addresses inside its network namespace.
// Names and paths only; it does no I/O.
import path from 'node:path';
import { cacheRoot } from '../../cache.ts';

/** Addresses are the same in every cluster: each has a network namespace to itself, which nothing leaves. */
export const NETWORK = {
  node: '10.77.0.10',
  nodePrefix: 24,
  pods: '10.78.0.0/16',
  /** The one node's share of the pod addresses. */
  nodePods: '10.78.0.0/20',
  nodePodsPrefix: 20,
  services: '10.79.0.0/16',
  apiService: '10.79.0.1',
  dns: '10.79.0.10',
  apiPort: 6443,
} as const;

export const BASE_IMAGES = { pause: 'slipway.local/pause:1', coredns: 'slipway.local/coredns:1.14.3' } as const;

/** The folder that holds the run folders of all local clusters. */
export function clustersFolder(): string {
  return path.join(cacheRoot(), 'clusters');
}

export interface Layout {
  readonly id: string;
  readonly folder: string;
  readonly record: string;
  readonly lock: string;
  readonly pki: string;
  readonly logs: string;
  readonly config: string;
  readonly kubeconfig: string;
}

const VALID_ID = /^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$/;

/** The paths of the cluster `id` (letters, digits and dashes, at most 32: it is also the node's name). */
export function layoutOf(id: string): Layout {
  if (!VALID_ID.test(id)) throw new Error(`"${id}" cannot name a cluster: use up to 32 lower-case letters, digits and dashes, beginning with a letter`);
  const folder = path.join(clustersFolder(), id);
  const inside = (name: string): string => path.join(folder, name);
  return {
    id,
    folder,
    record: inside('cluster.json'),
    // Beside the folder, not in it: `down` removes the folder while it holds the lock.
    lock: `${folder}.lock`,
    pki: inside('pki'),
    logs: inside('log'),
    config: inside('config'),
    kubeconfig: inside('kubeconfig'),
  };
}
