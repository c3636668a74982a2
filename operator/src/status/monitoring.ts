// Owns whether an InferenceService shall have a ServiceMonitor. Must not build it.
import type { Observed } from '../types.ts';

/** A server of one's own has no admin port to scrape. */
export const wantsMonitor = ({ isvc, apis }: Observed): boolean => apis.serviceMonitor && isvc.spec.monitoring.serviceMonitor.enabled && isvc.spec.runtime === undefined;
