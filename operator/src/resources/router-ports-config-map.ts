// Owns the ConfigMap that remembers which router ports belong to which InferenceService. Must not allocate.
import { PORTS_KEY, ROUTER_PORTS_CONFIGMAP } from '@slipway/api';
import type { KubeObject, PortAllocation } from '../types.ts';
import { routerMetadata } from './router-metadata.ts';

/** Keys in sorted order, so that an unchanged allocation writes nothing. */
export function routerPortsConfigMapFor(namespace: string, allocation: PortAllocation): KubeObject {
  const allocated = Object.fromEntries(Object.entries(allocation.allocated).sort(([a], [b]) => (a < b ? -1 : 1)));
  const released = [...allocation.released].sort((a, b) => a.port - b.port);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: routerMetadata(namespace, ROUTER_PORTS_CONFIGMAP),
    data: { [PORTS_KEY]: JSON.stringify({ allocated, released }, null, 1) },
  };
}
