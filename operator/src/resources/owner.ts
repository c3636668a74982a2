// Owns the metadata of children: namespace, labels and the owner reference that lets Kubernetes clean up.
// Must not know any kind's spec.
import { API_VERSION, childLabels, KIND } from '@slipway/api';
import type { InferenceService } from '@slipway/api';
import type { KubeObject, OwnerReference } from '../types.ts';

/** The part of an InferenceService that children refer to. */
export interface Owner {
  metadata: Pick<InferenceService['metadata'], 'name' | 'namespace' | 'uid'>;
}

/** The controller reference; blocks foreground deletion of the owner until the child is gone. */
export function ownerReference(owner: Owner): OwnerReference {
  return { apiVersion: API_VERSION, kind: KIND, name: owner.metadata.name, uid: owner.metadata.uid, controller: true, blockOwnerDeletion: true };
}

/** Metadata of a child of `owner`: only the labels given here and the common ones, never the owner's own. */
export function childMetadata(owner: Owner, name: string, labels: Record<string, string> = {}): KubeObject['metadata'] {
  return {
    name,
    namespace: owner.metadata.namespace,
    labels: { ...childLabels(owner.metadata.name), ...labels },
    ownerReferences: [ownerReference(owner)],
  };
}
