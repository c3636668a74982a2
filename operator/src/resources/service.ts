// Owns the Services that callers know: `<isvc>` and `<isvc>-preview`. Both lead to router pods, each to a router port of its own.
// Must not know revisions.
import { previewServiceName, routerLabels, SERVICE_PORTS, serviceName } from '@slipway/api';
import type { KubeObject } from '../types.ts';
import { childMetadata } from './owner.ts';
import type { Owner } from './owner.ts';

/** Router ports of one InferenceService. */
export interface RouterPorts {
  public: number;
  preview: number;
}

/** The stable URL. `ports.public` never changes in its life. */
export function serviceFor(owner: Owner, ports: RouterPorts): KubeObject {
  return onto(owner, serviceName(owner.metadata.name), ports.public);
}

/** The URL of a blue-green preview. */
export function previewServiceFor(owner: Owner, ports: RouterPorts): KubeObject {
  return onto(owner, previewServiceName(owner.metadata.name), ports.preview);
}

function onto(owner: Owner, name: string, targetPort: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: childMetadata(owner, name),
    spec: {
      type: 'ClusterIP',
      selector: routerLabels(),
      ports: SERVICE_PORTS.map(({ name: portName, port }) => ({ name: portName, port, protocol: 'TCP', targetPort })),
    },
  };
}
