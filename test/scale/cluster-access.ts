// What the scale measurement needs of a cluster that has Slipway installed. A type: who made the cluster is not its business.

export interface ClusterAccess {
  kubeconfig: string;
  kubectl: string;
  /** Command that enters the cluster's network namespace. */
  inside: readonly string[];
  /** Where the operator's pods are. */
  releaseNamespace: string;
}
