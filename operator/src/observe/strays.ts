// Owns finding objects of ours whose revision has no record (any more): nothing else would ever look at them again. Must not delete.
import { LABELS } from '@slipway/api';
import type { InferenceService } from '@slipway/api';
import { CONTROLLER_REVISIONS, isNotFound } from '@slipway/kube';
import type { Client, KubeObject } from '@slipway/kube';
import type { Observed, RevisionFacts } from '../types.ts';
import { BY_SERVICE } from './caches.ts';
import type { Caches } from './caches.ts';
import { isOwnedBy } from './revisions.ts';

type Stray = NonNullable<Observed['strays']>[number];

/** Whether the API server has that record now. */
export type IsRecorded = (namespace: string, revision: string) => Promise<boolean>;

/** Asks the API server itself: caches of two types are not of the same moment, and a record is made before what rests on it. */
export const createIsRecorded = (client: Client): IsRecorded => async (namespace, name) => {
  try {
    await client.get({ type: CONTROLLER_REVISIONS, namespace, name }, { metadataOnly: true });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
};

export interface StraySources {
  caches: Caches;
  /** `namespace/name` of the InferenceService. */
  key: string;
  isvc: InferenceService;
  children: Observed['children'];
  revisions: readonly RevisionFacts[];
}

function strayOf(object: KubeObject): Stray[] {
  const { apiVersion, kind, metadata } = object;
  const { name, namespace, uid, resourceVersion, labels } = metadata;
  const revision = labels?.[LABELS.revision];
  if (revision === undefined || namespace === undefined || uid === undefined) return [];
  return [{ revision, ref: { apiVersion, kind, name, namespace, uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) } }];
}

/** Deployments, Services and pins of revisions that are not among the recorded ones. */
export async function straysOf({ caches, key, isvc, children, revisions }: StraySources, isRecorded: IsRecorded): Promise<Stray[]> {
  const known = new Set(revisions.map(({ name }) => name));
  const deployments = caches.deployments.byIndex(BY_SERVICE, key).filter((each) => isOwnedBy(each, isvc.metadata.uid));
  const suspects = [...deployments, ...Object.values(children)].flatMap(strayOf).filter(({ revision }) => !known.has(revision));
  const names = [...new Set(suspects.map(({ revision }) => revision))];
  const recorded = await Promise.all(names.map((name) => isRecorded(isvc.metadata.namespace, name)));
  return suspects.filter(({ revision }) => recorded[names.indexOf(revision)] === false);
}
