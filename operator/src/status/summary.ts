// Owns phase and columns: one word and a few short strings for people. Must not decide conditions.
import type { ConditionInput, InferenceServiceStatus } from '@slipway/api';
import { isActive, stepsOf } from '../rollout/index.ts';
import type { View } from './view.ts';

type Phase = NonNullable<InferenceServiceStatus['phase']>;
type Summary = NonNullable<InferenceServiceStatus['summary']>;
type Conditions = readonly ConditionInput[];

const holds = (conditions: Conditions, type: ConditionInput['type']): boolean => conditions.some((each) => each.type === type && each.status === 'True');

/** All conditions in one word. */
export function phaseOf(view: View, conditions: Conditions): Phase {
  if (holds(conditions, 'Stalled')) return 'Degraded';
  if ((view.newestCause ?? view.servingCause ?? view.routersCause) !== undefined) return 'Degraded';
  if (view.held) return 'Paused';
  if (view.route === undefined) return 'Pending';
  if (isActive(view.advanced.rollout) || !holds(conditions, 'RolledOut')) return 'Progressing';
  if (holds(conditions, 'Ready')) return 'Healthy';
  return idlePhase(view, conditions);
}

function idlePhase({ ready }: View, conditions: Conditions): Phase {
  return ready > 0 || holds(conditions, 'Progressing') ? 'Progressing' : 'Degraded';
}

export function summaryOf(view: View, conditions: Conditions, phase: Phase): Summary {
  const { advanced, versionOf, ready, wanted } = view;
  const { stable } = advanced.rollout;
  const serving = stable ?? view.serving[0]?.name;
  const reason = phase === 'Healthy' ? undefined : reasonOf(view, conditions);
  return {
    ready: `${ready}/${wanted}`,
    ...candidateColumns(view),
    ...(reason === undefined ? {} : { reason }),
    ...(serving === undefined ? {} : { version: versionOf(serving) }),
    ...(stable === undefined ? {} : { stable }),
  };
}

/** CANARY, WEIGHT and STEP: blank where there is nothing to compare. */
function candidateColumns({ advanced, acknowledged, facts }: View): Summary {
  const { rollout } = advanced;
  if (!isActive(rollout) || rollout.stable === undefined) return {};
  const weight = acknowledged.traffic.find((each) => each.revision === rollout.candidate)?.weight ?? 0;
  const steps = stepsOf(rollout.recipe, facts.replicas).length;
  return { canary: rollout.candidate, weight: `${weight}%`, ...(steps === 0 ? {} : { step: `${Math.min(rollout.step + 1, steps)}/${steps}` }) };
}

/** The first of: what only a human can end, what blocks the pods, what the rollout is at, what keeps the URL from answering. */
function reasonOf(view: View, conditions: Conditions): string {
  const stalled = conditions.find((each) => each.type === 'Stalled' && each.status === 'True')?.reason;
  const found = view.newestCause ?? view.servingCause ?? view.routersCause;
  return stalled ?? found?.reason ?? underWay(view, conditions);
}

function underWay({ advanced, doing }: View, conditions: Conditions): string {
  if (isActive(advanced.rollout)) return doing?.reason ?? advanced.because.reason;
  const rolledOut = conditions.find((each) => each.type === 'RolledOut' && each.status === 'False')?.reason;
  return rolledOut ?? conditions.find((each) => each.type === 'Ready' && each.status === 'False')?.reason ?? advanced.because.reason;
}
