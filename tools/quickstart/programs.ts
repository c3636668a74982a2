// kubectl and helm, bound to one cluster. It must not know where the cluster has them from, nor what they are used for.
import path from 'node:path';
import type { Cluster } from '../cluster/cluster.ts';
import { exec } from '../exec.ts';

/** The two command lines. Both throw ExecError with the program's words. */
export interface ClusterPrograms {
  kubectl: (args: readonly string[]) => Promise<string>;
  helm: (args: readonly string[]) => Promise<string>;
  /** Folders of both that the person's PATH lacks. */
  readonly folders: readonly string[];
}

/** Asks the cluster for its kubectl and helm. */
export async function clusterPrograms(cluster: Cluster, signal: AbortSignal): Promise<ClusterPrograms> {
  const { kubectl, helm } = await cluster.clients();
  const env = { ...process.env, KUBECONFIG: cluster.kubeconfig };
  const program = (file: string) => (args: readonly string[]): Promise<string> => exec([file, ...args], { env, signal });
  const known = new Set((process.env['PATH'] ?? '').split(path.delimiter));
  const folders = [...new Set([kubectl, helm].map((file) => path.dirname(file)))].filter((folder) => !known.has(folder));
  return { kubectl: program(kubectl), helm: program(helm), folders };
}
