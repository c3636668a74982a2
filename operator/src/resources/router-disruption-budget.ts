// Owns the PodDisruptionBudget of the routers of a namespace: one voluntary eviction at a time.
import { routerLabels } from '@slipway/api';
import type { KubeObject } from '../types.ts';
import { routerMetadata } from './router-metadata.ts';

export function routerPdbFor(namespace: string): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: routerMetadata(namespace),
    spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow', selector: { matchLabels: routerLabels() } },
  };
}
