// Owns the question whether the API server serves a type, asked again whenever the cluster's CRDs change.
// Must not keep opinions about what follows from the answer.
import type { Client } from './client.ts';
import { isNotFound } from './errors.ts';
import { createInformer } from './informer.ts';
import type { Informer, InformerOptions } from './informer.ts';
import { CUSTOM_RESOURCE_DEFINITIONS, groupVersionPath } from './resources.ts';
import type { ResourceType } from './resources.ts';
import type { KubeObject } from './types.ts';

interface ResourceList {
  resources?: { name?: string; kind?: string }[];
}

/** True if the API server serves the type right now. Rejects when it cannot be asked: "cannot tell" is not "no". */
export async function isServed(client: Client, type: ResourceType): Promise<boolean> {
  try {
    const list = (await client.raw(groupVersionPath(type.group, type.version))) as ResourceList;
    return (list.resources ?? []).some((resource) => resource.name === type.plural);
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/**
 * Follows the metadata of the CRDs that carry the given custom types and calls `onChange` when one may have come or gone.
 * The name of a CRD is fixed by its type, so one field selector per type keeps every other CRD out of memory.
 */
export function watchDefinition(
  type: ResourceType,
  options: Omit<InformerOptions<KubeObject>, 'type' | 'indexers' | 'fieldSelector' | 'metadataOnly'>,
): Informer<KubeObject> {
  return createInformer<KubeObject>({
    ...options,
    type: CUSTOM_RESOURCE_DEFINITIONS,
    fieldSelector: `metadata.name=${type.plural}.${type.group}`,
    metadataOnly: true,
  });
}
