// Owns the small facts that conditions, phase and columns share, worked out once from the decisions of the pass.
// Must not word or decide anything.
import type { Because, Advanced, RolloutFacts } from '../rollout/index.ts';
import { isActive, isForward } from '../rollout/index.ts';
import type { Failure, Observed, PlanConfig, RevisionFacts } from '../types.ts';
import { causeOfFailure, firstBlockingCause, refusalOf } from './blocking.ts';
import { doingOf } from './progress.ts';
import { routersBlock } from './routers.ts';

type Role = 'stable' | 'canary' | 'preview' | 'previous' | 'rejected' | 'retired';

/** What the planner decided in this pass. */
export interface StatusInput {
  observed: Observed;
  config: PlanConfig;
  revisions: { all: readonly RevisionFacts[]; current?: string; refused?: string; lastSequence: number };
  advanced: Advanced;
  facts: RolloutFacts;
  acknowledged: { traffic: { revision: string; modelVersion: string; weight: number }[] };
  route: { entry: { ports: { public: number; preview: number }; preview?: string | undefined }; status: { sequence: number; acknowledged?: number | undefined } } | undefined;
  roleOf: (revision: string) => Role;
  versionOf: (revision: string) => string;
}

export interface View extends StatusInput {
  /** Revisions that have a share of the written split, else the candidate. */
  serving: RevisionFacts[];
  /** Ready endpoints of those, at most spec.replicas. */
  ready: number;
  wanted: number;
  /** The candidate, or the stable revision while there is none. */
  newest: RevisionFacts | undefined;
  /** First cause that blocks what serves (the stable revision included), and what comes. */
  servingCause: Because | undefined;
  newestCause: Because | undefined;
  /** What keeps the routers from serving the newest routes, once that has lasted. */
  routersCause: Because | undefined;
  /** What the newest revision's pods are doing while nothing blocks them. */
  doing: Because | undefined;
  /** The newest entry is acknowledged by every ready router. */
  routed: boolean;
  /** Something has been acknowledged and the Service leads there. */
  reachable: boolean;
  /** Every ready router sends requests somewhere. */
  answers: boolean;
  held: boolean;
}

export function viewOf(input: StatusInput): View {
  const { observed, route } = input;
  const newest = newestOf(input);
  const serving = servingOf(input, newest);
  const wanted = observed.isvc.spec.replicas;
  const total = serving.reduce((sum, each) => sum + each.readyEndpoints, 0);
  const newestCause = refusedCause(input) ?? firstBlockingCause(newest, observed);
  const busy = newest !== undefined && newestCause === undefined && waitsForPods(input) && newest.readyEndpoints < podsWanted(input, newest);
  return {
    ...input,
    serving,
    wanted,
    ready: Math.min(wanted, total),
    newest,
    newestCause,
    servingCause: servingCauseOf(input, serving),
    routersCause: routersCauseOf(input),
    doing: busy ? doingOf(newest) : undefined,
    routed: route !== undefined && route.status.acknowledged === route.status.sequence,
    reachable: route?.status.acknowledged !== undefined,
    answers: input.acknowledged.traffic.some((each) => each.weight > 0),
    held: heldOf(input),
  };
}

const routersCauseOf = ({ observed, route }: StatusInput): Because | undefined =>
  route === undefined || observed.isvc.spec.replicas === 0 ? undefined : routersBlock(observed, route.status.sequence, route.status.acknowledged);

function servingCauseOf({ observed, advanced, revisions }: StatusInput, serving: readonly RevisionFacts[]): Because | undefined {
  const stable = revisions.all.filter((each) => each.name === advanced.rollout.stable);
  const ofPods = [...stable, ...serving].map((each) => firstBlockingCause(each, observed)).find((each) => each !== undefined);
  const [failure] = failuresThatMatter(observed);
  return ofPods ?? (failure === undefined ? undefined : causeOfFailure(failure));
}

/** The spec's own revision could not even be recorded. */
const refusedCause = ({ observed, revisions: { refused } }: StatusInput): Because | undefined => (refused === undefined ? undefined : refusalOf(refused, observed.failures));

/** Monitoring never touches serving. */
export const failuresThatMatter = ({ failures }: Observed): Failure[] => failures.filter((each) => !each.object.startsWith('ServiceMonitor/'));

function newestOf({ advanced: { rollout }, revisions: { all, current } }: StatusInput): RevisionFacts | undefined {
  const first = isActive(rollout) ? rollout.candidate : rollout.stable;
  return all.find((each) => each.name === first) ?? all.find((each) => each.name === current);
}

function servingOf({ advanced, revisions }: StatusInput, newest: RevisionFacts | undefined): RevisionFacts[] {
  const shares = new Map(advanced.split);
  const withShare = revisions.all.filter((each) => (shares.get(each.name) ?? 0) > 0);
  if (withShare.length > 0 || newest === undefined) return withShare;
  return [newest];
}

/** Pods on their way are the reason for where things stand. */
const waitsForPods = ({ advanced: { rollout } }: StatusInput): boolean => !isActive(rollout) || rollout.state === 'Warming' || (rollout.state === 'Promoting' && rollout.weight < 100);

const podsWanted = ({ advanced }: StatusInput, revision: RevisionFacts): number => advanced.scale[revision.name] ?? 0;

/** A human holds the rollout, or it waits for one. */
function heldOf({ advanced, observed }: StatusInput): boolean {
  const { reason } = advanced.because;
  const waits = reason === 'Paused' || reason === 'AwaitingPromotion' || reason === 'ScaledToZero';
  return waits || (observed.isvc.spec.replicas === 0 && !isForward(advanced.rollout));
}
