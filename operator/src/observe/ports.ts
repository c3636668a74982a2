// Owns reading the port allocation of a namespace from its ConfigMap. Must not allocate.
import { PORTS_KEY } from '@slipway/api';
import type { KubeObject } from '@slipway/kube';
import type { PortAllocation } from '../types.ts';

/** Ports by uid of the InferenceService; undefined for a ConfigMap that is not there or that somebody broke. */
export function allocatedIn(map: KubeObject | undefined): PortAllocation['allocated'] | undefined {
  const text = (map?.['data'] as Record<string, string> | undefined)?.[PORTS_KEY];
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Partial<PortAllocation>).allocated;
  } catch {
    return undefined;
  }
}
