// Owns remembering records of revisions that were deleted while the rollout needs them, so that they are written again as they were.
// A record is never rendered anew: today's operator might make other pods of the same spec. Must not decide what is written.
import { KIND } from '@slipway/api';
import type { Change, KubeObject } from '@slipway/kube';
import type { Revision } from './shapes.ts';

export interface LostRevisions {
  /** Takes note of a change of a ControllerRevision or an InferenceService. */
  note(this: void, change: Change): void;
  /** Records of this InferenceService which are gone from the cluster and still needed. */
  of(this: void, isvc: KubeObject): Revision[];
}

interface RolloutPart {
  stable?: string;
  candidate?: string;
  previous?: string;
}

const needs = (isvc: KubeObject, revision: string): boolean => {
  const { stable, candidate, previous } = (isvc['status'] as { rollout?: RolloutPart } | undefined)?.rollout ?? {};
  return [stable, candidate, previous].includes(revision);
};

/** A memory of nothing. `isvcOf`: the present InferenceService of a namespace and name. */
export function createLostRevisions(isvcOf: (namespace: string, name: string) => KubeObject | undefined): LostRevisions {
  const lost = new Map<string, Map<string, Revision>>();

  /** Whoever deletes an InferenceService wants its records gone as well. */
  const ownerOf = ({ metadata }: KubeObject): KubeObject | undefined => {
    const owner = metadata.ownerReferences?.find((reference) => reference.kind === KIND);
    const isvc = owner === undefined ? undefined : isvcOf(metadata.namespace ?? '', owner.name);
    return isvc?.metadata.uid === owner?.uid && isvc?.metadata.deletionTimestamp === undefined ? isvc : undefined;
  };

  const remember = (revision: Revision): void => {
    const isvc = ownerOf(revision);
    const { name } = revision.metadata;
    if (isvc?.metadata.uid === undefined || !needs(isvc, name)) return;
    lost.set(isvc.metadata.uid, new Map(lost.get(isvc.metadata.uid)).set(name, revision));
  };

  const isBack = ({ metadata }: KubeObject): void => {
    for (const owner of metadata.ownerReferences ?? []) lost.get(owner.uid)?.delete(metadata.name);
  };

  return {
    note({ type, object }) {
      if (object.kind === KIND && type === 'Deleted') lost.delete(object.metadata.uid ?? '');
      if (object.kind !== 'ControllerRevision') return;
      if (type === 'Deleted') remember(object as Revision);
      else isBack(object);
    },
    of: (isvc) => [...(lost.get(isvc.metadata.uid ?? '')?.values() ?? [])].filter(({ metadata }) => needs(isvc, metadata.name)),
  };
}
