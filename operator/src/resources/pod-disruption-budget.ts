// Owns the PodDisruptionBudget of an InferenceService's serving pods. Must not know which revision is which.
import { LABELS, pdbName } from '@slipway/api';
import type { KubeObject } from '../types.ts';
import { childMetadata } from './owner.ts';
import type { Owner } from './owner.ts';

/** One voluntary eviction at a time over all revisions; never blocks draining a node, nor evicting a pod that does not serve. */
export function pdbFor(owner: Owner): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: childMetadata(owner, pdbName(owner.metadata.name)),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: { [LABELS.inferenceService]: owner.metadata.name, [LABELS.component]: 'server' } },
    },
  };
}
