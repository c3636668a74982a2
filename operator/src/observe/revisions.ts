// Owns gathering what is known about the revisions of one InferenceService from the caches. Must not decide which of them matter.
import { LABELS, PACKAGE_KEY, packageConfigMapName } from '@slipway/api';
import { CONFIG_MAPS } from '@slipway/kube';
import type { KubeObject } from '@slipway/kube';
import type { DeploymentFacts, PodFacts, RevisionFacts, RevisionRecord } from '../types.ts';
import type { Ask } from './ask.ts';
import { BY_SERVICE } from './caches.ts';
import type { Caches } from './caches.ts';
import { compact } from './compact.ts';
import { withReports } from './pod-reports.ts';
import { podFactsOf, timeOf } from './pods.ts';
import type { LostRevisions } from './lost-revisions.ts';
import type { Deployment, EndpointSlice, Revision } from './shapes.ts';
import type { WithRoom } from './room.ts';
import type { WithWarnings } from './warnings.ts';

const revisionOf = (object: KubeObject): string => object.metadata.labels?.[LABELS.revision] ?? '';

/** True if that incarnation of the InferenceService controls the object. */
export const isOwnedBy = (object: KubeObject, uid: string): boolean => object.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;

export function replicaFailureOf(deployment: Deployment): DeploymentFacts['replicaFailure'] {
  const failure = deployment.status?.conditions?.find((c) => c.type === 'ReplicaFailure' && c.status === 'True');
  return failure && { reason: failure.reason ?? '', message: failure.message ?? '' };
}

function deploymentFactsOf(deployment: Deployment): DeploymentFacts {
  const { uid = '', resourceVersion = '', generation = 0 } = deployment.metadata;
  const { observedGeneration = 0, readyReplicas = 0 } = deployment.status ?? {};
  const replicas = deployment.spec.replicas ?? 1;
  return compact({ uid, resourceVersion, generation, observedGeneration, replicas, readyReplicas, replicaFailure: replicaFailureOf(deployment) });
}

function readyAddresses(slices: readonly EndpointSlice[]): number {
  const ready = slices.flatMap((slice) => slice.endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready !== false);
  return new Set(ready.flatMap((endpoint) => endpoint.addresses ?? [])).size;
}

/**
 * What routers can send to. Without any slice (not even an empty one) the headless Service was deleted by hand, and routers keep to the pods
 * that they know until it is back; so does this count.
 */
const readyOf = (slices: readonly EndpointSlice[] | undefined, pods: readonly PodFacts[]): number =>
  slices === undefined ? pods.filter((pod) => pod.ready && !pod.deleting).length : readyAddresses(slices);

/** Objects of one InferenceService, by the revision they belong to. */
function byRevision<T extends KubeObject>(objects: readonly T[]): Map<string, T[]> {
  return Map.groupBy(objects, revisionOf);
}

interface Gathered {
  deployments: Map<string, Deployment[]>;
  slices: Map<string, EndpointSlice[]>;
  pods: Map<string, PodFacts[]>;
  pins: (revision: string) => string | undefined;
}

function gather(caches: Caches, key: string, isvc: KubeObject): Gathered {
  const { uid = '', namespace = '' } = isvc.metadata;
  const pods = [...byRevision(caches.pods.byIndex(BY_SERVICE, key))].map(([name, all]): [string, PodFacts[]] => [name, all.map(podFactsOf)]);
  return {
    deployments: byRevision(caches.deployments.byIndex(BY_SERVICE, key).filter((d) => isOwnedBy(d, uid))),
    slices: byRevision(caches.endpointSlices.byIndex(BY_SERVICE, key)),
    pods: new Map(pods),
    pins: (revision) => {
      const map = caches.of(CONFIG_MAPS)?.get(namespace, packageConfigMapName(revision));
      return map !== undefined && isOwnedBy(map, uid) ? (map['data'] as Record<string, string> | undefined)?.[PACKAGE_KEY] : undefined;
    },
  };
}

function factsOf(revision: Revision, isvc: KubeObject, gathered: Gathered): RevisionFacts {
  const { name, uid = '', resourceVersion = '', creationTimestamp } = revision.metadata;
  const deployment = gathered.deployments.get(name)?.find((d) => d.metadata.name === name);
  const pods = gathered.pods.get(name) ?? [];
  return compact({
    name,
    hash: name.slice(isvc.metadata.name.length + 1),
    sequence: revision.revision,
    createdAt: timeOf(creationTimestamp),
    uid,
    resourceVersion,
    record: JSON.parse(revision.record) as RevisionRecord,
    deployment: deployment && deploymentFactsOf(deployment),
    readyEndpoints: readyOf(gathered.slices.get(name), pods),
    pinnedDigest: gathered.pins(name),
    pods,
  });
}

export interface RevisionSources {
  caches: Caches;
  lost: LostRevisions;
  ask: Ask;
  withWarnings: WithWarnings;
  withRoom: WithRoom;
}

/** What the pods say about themselves, or the kubelet about those that cannot. */
async function withTales(facts: RevisionFacts, { ask, withWarnings, withRoom }: RevisionSources, namespace: string, at: number): Promise<RevisionFacts> {
  const ours = facts.record.spec.runtime === undefined;
  const reported = await withReports(facts.pods, { pinned: facts.pinnedDigest !== undefined, ours }, ask);
  return { ...facts, pods: await withRoom(await withWarnings(reported, namespace, at)) };
}

/** The revisions of an InferenceService, oldest first. `at`: the pass's clock reading. */
export async function observeRevisions(sources: RevisionSources, key: string, isvc: KubeObject, at: number): Promise<RevisionFacts[]> {
  const { uid = '', namespace = '' } = isvc.metadata;
  const gathered = gather(sources.caches, key, isvc);
  const owned = sources.caches.revisions.byIndex(BY_SERVICE, key).filter((revision) => isOwnedBy(revision, uid));
  const names = new Set(owned.map((revision) => revision.metadata.name));
  // Without a uid: nothing of that name exists, and the plan writes the record again.
  const lost = sources.lost.of(isvc).filter(({ metadata }) => !names.has(metadata.name)).map((revision) => ({ ...factsOf(revision, isvc, gathered), uid: '', resourceVersion: '' }));
  const facts = [...owned.map((revision) => factsOf(revision, isvc, gathered)), ...lost].sort((a, b) => a.sequence - b.sequence);
  return Promise.all(facts.map((each) => withTales(each, sources, namespace, at)));
}
