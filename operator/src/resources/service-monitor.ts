// Owns the ServiceMonitor of an InferenceService: it selects the revision Services, so every pod is scraped once.
// Must not know whether its CRD exists.
import { durationMs, LABELS, serviceMonitorName } from '@slipway/api';
import type { MonitoringSpec } from '@slipway/api';
import type { KubeObject, RevisionSpec } from '../types.ts';
import { childMetadata } from './owner.ts';
import type { Owner } from './owner.ts';
import { runtimePorts } from './runtime-conventions.ts';

/** Prometheus' spelling of a Service label. */
const serviceLabel = (label: string): string => `__meta_kubernetes_service_label_${label.replaceAll(/[^A-Za-z0-9_]/g, '_')}`;
const relabel = (label: string, targetLabel: string): Record<string, unknown> => ({ action: 'replace', sourceLabels: [serviceLabel(label)], targetLabel });

/** Prometheus knows no fractions (1.5m) and wants units in falling order; seconds and milliseconds it always reads. */
function prometheusDuration(duration: string): string {
  const ms = durationMs(duration);
  return ms % 1000 === 0 ? `${String(ms / 1000)}s` : `${String(ms)}ms`;
}

/** Where a revision's pods have their metrics: a port of its Service by name, and a path. */
export interface Scraped {
  port: string;
  path: string;
}

/** Undefined where the user's server has none. */
export function scrapedOf({ runtime }: Pick<RevisionSpec, 'runtime'>): Scraped | undefined {
  if (runtime === undefined) return { port: 'admin', path: '/metrics' };
  const { metrics } = runtimePorts(runtime);
  return metrics === undefined ? undefined : { port: 'metrics', path: metrics.path };
}

/** `labels` are for a Prometheus that selects monitors by label; ours win over them. `scraped`: what the serving revisions have. */
export function serviceMonitorFor(owner: Owner, { interval, labels }: MonitoringSpec['serviceMonitor'], scraped: readonly Scraped[]): KubeObject {
  const metadata = childMetadata(owner, serviceMonitorName(owner.metadata.name));
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'ServiceMonitor',
    metadata: { ...metadata, labels: { ...labels, ...metadata.labels } },
    spec: {
      // One job per InferenceService, not one per revision.
      jobLabel: LABELS.inferenceService,
      selector: { matchLabels: { [LABELS.inferenceService]: owner.metadata.name, [LABELS.component]: 'server' } },
      endpoints: scraped.map(({ port, path }) => ({
        port,
        path,
        // The server's own `version` label is the same thing, unabridged: it stays, instead of becoming exported_version.
        honorLabels: true,
        interval: prometheusDuration(interval),
        relabelings: [
          relabel(LABELS.inferenceService, 'inferenceservice'),
          relabel(LABELS.revision, 'revision'),
          relabel(LABELS.modelVersion, 'version'),
          relabel(LABELS.role, 'role'),
        ],
      })),
    },
  };
}
