// Owns the ControllerRevision that keeps a revision for good, and reading it back. Must not compare or prune revisions.
import { LABELS } from '@slipway/api';
import type { KubeObject, RevisionRecord } from '../types.ts';
import { childMetadata } from './owner.ts';
import type { Owner } from './owner.ts';

/** `sequence` rises with every new revision of the InferenceService. Created, never applied: `data` cannot change. */
export function controllerRevisionFor(owner: Owner, revision: string, sequence: number, record: RevisionRecord): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: childMetadata(owner, revision, { [LABELS.revision]: revision }),
    revision: sequence,
    data: record,
  };
}
