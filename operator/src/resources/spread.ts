// Owns how pods spread: over nodes and zones as far as possible, never at the price of not running. Must not know whose pods.

/** Topology spread constraints of the pods that carry these labels. */
export const spreadOver = (matchLabels: Record<string, string>): Record<string, unknown>[] =>
  ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels },
  }));
