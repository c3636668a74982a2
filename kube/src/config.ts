// Owns the choice of how to reach the API server: as a pod, or as the person whose kubeconfig it is.
// The only file of this package that knows names of environment variables; the values are handed in.
import type { Connection } from './auth/connection.ts';
import { inClusterConnection } from './auth/in-cluster.ts';
import { kubeconfigConnection } from './auth/kubeconfig.ts';
import type { Clock } from './clock.ts';

export interface ConnectOptions {
  /** Usually process.env. */
  env: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  /** Path of a kubeconfig; wins over the pod's own identity. */
  kubeconfig?: string | undefined;
  /** Context of the kubeconfig; wins over the pod's own identity. */
  context?: string | undefined;
}

/** Finds the API server: the named kubeconfig or context, else the pod's own service account, else kubectl's default kubeconfig. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { env, clock, kubeconfig, context } = options;
  const host = env['KUBERNETES_SERVICE_HOST'];
  const named = kubeconfig ?? (context === undefined ? undefined : env['KUBECONFIG']);
  if (named !== undefined || context !== undefined || host === undefined) return kubeconfigConnection({ path: kubeconfig, context, clock });
  return inClusterConnection({ host, port: env['KUBERNETES_SERVICE_PORT'] ?? '443', clock });
}
