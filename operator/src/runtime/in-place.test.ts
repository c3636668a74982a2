// The walk over managed fields, with field sets as the API server writes them (test/cluster/runtime.test.ts has it write them itself).
import { ANNOTATIONS, FIELD_MANAGER } from '@slipway/api';
import type { KubeObject } from '@slipway/kube';
import { describe, expect, it } from 'vitest';
import { isAsApplied, marked, ownedMetadata } from './in-place.ts';

const owner = { apiVersion: 'serving.slipway.dev/v1alpha1', kind: 'InferenceService', name: 'a', uid: 'u-1', controller: true };
const intent: KubeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'a', namespace: 'n', labels: { one: '1', two: '2' }, ownerReferences: [owner] },
  spec: { selector: { app: 'router' }, ports: [{ name: 'http', port: 80, targetPort: 20_000 }], args: ['a', 'b'] },
};

const fields = {
  'f:metadata': { 'f:annotations': { [`f:${ANNOTATIONS.intent}`]: {} }, 'f:labels': { 'f:one': {}, 'f:two': {} }, 'f:ownerReferences': { 'k:{"uid":"u-1"}': {} } },
  'f:spec': { 'f:selector': {}, 'f:args': {}, 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:name': {}, 'f:port': {}, 'f:targetPort': {} } } },
};

/** As the cache holds the object after an apply; `edit` changes what the API server says. */
function live(edit: (object: KubeObject, fieldsV1: typeof fields) => void = () => undefined): KubeObject {
  const object = structuredClone(marked(intent));
  const fieldsV1 = structuredClone(fields);
  edit(object, fieldsV1);
  const managedFields = [
    { manager: 'kubectl-edit', operation: 'Update', fieldsV1: { 'f:spec': { 'f:type': {} } } },
    { manager: FIELD_MANAGER, operation: 'Apply', fieldsV1 },
    { manager: FIELD_MANAGER, operation: 'Apply', subresource: 'status', fieldsV1: {} },
  ];
  return { ...object, metadata: { ...object.metadata, ...ownedMetadata({ ...object, metadata: { ...object.metadata, managedFields } }) } };
}

describe('an object shows that it is as it was applied', () => {
  it('when the hash is right and every field is still ours', () => {
    expect(isAsApplied(live(), intent)).toBe(true);
  });

  const drifts: [string, (object: KubeObject, fieldsV1: typeof fields) => void][] = [
    ['a label was taken over or removed', (_, f) => void delete (f['f:metadata']['f:labels'] as Record<string, unknown>)['f:one']],
    ['a scalar inside a list item was taken over', (_, f) => void delete (f['f:spec']['f:ports']['k:{"port":80,"protocol":"TCP"}'] as Record<string, unknown>)['f:targetPort']],
    ['a whole list item is gone', (_, f) => void ((f['f:spec']['f:ports'] as Record<string, unknown>) = { 'k:{"port":81,"protocol":"TCP"}': {} })],
    ['an atomic list was taken over', (_, f) => void delete (f['f:spec'] as Record<string, unknown>)['f:args']],
    ['the annotation was edited', (o) => void (o.metadata.annotations = { [ANNOTATIONS.intent]: 'else' })],
    ['the annotation was taken over', (_, f) => void (f['f:metadata']['f:annotations'] = {} as never, delete (f['f:metadata'] as Record<string, unknown>)['f:annotations'])],
    ['the owner was removed', (o) => void (o.metadata.ownerReferences = [])],
  ];
  it.each(drifts)('not when %s', (_what, edit) => {
    expect(isAsApplied(live(edit), intent)).toBe(false);
  });

  it('not for another intent, and not where the API server tells nothing', () => {
    expect(isAsApplied(live(), { ...intent, spec: { selector: { app: 'else' } } })).toBe(false);
    expect(isAsApplied(marked(intent), intent)).toBe(false);
  });
});

it('equal field sets of different owners are kept once', () => {
  const [one, other] = ['u-1', 'u-2'].map((uid) =>
    ownedMetadata({ ...intent, metadata: { name: uid, managedFields: [{ manager: FIELD_MANAGER, operation: 'Apply', fieldsV1: { ...fields, 'f:metadata': { 'f:ownerReferences': { [`k:{"uid":"${uid}"}`]: {} } } } }] } }),
  );
  const of = (metadata: typeof one): unknown => (metadata?.managedFields?.[0] as { fieldsV1: unknown }).fieldsV1;
  expect(of(one)).toBeDefined();
  expect(of(one)).toBe(of(other));
});
