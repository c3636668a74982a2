// Owns the PodMonitor of the routers of a namespace, so that each is scraped once. Must not know whether its CRD exists.
import { LABELS, routerLabels } from '@slipway/api';
import type { KubeObject } from '../types.ts';
import { routerMetadata } from './router-metadata.ts';

export function routerPodMonitorFor(namespace: string): KubeObject {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: routerMetadata(namespace),
    spec: { jobLabel: LABELS.name, selector: { matchLabels: routerLabels() }, podMetricsEndpoints: [{ port: 'admin', path: '/metrics', interval: '15s' }] },
  };
}
