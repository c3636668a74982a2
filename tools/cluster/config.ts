// The environment variables that decide which cluster is used. Nothing else under tools/cluster asks the environment
// for a decision (PATH and the cache root excepted).

export interface ClusterConfig {
  /** SLIPWAY_CONTEXT: a context of the user's own kubeconfig. */
  readonly context: string | undefined;
  /** SLIPWAY_REGISTRY: where images are pushed for that context's cluster, without a trailing slash. */
  readonly registry: string | undefined;
}

/** Reads the variables; an empty one counts as not set. */
export function clusterConfig(env: NodeJS.ProcessEnv = process.env): ClusterConfig {
  return { context: env['SLIPWAY_CONTEXT'] || undefined, registry: env['SLIPWAY_REGISTRY']?.replace(/\/+$/, '') || undefined };
}
