// Owns the headless Service of a revision: its EndpointSlices tell routers the ready pods, and ServiceMonitors select it.
// Must not know releases or routers.
import { LABELS, PORTS, revisionLabels } from '@slipway/api';
import type { KubeObject } from '../types.ts';
import type { RevisionInput } from './revision-input.ts';

/** Headless, ready addresses only. The EndpointSlice controller copies its labels, which is how routers find the slices. */
export function renderService({ isvc, revision }: RevisionInput): KubeObject {
  const { name, namespace } = isvc.metadata;
  const { runtime } = isvc.spec;
  const http = { name: 'http', port: runtime?.port ?? PORTS.server, protocol: 'TCP', targetPort: 'http', ...(runtime?.protocol === 'grpc' ? { appProtocol: 'kubernetes.io/h2c' } : {}) };
  const admin = { name: 'admin', port: PORTS.admin, protocol: 'TCP', targetPort: 'admin' };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: revision, namespace, labels: revisionLabels(name, revision) },
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: false,
      selector: { [LABELS.revision]: revision },
      ports: runtime === undefined ? [http, admin] : [http],
    },
  };
}
