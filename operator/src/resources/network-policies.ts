// Owns the NetworkPolicies of a namespace: who reaches its serving pods, and the admin ports of its routers.
// Must not know who Prometheus or the operator are; the peers come from the configuration. Probes come from the node, which every
// implementation lets through.
import { LABELS, MANAGED_BY, NETWORK_POLICY_NAMES, PORTS, routerLabels } from '@slipway/api';
import type { KubeObject, NetworkPeers } from '../types.ts';
import { routerMetadata } from './router-metadata.ts';

/** A port by number, or by the name that a container gives it. */
const tcp = (port: number | string, endPort?: number): Record<string, unknown> => ({ protocol: 'TCP', port, ...(endPort === undefined ? {} : { endPort }) });

function policyFor(namespace: string, name: string, podLabels: Record<string, string>, ingress: unknown[]): KubeObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: routerMetadata(namespace, name),
    spec: { podSelector: { matchLabels: podLabels }, policyTypes: ['Ingress'], ingress },
  };
}

/** Serving pods: routers of the namespace on any port (a server of the user's own chooses its port), the operator and Prometheus on the admin ports. */
export function serverNetworkPolicyFor(namespace: string, { operator, prometheus }: NetworkPeers): KubeObject {
  return policyFor(namespace, NETWORK_POLICY_NAMES.server, { [LABELS.managedBy]: MANAGED_BY, [LABELS.component]: 'server' }, [
    { from: [{ podSelector: { matchLabels: routerLabels() } }] },
    { from: [operator], ports: [tcp(PORTS.admin), tcp(PORTS.fetch)] },
    { from: [prometheus], ports: [tcp(PORTS.admin), tcp('metrics')] },
  ]);
}

/** Routers: everybody on the ports of the InferenceServices, the operator and Prometheus on the admin port. */
export function routerNetworkPolicyFor(namespace: string, { operator, prometheus }: NetworkPeers): KubeObject {
  return policyFor(namespace, NETWORK_POLICY_NAMES.router, routerLabels(), [
    { ports: [tcp(PORTS.routerFirst, PORTS.routerLast)] },
    { from: [operator, prometheus], ports: [tcp(PORTS.admin)] },
  ]);
}
