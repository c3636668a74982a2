// Owns turning what was read of a service into what the operator's planner takes. Every pod that exists counts as ready: the question is
// what a change would do, not how its pods will fare. Must not plan.
import { InferenceService, LABELS } from '@slipway/api';
import type { KubeObject, Observed, RevisionFacts, RevisionRecord } from '../../../../operator/src/plan/index.ts';

/** What was read around one InferenceService. */
export interface Surroundings {
  revisions: readonly KubeObject[];
  deployments: readonly KubeObject[];
  /** Services, ConfigMaps, PodDisruptionBudgets and ServiceMonitors that belong to it. */
  children: readonly KubeObject[];
  /** ServiceMonitors are served. */
  monitors: boolean;
}

const NO_PORTS = { public: 20_000, preview: 20_001 };
/** The uid of what does not exist yet. */
const NEW_UID = '00000000-0000-0000-0000-000000000000';
const PINNED = '0'.repeat(64);

/** The object as the planner reads it, or what is wrong with its spec. */
export function parsedService(raw: KubeObject): InferenceService | { invalid: string } {
  const metadata = { generation: 1, ...raw.metadata, uid: raw.metadata.uid ?? NEW_UID, resourceVersion: raw.metadata.resourceVersion ?? '1', creationTimestamp: raw.metadata.creationTimestamp ?? new Date(0).toISOString() };
  const whole = InferenceService.safeParse({ ...raw, metadata });
  return whole.success ? whole.data : { invalid: whole.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ') };
}

const owns = (uid: string) => (object: KubeObject): boolean => object.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;

/** The world around `isvc` at `at` (milliseconds since the epoch). */
export function observedOf(isvc: InferenceService, around: Surroundings, at: number): Observed {
  const mine = owns(isvc.metadata.uid);
  const children = Object.fromEntries(around.children.filter(mine).map((object) => [`${object.kind}/${object.metadata.name}`, object]));
  const revisions = around.revisions.filter(mine).map((record) => recordedFacts(isvc, record, around.deployments.filter(mine)));
  return { at, isvc, revisions, children, ports: isvc.status?.ports ?? NO_PORTS, routers: { ready: 1, asked: true, pods: [] }, apis: { serviceMonitor: around.monitors }, failures: [] };
}

function recordedFacts(isvc: InferenceService, record: KubeObject, deployments: readonly KubeObject[]): RevisionFacts {
  const { name, uid = '', resourceVersion = '1' } = record.metadata;
  const deployment = deployments.find((each) => each.metadata.name === name);
  const facts: RevisionFacts = {
    name,
    hash: name.slice(isvc.metadata.name.length + 1),
    sequence: record['revision'] as number,
    createdAt: 0,
    uid,
    resourceVersion,
    record: record['data'] as RevisionRecord,
    readyEndpoints: 0,
    pods: [],
  };
  const replicas = (deployment?.['spec'] as { replicas?: number } | undefined)?.replicas ?? 0;
  return deployment === undefined ? facts : withPods({ ...facts, deployment: { uid: deployment.metadata.uid ?? '', resourceVersion, generation: 1, observedGeneration: 1, replicas, readyReplicas: replicas } });
}

/** All its pods are there and ready. */
export function withPods(facts: RevisionFacts): RevisionFacts {
  const { name, record, deployment } = facts;
  const count = deployment?.replicas ?? 0;
  const pods = Array.from({ length: count }, (_, n) => ({ name: `${name}-${n}`, uid: `${name}-${n}`, ready: true, deleting: false, phase: 'Running', createdAt: 0, containers: [] }));
  return { ...facts, readyEndpoints: count, pods, ...(record.spec.runtime === undefined ? { pinnedDigest: PINNED } : {}) };
}

/** Images that revisions of the same operator run: the newest record tells. */
export function imagesOf(revisions: readonly KubeObject[]): { server: string; router: string } | undefined {
  const newest = revisions.filter((each) => each.metadata.labels?.[LABELS.inferenceService] !== undefined).toSorted((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1));
  const record = newest.map((each) => each['data'] as RevisionRecord).find(({ spec }) => spec.runtime === undefined);
  return record === undefined ? undefined : { server: record.images.server, router: record.images.fetch };
}
