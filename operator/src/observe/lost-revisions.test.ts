// What is remembered of a deleted record, and what is not: history that nobody needs, records that went with their InferenceService.
import { CONTROLLER_REVISIONS } from '@slipway/kube';
import type { Change, KubeObject } from '@slipway/kube';
import { describe, expect, it } from 'vitest';
import { createLostRevisions } from './lost-revisions.ts';
import type { Revision } from './shapes.ts';

const isvc = (rollout: Record<string, string>, metadata: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  apiVersion: 'serving.slipway.dev/v1alpha1',
  kind: 'InferenceService',
  metadata: { name: 'a', namespace: 'ns', uid: 'uid-a', ...metadata },
  status: { rollout },
});

const record = (name: string, owner = 'uid-a'): Revision => ({
  apiVersion: 'apps/v1',
  kind: CONTROLLER_REVISIONS.kind,
  metadata: { name, namespace: 'ns', uid: `uid-${name}`, ownerReferences: [{ apiVersion: 'serving.slipway.dev/v1alpha1', kind: 'InferenceService', name: 'a', uid: owner, controller: true, blockOwnerDeletion: true }] },
  revision: 1,
  record: '{}',
});

const deleted = (object: KubeObject): Change => ({ type: 'Deleted', object, before: object });

describe('records that somebody deleted', () => {
  it('are remembered while the rollout names them, until they are back', () => {
    const service = isvc({ stable: 'a-1', candidate: 'a-2', previous: 'a-0' });
    const lost = createLostRevisions(() => service);
    for (const name of ['a-0', 'a-1', 'a-2']) lost.note(deleted(record(name)));
    expect(lost.of(service).map(({ metadata }) => metadata.name)).toEqual(['a-0', 'a-1', 'a-2']);
    lost.note({ type: 'Added', object: record('a-1') });
    expect(lost.of(service).map(({ metadata }) => metadata.name)).toEqual(['a-0', 'a-2']);
    expect(lost.of(isvc({ stable: 'a-2' })).map(({ metadata }) => metadata.name)).toEqual(['a-2']);
  });

  it.each([
    ['history', isvc({ stable: 'a-2' }), record('a-1')],
    ['of an InferenceService that is being deleted', isvc({ stable: 'a-1' }, { deletionTimestamp: '2026-01-01T00:00:00Z' }), record('a-1')],
    ['of an earlier InferenceService of that name', isvc({ stable: 'a-1' }), record('a-1', 'uid-before')],
    ['of one that is gone', undefined, record('a-1')],
  ])('are forgotten: %s', (_what, service, gone) => {
    const lost = createLostRevisions(() => service);
    lost.note(deleted(gone));
    expect(lost.of(isvc({ stable: 'a-1' }))).toEqual([]);
  });

  it('go with their InferenceService', () => {
    const service = isvc({ stable: 'a-1' });
    const lost = createLostRevisions(() => service);
    lost.note(deleted(record('a-1')));
    lost.note(deleted(service));
    expect(lost.of(service)).toEqual([]);
  });
});
