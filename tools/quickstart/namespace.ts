// The namespace of the sample service: `default` in a cluster of our own, one that is made for it in a cluster that is somebody's.
import type { Cluster } from '../cluster/cluster.ts';
import type { ClusterPrograms } from './programs.ts';

const OWN = 'slipway-demo';

/** Name of the namespace for a cluster. */
export function sampleNamespace(cluster: Pick<Cluster, 'kind'>): string {
  return cluster.kind === 'context' ? OWN : 'default';
}

/** Makes the namespace if it is not there, with Pod Security `restricted`. */
export async function ensureNamespace(name: string, { kubectl }: ClusterPrograms): Promise<void> {
  if (name !== OWN) return;
  await kubectl(['create', 'namespace', name]).catch(async () => kubectl(['get', 'namespace', name]));
  await kubectl(['label', 'namespace', name, '--overwrite', 'pod-security.kubernetes.io/enforce=restricted']);
}

/** Removes the namespace if it is one that was made for the sample. */
export async function removeNamespace(name: string, { kubectl }: ClusterPrograms): Promise<void> {
  if (name === OWN) await kubectl(['delete', 'namespace', name, '--ignore-not-found', '--timeout', '5m']);
}
