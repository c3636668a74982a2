// Owns the metadata of the per-namespace router objects. They have no owner: the namespace reconciler removes them.
import { ROUTER_NAME, routerLabels } from '@slipway/api';
import type { KubeObject } from '../types.ts';

/** Metadata of a router object called `name` (default: the routers' common name). */
export function routerMetadata(namespace: string, name: string = ROUTER_NAME): KubeObject['metadata'] {
  return { name, namespace, labels: routerLabels() };
}
