// Owns the Deployment of a revision. Its template never changes after birth, so neither do its pods.
// Must not know releases; replicas are put on when it is applied.
import { LABELS, revisionLabels } from '@slipway/api';
import type { KubeObject } from '../types.ts';
import { renderPod } from './revision-pod.ts';
import type { RevisionInput } from './revision-input.ts';

/** Complete but for replicas and owner references. */
export function renderDeployment(input: RevisionInput): KubeObject {
  const { isvc, revision } = input;
  const { name, namespace } = isvc.metadata;
  const { podTemplate } = isvc.spec;
  const labels = revisionLabels(name, revision);
  const annotations = podTemplate?.annotations;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: revision, namespace, labels },
    spec: {
      // Undo re-applies a recorded revision; old ReplicaSets of one unchanging template have no use.
      revisionHistoryLimit: 0,
      selector: { matchLabels: { [LABELS.revision]: revision } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: { ...podTemplate?.labels, ...labels }, ...(annotations === undefined ? {} : { annotations }) },
        spec: renderPod(input),
      },
    },
  };
}
