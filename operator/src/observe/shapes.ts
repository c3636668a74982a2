// Owns what is kept of each watched object, and the few fields of Pods, Deployments and EndpointSlices that are read. Memory follows pods,
// so whatever nothing reads is dropped before it is cached. Must not interpret.
import type { KubeObject } from '@slipway/kube';
import { ANNOTATIONS, LABELS } from '@slipway/api';
import { ownedMetadata } from '../runtime/in-place.ts';

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export interface ContainerStatus {
  name: string;
  ready?: boolean;
  restartCount?: number;
  state?: ContainerStates;
  lastState?: ContainerStates;
}

export interface ContainerStates {
  waiting?: { reason?: string; message?: string };
  running?: { startedAt?: string };
  terminated?: { reason?: string; exitCode?: number; message?: string };
}

export interface Pod extends KubeObject {
  status?: {
    phase?: string;
    podIP?: string;
    reason?: string;
    message?: string;
    conditions?: Condition[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

export interface Deployment extends KubeObject {
  spec: { replicas?: number };
  status?: { observedGeneration?: number; replicas?: number; updatedReplicas?: number; readyReplicas?: number; conditions?: Condition[] };
}

export interface EndpointSlice extends KubeObject {
  endpoints?: { addresses?: string[]; conditions?: { ready?: boolean } }[];
}

/** `record` is the revision's data as text: objects as deep as that cost three times the memory. */
export interface Revision extends KubeObject {
  revision: number;
  record: string;
}

function leanMetadata(object: KubeObject): KubeObject['metadata'] {
  const { name, namespace, uid, resourceVersion, generation, labels, ownerReferences, creationTimestamp, deletionTimestamp } = object.metadata;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(generation === undefined ? {} : { generation }),
    ...(labels === undefined ? {} : { labels }),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  };
}

function leanContainer({ name, ready, restartCount, state, lastState }: ContainerStatus): ContainerStatus {
  return {
    name,
    ...(ready === undefined ? {} : { ready }),
    ...(restartCount === undefined ? {} : { restartCount }),
    ...(state === undefined ? {} : { state }),
    ...(lastState === undefined ? {} : { lastState }),
  };
}

/** Metadata and the parts of the status that say what is wrong; no spec. */
export function leanPod(object: KubeObject): KubeObject {
  const { phase, podIP, reason, message, conditions, containerStatuses = [], initContainerStatuses = [] } = (object as Pod).status ?? {};
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: leanMetadata(object),
    status: {
      phase,
      podIP,
      reason,
      message,
      conditions,
      containerStatuses: containerStatuses.map(leanContainer),
      initContainerStatuses: initContainerStatuses.map(leanContainer),
    },
  };
}

/** What tells, after a restart, that an object of ours is as it was applied. */
function appliedMetadata(object: KubeObject): Partial<KubeObject['metadata']> {
  const intent = object.metadata.annotations?.[ANNOTATIONS.intent];
  return { ...(intent === undefined ? {} : { annotations: { [ANNOTATIONS.intent]: intent } }), ...ownedMetadata(object) };
}

/** A child of ours, whole, but for managed fields that are not ours. */
export function leanChild(object: KubeObject): KubeObject {
  const { managedFields: _all, ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, ...ownedMetadata(object) } };
}

/** A revision's pod template is in its record, so the Deployment's is dropped; the routers' is kept. */
export function leanDeployment(object: KubeObject): KubeObject {
  if (object.metadata.labels?.[LABELS.revision] === undefined) return leanChild(object);
  const { spec, status } = object as Deployment;
  return { apiVersion: object.apiVersion, kind: object.kind, metadata: { ...leanMetadata(object), ...appliedMetadata(object) }, spec: { replicas: spec.replicas }, status };
}

export function leanEndpointSlice(object: KubeObject): KubeObject {
  const endpoints = ((object as EndpointSlice).endpoints ?? []).map(({ addresses, conditions }) => ({ addresses, conditions }));
  return { apiVersion: object.apiVersion, kind: object.kind, metadata: leanMetadata(object), endpoints };
}

export function leanRevision(object: KubeObject): KubeObject {
  const { data, revision } = object;
  return { apiVersion: object.apiVersion, kind: object.kind, metadata: leanMetadata(object), revision, record: JSON.stringify(data ?? null) };
}
