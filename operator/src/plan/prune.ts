// Owns what is deleted: retired Deployments with their Services, records beyond the history limit, surplus children, and what is left of
// revisions whose record is gone.
// Must not decide roles. Every delete names the uid and version it was decided from.
import { packageConfigMapName } from '@slipway/api';
import type { KubeObject, Ref, RevisionFacts } from '../types.ts';
import { isIdleRevision, surplusChildren } from './objects.ts';
import type { Decisions } from './objects.ts';

/** `keep`: revisions that are never forgotten (stable, candidate, previous, the spec's own). */
export function pruneFor(decisions: Decisions, keep: readonly string[]): Ref[] {
  const idle = decisions.revisions.filter((each) => isIdleRevision(each, decisions.scale[each.name] ?? 0, decisions.roleOf(each.name)));
  const objects = [...idle.flatMap((each) => podsRefs(decisions, each)), ...surplusChildren(decisions).flatMap(refOf)];
  const strays = (decisions.observed.strays ?? []).filter(({ revision }) => !keep.includes(revision)).map(({ ref }) => ref);
  return [...objects, ...strays, ...forgotten(decisions, idle, keep).flatMap((each) => recordRefs(decisions, each))];
}

/** Records without pods beyond the limit, the oldest first. */
function forgotten({ observed }: Decisions, idle: readonly RevisionFacts[], keep: readonly string[]): RevisionFacts[] {
  const old = idle.filter((each) => !keep.includes(each.name) && each.deployment === undefined && each.uid !== '');
  return old.slice(0, Math.max(0, old.length - observed.isvc.spec.rollout.revisionHistoryLimit));
}

function podsRefs({ observed }: Decisions, { name, deployment }: RevisionFacts): Ref[] {
  const { namespace } = observed.isvc.metadata;
  const service = observed.children[`Service/${name}`];
  return [
    ...(deployment === undefined ? [] : [{ apiVersion: 'apps/v1', kind: 'Deployment', name, namespace, uid: deployment.uid, resourceVersion: deployment.resourceVersion }]),
    ...(service === undefined ? [] : refOf(service)),
  ];
}

function recordRefs({ observed }: Decisions, { name, uid, resourceVersion }: RevisionFacts): Ref[] {
  const { namespace } = observed.isvc.metadata;
  const pin = observed.children[`ConfigMap/${packageConfigMapName(name)}`];
  return [{ apiVersion: 'apps/v1', kind: 'ControllerRevision', name, namespace, uid, resourceVersion }, ...(pin === undefined ? [] : refOf(pin))];
}

/** Nothing without a uid: a delete must not hit another object of the same name. */
export function refOf({ apiVersion, kind, metadata }: KubeObject): Ref[] {
  const { name, namespace, uid, resourceVersion } = metadata;
  if (uid === undefined || namespace === undefined) return [];
  return [{ apiVersion, kind, name, namespace, uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) }];
}
