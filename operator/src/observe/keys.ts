// Owns which keys a change of the cluster concerns. Must not look at why. InferenceServices are `namespace/name`, namespaces are `namespace`.
import { KIND, ROUTER_PORTS_CONFIGMAP } from '@slipway/api';
import type { Change, KubeObject } from '@slipway/kube';
import { BY_NAMESPACE, isOfRouter, serviceKeyOf } from './caches.ts';
import type { Caches } from './caches.ts';
import { isReady } from './pods.ts';
import { allocatedIn } from './ports.ts';
import type { Pod } from './shapes.ts';

const nameKey = (object: KubeObject): string => `${object.metadata.namespace}/${object.metadata.name}`;

/** The InferenceService that controls the object or is named by its labels. */
function ownerKeyOf(object: KubeObject): string | undefined {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.kind === KIND);
  return owner === undefined ? serviceKeyOf(object) : `${object.metadata.namespace}/${owner.name}`;
}

const servicesIn = (caches: Caches, namespace: string): KubeObject[] => caches.inferenceServices.byIndex(BY_NAMESPACE, namespace);

/** InferenceServices whose ports are not what they were: of thousands in a namespace, usually one. */
function keysWithNewPorts({ object, before, type }: Change, caches: Caches): string[] {
  const now = type === 'Deleted' ? undefined : allocatedIn(object);
  const then = allocatedIn(before);
  const differs = ({ metadata: { uid = '' } }: KubeObject): boolean => JSON.stringify(now?.[uid]) !== JSON.stringify(then?.[uid]);
  return servicesIn(caches, object.metadata.namespace ?? '').filter(differs).map(nameKey);
}

/** Whether the change is one that every route of the namespace depends on: a router came, went, or changed its readiness or address. */
function routersChanged(change: Change): boolean {
  if (change.object.kind !== 'Pod') return false;
  const mark = (object: KubeObject | undefined): string => {
    const pod = object as Pod | undefined;
    return pod === undefined || pod.metadata.deletionTimestamp !== undefined ? 'gone' : `${isReady(pod)} ${pod.status?.podIP}`;
  };
  return mark(change.before) !== mark(change.type === 'Deleted' ? undefined : change.object);
}

function keysForRouterObject(change: Change, caches: Caches): string[] {
  const { name, namespace = '' } = change.object.metadata;
  if (name === ROUTER_PORTS_CONFIGMAP) return [namespace, ...keysWithNewPorts(change, caches)];
  return routersChanged(change) ? [namespace, ...servicesIn(caches, namespace).map(nameKey)] : [namespace];
}

/** An InferenceService concerns its namespace only by being there, by its timeout and by its ports. */
function keysForService(change: Change): string[] {
  const { object, before, type } = change;
  const namespace = object.metadata.namespace ?? '';
  const mark = (o: KubeObject | undefined): string => {
    const { spec, status } = (o ?? {}) as { spec?: { traffic?: unknown }; status?: { ports?: unknown } };
    return JSON.stringify([spec?.traffic, o?.metadata.deletionTimestamp, status?.ports]);
  };
  return type === 'Updated' && mark(object) === mark(before) ? [nameKey(object)] : [nameKey(object), namespace];
}

/** The keys that have to look again. */
export function keysFor(change: Change, caches: Caches): string[] {
  if (change.object.kind === KIND) return keysForService(change);
  if (isOfRouter(change.object)) return keysForRouterObject(change, caches);
  const keys = [change.object, change.before].flatMap((object) => (object === undefined ? [] : (ownerKeyOf(object) ?? [])));
  return [...new Set(keys)];
}
