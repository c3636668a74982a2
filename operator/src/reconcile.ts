// Owns the order of a pass: observe, plan, record, act, wake. It reads like a table of contents; the work is done by what it calls.
// Must not look into any object.
import type { Observe } from './observe/observe.ts';
import type { ClockSteps } from './observe/clock-steps.ts';
import type { ObserveNamespace } from './observe/namespace.ts';
import type { Act } from './runtime/act.ts';
import type { Log } from './runtime/log.ts';
import type { Outcome } from './runtime/outcome.ts';
import type { Pass } from './runtime/runner.ts';
import { outcomeOf } from './runtime/verdicts.ts';
import type { NamespacePlan, Observed, ObservedNamespace, Plan } from './types.ts';

export interface ReconcileParts {
  observe: Observe;
  observeNamespace: ObserveNamespace;
  planFor: (observed: Observed) => Plan;
  planForNamespace: (observed: ObservedNamespace) => NamespacePlan;
  act: Act;
  steps: ClockSteps;
}

/** A pass over one key: `namespace/name` is an InferenceService, `namespace` the routers of a namespace. */
export function createReconcile(parts: ReconcileParts): Pass {
  return async (key, log) => {
    const lagging = parts.act.lagging(key);
    if (lagging !== undefined) return lagging;
    try {
      return await (key.includes('/') ? reconcileService(parts, key, log) : reconcileNamespace(parts, key, log));
    } catch (error) {
      return outcomeOf(error);
    }
  };
}

async function reconcileService({ observe, planFor, act, steps }: ReconcileParts, key: string, log: Log): Promise<Outcome> {
  const observed = await observe(key);
  if (observed === undefined) return forget(key, act, steps);
  const scope = act.scopeOfService(key, observed.isvc, log);
  const plan = planFor(observed);
  await act.restoreRevisions(scope, plan.restored);
  await act.recordRevision(scope, plan.revision);
  await act.recordStatus(scope, observed, plan);
  steps.recorded(key);
  await act.carryOut(scope, plan.objects, plan.prune);
  return act.wake(scope, observed.at, plan.wakeAt);
}

function forget(key: string, act: Act, steps: ClockSteps): Outcome {
  steps.forget(key);
  return act.forget(key);
}

async function reconcileNamespace({ observeNamespace, planForNamespace, act }: ReconcileParts, key: string, log: Log): Promise<Outcome> {
  const observed = await observeNamespace(key);
  const scope = act.scopeOfNamespace(key, log);
  const plan = planForNamespace(observed);
  await act.carryOut(scope, act.inTurn(scope, plan.objects), plan.prune);
  return act.wake(scope, observed.at, plan.wakeAt);
}
