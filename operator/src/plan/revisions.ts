// Owns finding the revision that the spec asks for, or making a new one, and what callers see of each: its version.
// Must not know rollouts. A recorded revision is never rendered again: undo finds the old record by its spec.
import { revisionName } from '@slipway/api';
import { controllerRevisionFor, renderRevision } from '../resources/index.ts';
import { refusalOf } from '../status/index.ts';
import type { KubeObject, Observed, PlanConfig, RevisionFacts, RevisionRecord } from '../types.ts';
import { canonical, hashOf, revisionSpecOf } from './revision-spec.ts';
import { serverImageFor } from './server-image.ts';

export interface Revisions {
  /** Everything recorded, the new one included, by rising sequence. */
  all: RevisionFacts[];
  /** Name of the one that the spec asks for; absent while the API server refuses it. */
  current?: string;
  /** Name that the spec's revision would have, while the API server refuses its pods or its name. */
  refused?: string;
  /** The new ControllerRevision, to be created before anything names it. */
  created?: KubeObject;
  /** The last sequence number given. */
  lastSequence: number;
}

/** Finds the spec's revision among the recorded ones or makes it. */
export function revisionsOf(observed: Observed, config: PlanConfig): Revisions {
  const all = [...observed.revisions].sort((a, b) => a.sequence - b.sequence);
  const lastSequence = Math.max(observed.isvc.status?.revisionSequence ?? 0, ...all.map((each) => each.sequence), 0);
  const wanted = canonical(revisionSpecOf(observed.isvc.spec));
  const found = all.findLast((each) => canonical(each.record.spec) === wanted);
  if (found !== undefined) return { all, lastSequence, current: found.name };
  const made = newRevision(observed, config, wanted, lastSequence + 1);
  if (refusalOf(made.name, observed.failures) !== undefined) return { all, lastSequence, refused: made.name };
  return {
    all: [...all, made],
    lastSequence: made.sequence,
    current: made.name,
    created: controllerRevisionFor(observed.isvc, made.name, made.sequence, made.record),
  };
}

/** Records that somebody deleted, as they were. They are observed without a uid. */
export const lostRecords = ({ isvc, revisions }: Observed): KubeObject[] =>
  revisions.filter(({ uid }) => uid === '').map(({ name, sequence, record }) => controllerRevisionFor(isvc, name, sequence, record));

function newRevision({ isvc, revisions, at }: Observed, config: PlanConfig, wanted: string, sequence: number): RevisionFacts {
  const taken = new Set(revisions.map((each) => each.hash));
  let attempt = 0;
  while (taken.has(hashOf(wanted, attempt))) attempt += 1;
  const hash = hashOf(wanted, attempt);
  const name = revisionName(isvc.metadata.name, hash);
  const images = { server: serverImageFor(isvc.spec, config.images), fetch: config.images.router };
  const modelVersion = isvc.spec.model.version ?? hash;
  const { imagePullSecrets } = config;
  const rendered = renderRevision({ isvc, revision: name, modelVersion, number: sequence, images, ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }) });
  const record: RevisionRecord = { spec: revisionSpecOf(isvc.spec), images, modelVersion, ...rendered };
  return { name, hash, sequence, createdAt: at, uid: '', resourceVersion: '', record, readyEndpoints: 0, pods: [] };
}

/** Model version that callers see: the spec's, else the package's own (as a pod tells or told), else the hash. */
export function modelVersionOf(revision: RevisionFacts, observed: Observed): string {
  if (revision.record.spec.model.version !== undefined) return revision.record.spec.model.version;
  const told = revision.pods.map((pod) => pod.state?.modelVersion).find((version) => version !== undefined);
  const known = observed.isvc.status?.revisions?.find((each) => each.name === revision.name)?.modelVersion;
  return told ?? known ?? revision.record.modelVersion;
}

/** Digest of the first ready pod, to be pinned for the revision; absent when it is pinned already or nobody knows. */
export function digestToPin(revision: RevisionFacts): string | undefined {
  if (revision.pinnedDigest !== undefined) return undefined;
  const ready = revision.pods.filter((pod) => pod.ready && pod.state?.digest !== undefined);
  const [first] = ready.sort((a, b) => a.createdAt - b.createdAt || (a.name < b.name ? -1 : 1));
  return first?.state?.digest;
}
