// Reads an InferenceService the way a person would: is it done, and if not, what is it at. Pure.
import type { InferenceService } from '@slipway/api';

/** True once the present spec answers with the asked capacity and its revision is the stable one. */
export function isDone(service: InferenceService): boolean {
  const current = (type: string): boolean => {
    const condition = service.status?.conditions?.find((each) => each.type === type);
    return condition?.status === 'True' && (condition.observedGeneration ?? 0) >= (service.metadata.generation ?? 0);
  };
  return current('Ready') && current('RolledOut');
}

/** What it is at: phase, ready pods, and the reason with its message while it is not done. */
export function describeState(service: InferenceService): string {
  const status = service.status;
  if (status === undefined) return 'waiting for the operator';
  const blocking = status.conditions?.find((each) => each.status !== 'True' && ['Ready', 'ModelLoaded', 'RolledOut'].includes(each.type));
  const parts = [status.phase, status.summary?.ready, status.summary?.reason ?? blocking?.reason, blocking?.message];
  return parts.filter((part) => part !== undefined && part !== '').join(' · ');
}
