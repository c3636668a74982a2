// Owns whether an InferenceService shall have a ServiceMonitor. Must not build it.
import { scrapedOf } from '../resources/index.ts';
import type { Observed } from '../types.ts';

/** A server of one's own may have no metrics to scrape. */
export const hasMetrics = ({ isvc }: Observed): boolean => scrapedOf(isvc.spec) !== undefined;

export const wantsMonitor = (observed: Observed): boolean => observed.apis.serviceMonitor && observed.isvc.spec.monitoring.serviceMonitor.enabled && hasMetrics(observed);
