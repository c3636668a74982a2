// Owns running the operator's own planner ahead: pass after pass over a copy of the world in which pods get ready and routers acknowledge,
// until nothing moves any more. Must not read or write the cluster.
import { ANNOTATIONS } from '@slipway/api';
import type { InferenceServiceStatus, RolloutStatus } from '@slipway/api';
import { planFor } from '../../../../operator/src/plan/index.ts';
import type { KubeObject, Observed, Plan, PlanConfig, RevisionFacts, RevisionRecord } from '../../../../operator/src/plan/index.ts';
import { withPods } from './facts.ts';

/** One thing that the rollout would do. */
export interface Moment {
  words: string;
  /** Pods of all revisions at that time. */
  pods: Readonly<Record<string, number>>;
  /** Only a person ends it. */
  waits: boolean;
}

export interface Foresight {
  moments: Moment[];
  /** Objects of full intent by `Kind/name`, as they were applied last; those removed later too. */
  applied: ReadonlyMap<string, KubeObject>;
  removed: readonly string[];
  /** Pods by revision when all is over. */
  after: Readonly<Record<string, number>>;
  /** Records by revision, new ones included. */
  records: Readonly<Record<string, RevisionRecord>>;
  /** Revision that did not exist before. */
  created?: string;
  /** The rollout would not go on by itself or by promotion: reason and words. */
  held?: { reason: string; message: string };
}

/** More passes than any release needs. */
const LONGEST = 3_000;

/** Where the world is after everything that the planner wants from `observed` on. */
export function foresee(observed: Observed, config: PlanConfig): Foresight {
  const told = { moments: [] as Moment[], applied: new Map<string, KubeObject>(), removed: [] as string[], known: new Set(observed.revisions.map(({ name }) => name)) };
  let world = observed;
  let last = '';
  for (let pass = 0; pass < LONGEST; pass += 1) {
    const plan = planFor(world, config);
    note(told, plan, world);
    const next = after(world, plan);
    const state = JSON.stringify([next.isvc.status, next.isvc.metadata.annotations, podsOf(next)]);
    const settled = state === last && plan.wakeAt === undefined;
    last = state;
    world = next;
    if (settled) break;
  }
  const created = world.revisions.find(({ name }) => !told.known.has(name))?.name;
  const held = heldAt(world.isvc.status);
  return {
    moments: told.moments,
    applied: told.applied,
    removed: told.removed,
    after: podsOf(world),
    records: Object.fromEntries(world.revisions.map(({ name, record }) => [name, record])),
    ...(created === undefined ? {} : { created }),
    ...(held === undefined ? {} : { held }),
  };
}

const HOLDS = ['Paused', 'ScaledToZero', 'Aborted', 'ProgressDeadlineExceeded', 'InvalidSpec'];

function heldAt(status: InferenceServiceStatus | undefined): Foresight['held'] {
  const rolledOut = status?.conditions?.find(({ type }) => type === 'RolledOut');
  const { reason = '', message = '' } = rolledOut ?? {};
  return rolledOut?.status === 'False' && HOLDS.includes(reason) ? { reason, message } : undefined;
}

export const podsOf = ({ revisions }: Observed): Record<string, number> => Object.fromEntries(revisions.flatMap(({ name, deployment }) => (deployment === undefined || deployment.replicas === 0 ? [] : [[name, deployment.replicas]])));

interface Told {
  moments: Moment[];
  applied: Map<string, KubeObject>;
  removed: string[];
}

function note(told: Told, plan: Plan, before: Observed): void {
  if (plan.revision !== undefined) told.applied.set(keyOf(plan.revision), plan.revision);
  for (const { object } of plan.objects) told.applied.set(keyOf(object), object);
  for (const { kind, name } of plan.prune) if (!told.removed.includes(`${kind}/${name}`)) told.removed.push(`${kind}/${name}`);
  const words = wordsOf(plan);
  if (words === undefined || words === told.moments.at(-1)?.words) return;
  told.moments.push({ words, pods: podsOf(after(before, plan)), waits: plan.status.rollout?.reason === 'AwaitingPromotion' });
}

const keyOf = ({ kind, metadata }: KubeObject): string => `${kind}/${metadata.name}`;

const podsWords = ({ candidate = '' }: RolloutStatus, pods: number): string => `${candidate} gets ${pods} ready pod${pods === 1 ? '' : 's'}`;

const WORDS: Readonly<Record<RolloutStatus['state'], (rollout: RolloutStatus, pods: number) => string | undefined>> = {
  Idle: ({ previous }) => (previous === undefined ? undefined : `${previous} is kept to switch back to`),
  Warming: podsWords,
  Shifting: ({ candidate, weight }) => `${weight}% of the traffic to ${candidate}`,
  Waiting: ({ message }) => message,
  Promoting: (rollout, pods) => (rollout.weight === 100 ? `100% of the traffic to ${rollout.candidate}` : podsWords(rollout, pods)),
  RollingBack: ({ candidate, stable }) => `the traffic of ${candidate} goes back to ${stable}`,
  Rejected: () => undefined,
};

/** What the rollout is at; undefined while none is under way. */
function wordsOf({ status: { rollout, revisions = [] } }: Plan): string | undefined {
  if (rollout === undefined) return undefined;
  return WORDS[rollout.state](rollout, revisions.find(({ name }) => name === rollout.candidate)?.desired ?? 0);
}

/** The world once the plan is carried out: pods ready, routers told, promotion given where it is waited for. */
function after(world: Observed, plan: Plan): Observed {
  const { isvc } = world;
  const revisions = [...world.revisions, ...createdBy(plan)].map((each) => scaled(each, plan)).filter(({ name }) => !isPruned(plan, 'ControllerRevision', name));
  const children = Object.fromEntries(Object.entries({ ...world.children, ...appliedChildren(plan) }).filter(([key]) => !plan.prune.some(({ kind, name }) => `${kind}/${name}` === key)));
  const sequence = plan.status.route?.sequence ?? 0;
  const entry = { uid: isvc.metadata.uid, name: isvc.metadata.name, sequence, listening: true, endpoints: {} };
  const promote = plan.status.rollout?.reason === 'AwaitingPromotion' ? plan.status.rollout.promote : undefined;
  const annotations = { ...isvc.metadata.annotations, ...(promote === undefined ? {} : { [ANNOTATIONS.promote]: promote }) };
  return {
    ...world,
    at: Math.max(world.at + 1_000, plan.wakeAt ?? 0),
    isvc: { ...isvc, status: plan.status, metadata: { ...isvc.metadata, annotations } },
    revisions,
    children,
    routers: { ready: 1, asked: true, pods: [{ name: 'router', ready: true, report: { pod: 'router', entries: [entry] } }] },
  };
}

const isPruned = ({ prune }: Plan, kind: string, name: string): boolean => prune.some((each) => each.kind === kind && each.name === name);

function createdBy({ revision, status }: Plan): RevisionFacts[] {
  if (revision === undefined) return [];
  const { name } = revision.metadata;
  return [{ name, hash: name, sequence: status.revisionSequence ?? 1, createdAt: 0, uid: name, resourceVersion: '1', record: revision['data'] as RevisionRecord, readyEndpoints: 0, pods: [] }];
}

function scaled(facts: RevisionFacts, plan: Plan): RevisionFacts {
  const { deployment, ...rest } = facts;
  if (isPruned(plan, 'Deployment', facts.name)) return { ...rest, readyEndpoints: 0, pods: [] };
  const intent = plan.objects.find(({ object }) => object.kind === 'Deployment' && object.metadata.name === facts.name)?.object;
  if (intent === undefined) return facts;
  const { replicas } = intent['spec'] as { replicas: number };
  return withPods({ ...facts, deployment: { uid: facts.name, resourceVersion: '1', generation: 1, observedGeneration: 1, ...deployment, replicas, readyReplicas: replicas } });
}

function appliedChildren({ objects }: Plan): Record<string, KubeObject> {
  const applied = objects.map(({ object }) => object).filter(({ kind }) => kind !== 'Deployment');
  return Object.fromEntries(applied.map((object) => [keyOf(object), { ...object, metadata: { ...object.metadata, uid: keyOf(object), resourceVersion: '1' } }]));
}
