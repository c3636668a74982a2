// Owns the status while nothing is done: the InferenceService is being deleted, or its spec cannot be read. Must not decide which.
// What was known stays; only what is different is told.
import { mergeConditions } from '@slipway/api';
import type { ConditionInput, InferenceServiceStatus } from '@slipway/api';
import type { Observed } from '../types.ts';

type Phase = NonNullable<InferenceServiceStatus['phase']>;

/** The owner references do the work; the status only says so. */
export function terminatingStatus(observed: Observed): InferenceServiceStatus {
  const message = 'the InferenceService is being deleted';
  const said = { status: 'False', reason: 'Terminating', message } as const;
  return standing(observed, 'Terminating', [{ type: 'Ready', ...said }, { type: 'Progressing', ...said }]);
}

/** Only a human can correct the spec; what serves goes on serving. */
export function invalidStatus(observed: Observed, problem: string): InferenceServiceStatus {
  const said = { reason: 'InvalidSpec', message: problem } as const;
  return standing(observed, 'Degraded', [
    { type: 'RolledOut', status: 'False', ...said },
    { type: 'Progressing', status: 'False', ...said },
    { type: 'Stalled', status: 'True', ...said },
  ]);
}

function standing({ isvc, at }: Observed, phase: Phase, told: readonly ConditionInput[]): InferenceServiceStatus {
  const before = isvc.status?.conditions ?? [];
  const merged = mergeConditions(before, told, new Date(at).toISOString(), isvc.metadata.generation);
  const others = before.filter((each) => !told.some((now) => now.type === each.type));
  const reason = told.at(-1)?.reason;
  return {
    ...isvc.status,
    observedGeneration: isvc.metadata.generation,
    phase,
    conditions: [...merged, ...others],
    summary: { ...isvc.status?.summary, ...(reason === undefined ? {} : { reason }) },
  };
}
