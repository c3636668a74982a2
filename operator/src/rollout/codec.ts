// Owns the rollout value's form in status.rollout: the whole position, so that any operator can carry on. Total both ways.
// Must not decide. A status that cannot be read as a position gives undefined; the caller recovers from the routes.
import { durationMs, REASONS } from '@slipway/api';
import type { Reason, RolloutStatus } from '@slipway/api';
import type { Because, Forward, LastCommand, Recipe, Rollout } from './types.ts';
import { promoteValue } from './commands.ts';
import { isActive } from './position.ts';
import { stepsOf } from './recipe.ts';

const instant = (ms: number): string => new Date(ms).toISOString();
const moment = (text: string | undefined, otherwise: number): number => {
  const at = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? otherwise : at;
};

/** Position as it is written to the status. `replicas` only for the number of steps, `because` in words. */
export function statusOf(r: Rollout, because: Because, replicas: number): RolloutStatus {
  return {
    state: r.state,
    ...(r.stable === undefined ? {} : { stable: r.stable }),
    ...('candidate' in r ? { candidate: r.candidate } : {}),
    ...(r.previous === undefined ? {} : { previous: r.previous.revision, previousUntil: instant(r.previous.until) }),
    since: instant(r.since),
    ...activeStatus(r, replicas),
    ...('cause' in r ? { cause: r.cause } : {}),
    reason: because.reason,
    message: because.message,
    ...(Object.keys(r.handled).length === 0 ? {} : { handled: r.handled }),
    ...(r.lastCommand === undefined ? {} : { lastCommand: { ...r.lastCommand, at: instant(r.lastCommand.at) } }),
  };
}

function activeStatus(r: Rollout, replicas: number): Partial<RolloutStatus> {
  if (!isActive(r)) return {};
  return {
    step: r.step,
    steps: stepsOf(r.recipe, replicas).length,
    plan: JSON.stringify(r.recipe),
    weight: r.weight,
    ...(r.state === 'Waiting' ? { promote: promoteValue(r) } : {}),
    progressAt: instant(r.progress.at),
    progressReady: r.progress.ready,
    ...(r.progress.bytes === 0 ? {} : { progressBytes: r.progress.bytes }),
    ...(r.pausedAt === undefined ? {} : { pausedAt: instant(r.pausedAt) }),
  };
}

/** The position that a status tells; `otherwise` is the recipe where the recorded one cannot be read. */
export function rolloutOf(status: RolloutStatus, otherwise: Recipe, now: number): Rollout | undefined {
  const { state, stable, candidate } = status;
  const common = commonOf(status, now);
  // A revision plays one part only; whoever wrote otherwise did not mean a rollout.
  if (state === 'Idle' || (candidate !== undefined && candidate === stable)) return { ...common, state: 'Idle' };
  if (candidate === undefined) return undefined;
  if (state === 'Rejected') return { ...common, state, candidate, cause: causeOf(status) };
  const active = { ...common, ...activeOf(status, otherwise, now), candidate };
  return state === 'RollingBack' ? { ...active, state, cause: causeOf(status) } : { ...active, state };
}

function activeOf(status: RolloutStatus, otherwise: Recipe, now: number): Omit<Forward, 'state' | 'candidate' | keyof ReturnType<typeof commonOf>> {
  return {
    recipe: recipeOf(status.plan, otherwise),
    step: status.step ?? 0,
    weight: status.weight ?? 0,
    progress: { at: moment(status.progressAt, now), ready: status.progressReady ?? 0, bytes: status.progressBytes ?? 0 },
    ...(status.pausedAt === undefined ? {} : { pausedAt: moment(status.pausedAt, now) }),
  };
}

function commonOf(status: RolloutStatus, now: number): Pick<Rollout, 'stable' | 'previous' | 'since' | 'handled' | 'lastCommand'> {
  return {
    since: moment(status.since, now),
    handled: definedOnly(status.handled ?? {}),
    ...(status.stable === undefined ? {} : { stable: status.stable }),
    ...(status.previous === undefined || [status.stable, status.candidate].includes(status.previous) ? {} : { previous: { revision: status.previous, until: moment(status.previousUntil, now) } }),
    ...(status.lastCommand === undefined ? {} : { lastCommand: commandOf(status.lastCommand, now) }),
  };
}

function commandOf(told: NonNullable<RolloutStatus['lastCommand']>, now: number): LastCommand {
  return { verb: told.verb, revision: told.revision, result: told.result, at: moment(told.at, now), message: told.message ?? '' };
}

function definedOnly(handled: NonNullable<RolloutStatus['handled']>): Rollout['handled'] {
  return Object.fromEntries(Object.entries(handled).filter(([, value]) => value !== undefined));
}

const isReason = (text: string): text is Reason => Object.hasOwn(REASONS, text);

function causeOf({ cause }: RolloutStatus): Because {
  return cause !== undefined && isReason(cause.reason) ? { reason: cause.reason, message: cause.message } : { reason: 'Aborted', message: cause?.message ?? 'the candidate was given up' };
}

/** Field by field, so that a record written by another version of the operator still counts. */
function recipeOf(text: string | undefined, otherwise: Recipe): Recipe {
  const read = parsed(text);
  const merged = { ...otherwise, ...read };
  return isRunnable(merged) ? merged : otherwise;
}

function parsed(text: string | undefined): Partial<Recipe> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function isRunnable(recipe: Recipe): boolean {
  try {
    for (const step of recipe.canarySteps) if (step.pause?.duration !== undefined) durationMs(step.pause.duration);
    return ['Canary', 'BlueGreen', 'RollingUpdate'].includes(recipe.strategy) && Number.isFinite(recipe.progressDeadlineMs) && Number.isFinite(recipe.scaleDownDelayMs);
  } catch {
    return false;
  }
}
