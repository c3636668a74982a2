// Owns the decision of one pass for one InferenceService: planFor(observed, config) -> Plan. Pure and total.
// Must not read or write anything: a bad spec becomes conditions, never an exception.
import { PORTS } from '@slipway/api';
import { recordedPorts } from '../resources/index.ts';
import { advance, isActive, statusOf } from '../rollout/index.ts';
import type { Rollout } from '../rollout/index.ts';
import { distinct, firstBlockingCause, invalidStatus, routersBlock, statusFor, terminatingStatus } from '../status/index.ts';
import type { Observed, Plan, PlanConfig, RevisionFacts } from '../types.ts';
import { objectsFor } from './objects.ts';
import type { Decisions } from './objects.ts';
import { positionOf, rolloutFactsOf } from './position.ts';
import { pruneFor } from './prune.ts';
import { lostRecords, modelVersionOf, revisionsOf } from './revisions.ts';
import type { Revisions } from './revisions.ts';
import { acknowledgedBy, routePlanFor } from './routes.ts';

/** Milliseconds between two questions to routers that have not acknowledged yet, and to pods that are not ready yet. */
const ASK_ROUTERS_MS = 500;
const ASK_PODS_MS = 2_000;
/** The same for pods that have not been ready for long: the watch tells what matters, this is only their progress. */
const ASK_OLD_PODS_MS = 10_000;
const OLD_MS = 5 * 60_000;

export type Role = 'stable' | 'canary' | 'preview' | 'previous' | 'rejected' | 'retired';

/** Everything to record and apply now, and when to look again. */
export function planFor(observed: Observed, config: PlanConfig): Plan {
  const { deletionTimestamp } = observed.isvc.metadata;
  if (deletionTimestamp !== undefined) return standingStill(terminatingStatus(observed));
  // The spec of an unreadable one is only a stand-in: everything stays as it is until a human corrects it.
  if (observed.invalid !== undefined) return standingStill(invalidStatus(observed, observed.invalid));
  const revisions = revisionsOf(observed, config);
  const position = positionOf(observed);
  const acknowledged = acknowledgedBy(observed);
  const blocking = firstBlockingCause(newestOf(position, revisions), observed) ?? routersBlock(observed, acknowledged.route?.sequence, acknowledged.route?.acknowledged);
  const facts = rolloutFactsOf(observed, revisions, acknowledged, blocking);
  const advanced = advance(position, facts, observed.at);
  const versions = Object.fromEntries(revisions.all.map((each) => [each.name, modelVersionOf(each, observed)]));
  const versionOf = (name: string): string => versions[name] ?? name;
  const roleOf = (name: string): Role => roleIn(advanced.rollout, name);
  const route = routePlanFor(observed, advanced, { versionOf, roleOf, portsOf: portsIn(revisions) }, acknowledged.route);
  const decisions: Decisions = { observed, revisions: revisions.all, scale: advanced.scale, route, roleOf, versionOf };
  const rollout = statusOf(advanced.rollout, advanced.because, observed.isvc.spec.replicas);
  const told = statusFor({ ...decisions, config, revisions, advanced, facts, acknowledged, rollout, roleOf });
  return {
    restored: lostRecords(observed),
    ...(revisions.created === undefined ? {} : { revision: revisions.created }),
    status: told.status,
    objects: objectsFor(decisions),
    prune: pruneFor(decisions, kept(advanced.rollout, revisions)),
    events: distinct([...advanced.events, ...told.events]),
    ...wakeFor(observed, revisions, advanced.wakeAt, route?.status),
  };
}

/** Where the pods of each recorded revision listen. */
function portsIn({ all }: Revisions): (revision: string) => ReturnType<typeof recordedPorts> {
  const ports = new Map(all.map(({ name, record }) => [name, recordedPorts(record.service)]));
  return (revision) => ports.get(revision) ?? { port: PORTS.server };
}

const standingStill = (status: Plan['status']): Plan => ({ restored: [], status, objects: [], prune: [], events: [] });

/** The revision whose pods matter for the next step. */
function newestOf(position: Rollout, { all, current }: Revisions): RevisionFacts | undefined {
  const name = isActive(position) ? position.candidate : (current ?? position.stable);
  return all.find((each) => each.name === name);
}

/** The part that a revision plays. The very first one is the stable one from the start: there is nothing to compare it with. */
export function roleIn(rollout: Rollout, name: string): Role {
  if (name === (rollout.stable ?? onlyOne(rollout))) return 'stable';
  if (name === rollout.previous?.revision) return 'previous';
  if (isActive(rollout) && name === rollout.candidate) return rollout.recipe.strategy === 'BlueGreen' ? 'preview' : 'canary';
  return rollout.state === 'Rejected' && name === rollout.candidate ? 'rejected' : 'retired';
}

const onlyOne = (rollout: Rollout): string | undefined => (isActive(rollout) ? rollout.candidate : undefined);

function kept(rollout: Rollout, { current }: Revisions): string[] {
  const candidate = 'candidate' in rollout ? rollout.candidate : undefined;
  return [rollout.stable, candidate, rollout.previous?.revision, current].filter((name) => name !== undefined);
}

/** The earliest of: a time in the rollout, routers to be asked again, pods to be asked again. */
function wakeFor(observed: Observed, { all }: Revisions, rollout: number | undefined, route: { sequence: number; acknowledged?: number | undefined } | undefined): Pick<Plan, 'wakeAt'> {
  const routers = route !== undefined && route.acknowledged !== route.sequence ? observed.at + ASK_ROUTERS_MS : undefined;
  const absent = observed.routers.ready === 0 ? observed.at + ASK_OLD_PODS_MS : undefined;
  const times = [rollout, routers, absent, askPodsAt(observed, all)].filter((at) => at !== undefined);
  return times.length === 0 ? {} : { wakeAt: Math.min(...times) };
}

/** Pods that are not ready yet say how far they are; the first ready one also says what the revision is pinned to. */
function askPodsAt({ at }: Observed, revisions: readonly RevisionFacts[]): number | undefined {
  const running = revisions.filter((each) => (each.deployment?.replicas ?? 0) > 0);
  const tellers = running.flatMap((each) => each.pods.filter((pod) => !pod.ready || each.readyEndpoints === 0 || (each.pinnedDigest === undefined && each.record.spec.runtime === undefined)));
  if (tellers.length === 0) return undefined;
  return at + (tellers.some((pod) => at - pod.createdAt < OLD_MS) ? ASK_PODS_MS : ASK_OLD_PODS_MS);
}
