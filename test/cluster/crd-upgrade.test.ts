// A CRD with a new default makes no new revision: what was recorded under the old one still equals the present spec, because both are
// defaulted with today's defaults. The old CRD here is ours with defaults taken out of the part that makes pods.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InferenceServiceSpec } from '@slipway/api';
import { inferenceServiceCrd } from '@slipway/api/crd';
import type { KubeObject } from '@slipway/kube';
import { canonical, revisionSpecOf } from '../../operator/src/plan/revision-spec.ts';
import type { RevisionSpec } from '../../operator/src/types.ts';
import { until } from '../../tools/cluster/wait.ts';
import { ISVCS, isvcWith, startControlPlane } from './support/control-plane.ts';
import type { ControlPlane } from './support/control-plane.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(async () => {
  await plane.stop();
});

const WAIT = { timeoutMs: 20_000, everyMs: 50, otherwise: () => 'the changed CRD is not served' };
const NEWLY_DEFAULTED = ['iterations', 'maxBatchSize', 'maxDelay', 'protocol', 'port'];

/** The schema as it was before those fields had a default. */
function before(node: unknown, name = ''): unknown {
  if (Array.isArray(node)) return node.map((each) => before(each));
  if (typeof node !== 'object' || node === null) return node;
  const kept = Object.entries(node).filter(([key]) => !(key === 'default' && NEWLY_DEFAULTED.includes(name)));
  return Object.fromEntries(
    // Rules that rely on a default cannot have existed before it did.
    kept.filter(([key]) => key !== 'x-kubernetes-validations').map(([key, child]) => [key, before(child, key)]),
  );
}

const install = async (crd: unknown): Promise<void> => {
  const answer = await plane.kubectl(['apply', '--server-side', '--force-conflicts', '--field-manager=kubectl', '-f', '-'], JSON.stringify(crd));
  expect(answer).toMatchObject({ code: 0 });
};

/** Whether a fresh object gets the new defaults: a changed CRD is not served at once. */
async function defaultsIterations(): Promise<boolean> {
  const stored = await plane.client.create<KubeObject>(ISVCS, isvcWith({ metadata: { name: 'probe' }, spec: { model: { warmup: {} } } }), { dryRun: true });
  return (stored['spec'] as InferenceServiceSpec).model.warmup?.iterations !== undefined;
}

describe('upgrading to a CRD with new defaults', () => {
  it.each([
    ['own-server', { model: { warmup: {}, batching: {} } }],
    ['own-runtime', { runtime: { image: 'registry.example.com/server:1' } }],
  ])('%s keeps its revision', async (name, spec) => {
    await install(before(inferenceServiceCrd()));
    await until(async () => !(await defaultsIterations()), WAIT);
    const old = await plane.client.create<KubeObject>(ISVCS, isvcWith({ metadata: { name }, spec }));
    const recorded = revisionSpecOf(old['spec'] as InferenceServiceSpec);
    await install(inferenceServiceCrd());
    await until(defaultsIterations, WAIT);
    const now = await plane.client.get<KubeObject>({ type: ISVCS, namespace: 'default', name });
    const present = revisionSpecOf(InferenceServiceSpec.parse(now['spec']));
    expect(present).not.toEqual(recorded);
    expect(canonical(present)).toBe(canonical(recorded));
    const edited: RevisionSpec = { ...recorded, model: { ...recorded.model, version: 'v2' } };
    expect(canonical(edited)).not.toBe(canonical(recorded));
  });
});
