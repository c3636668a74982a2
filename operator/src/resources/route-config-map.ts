// Owns the ConfigMap that carries one route entry to the routers. Must not decide what is in it.
import { LABELS, ROUTE_KEY, routeConfigMapName } from '@slipway/api';
import type { RouteEntry } from '@slipway/api';
import type { KubeObject } from '../types.ts';
import { childMetadata } from './owner.ts';
import type { Owner } from './owner.ts';

/** The label is what the routers watch by. Equal entries give equal text, so an unchanged route writes nothing. */
export function routeConfigMapFor(owner: Owner, entry: RouteEntry): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: childMetadata(owner, routeConfigMapName(owner.metadata.name), { [LABELS.route]: 'true' }),
    data: { [ROUTE_KEY]: JSON.stringify(entry, null, 1) },
  };
}
