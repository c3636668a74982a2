// Owns turning what was observed into what the rollout machine is told: its position and the facts. Must not decide.
// A lost status is recovered from the routes, so that a restored cluster does not send traffic anywhere new.
import { ANNOTATIONS } from '@slipway/api';
import { movedWithClock, nothingYet, recipeFor, rolloutOf, VERBS } from '../rollout/index.ts';
import type { Because, Rollout, RolloutFacts } from '../rollout/index.ts';
import type { Observed, RevisionFacts } from '../types.ts';
import type { Revisions } from './revisions.ts';
import { writtenEntry } from './routes.ts';
import type { Acknowledged } from './routes.ts';

/** Where the rollout stood at the end of the last pass. */
export function positionOf(observed: Observed): Rollout {
  const { status, spec } = observed.isvc;
  const told = status?.rollout === undefined ? undefined : rolloutOf(status.rollout, recipeFor(spec.rollout), observed.at);
  return movedWithClock(told ?? recovered(observed), observed.clockStepMs ?? 0);
}

function recovered(observed: Observed): Rollout {
  const stable = writtenEntry(observed)?.backends.find((each) => each.role === 'stable')?.revision;
  const exists = observed.revisions.some((each) => each.name === stable);
  return stable !== undefined && exists ? { ...nothingYet(observed.at), stable } : nothingYet(observed.at);
}

const byRevision = (revisions: readonly RevisionFacts[], count: (each: RevisionFacts) => number): Record<string, number> =>
  Object.fromEntries(revisions.map((each) => [each.name, count(each)]));

const weights = (list: readonly { revision: string; weight: number }[]): Record<string, number> => Object.fromEntries(list.map((each) => [each.revision, each.weight]));

export function rolloutFactsOf(observed: Observed, revisions: Revisions, acknowledged: Acknowledged, blocking: Because | undefined): RolloutFacts {
  const { spec } = observed.isvc;
  return {
    ...(revisions.current === undefined ? {} : { current: revisions.current }),
    replicas: spec.replicas,
    recipe: recipeFor(spec.rollout),
    paused: spec.rollout.paused,
    commands: commandsOf(observed),
    ready: byRevision(revisions.all, (each) => each.readyEndpoints),
    bytes: byRevision(revisions.all, downloadedBytes),
    pods: byRevision(revisions.all, (each) => each.deployment?.replicas ?? 0),
    served: weights(acknowledged.traffic),
    written: weights(acknowledged.route?.weights ?? []),
    settled: acknowledged.settled,
    ...(blocking === undefined ? {} : { blocking }),
  };
}

/** Pods that are past their download count as whole packages, so that the sum does not fall when one of several is done. */
function downloadedBytes({ pods }: RevisionFacts): number {
  const living = pods.filter((pod) => !pod.deleting);
  const downloads = living.flatMap((pod) => pod.progress ?? []);
  const whole = Math.max(0, ...downloads.map(({ bytesTotal, bytesDone }) => bytesTotal ?? bytesDone));
  const past = living.filter((pod) => pod.progress === undefined && pod.containers.some((each) => !each.init && each.running === true));
  return downloads.reduce((sum, { bytesDone }) => sum + Math.floor(bytesDone), past.length * Math.floor(whole));
}

function commandsOf({ isvc }: Observed): RolloutFacts['commands'] {
  const annotations = isvc.metadata.annotations ?? {};
  return Object.fromEntries(VERBS.flatMap((verb) => {
    const value = annotations[ANNOTATIONS[verb]];
    return value === undefined ? [] : [[verb, value]];
  }));
}
