// Owns the rights of the routers: the chart's ClusterRole, within their namespace. Must not list rules itself.
import { ROUTER_NAME } from '@slipway/api';
import type { KubeObject } from '../types.ts';
import { routerMetadata } from './router-metadata.ts';

export function routerRoleBindingFor(namespace: string, clusterRole: string): KubeObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: routerMetadata(namespace),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: clusterRole },
    subjects: [{ kind: 'ServiceAccount', name: ROUTER_NAME, namespace }],
  };
}
