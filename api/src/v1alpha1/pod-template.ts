// Owns spec.podTemplate: the closed list of additions to serving pods. Must not know how they are merged.
import { z } from 'zod';
import { LABELS } from '../names.ts';
import { doc, kube } from '../meta.ts';
import { labelMap, namedList, objectName, opaque, opaqueList, textMap } from './fields.ts';

const OURS = [LABELS.name, LABELS.instance, LABELS.component, LABELS.managedBy, LABELS.inferenceService, LABELS.revision];
const noLabelOfOurs = {
  rule: `![${OURS.map((label) => `'${label}'`).join(', ')}].exists(label, label in self)`,
  message: `the labels app.kubernetes.io/{name,instance,component,managed-by} and ${LABELS.inferenceService}, ${LABELS.revision} are set by Slipway; remove them`,
};

export const PodTemplateSpec = doc(
  z.object({
    labels: labelMap('Labels of the pods.', [noLabelOfOurs]).optional(),
    annotations: textMap('Annotations of the pods.').optional(),
    nodeSelector: labelMap('Labels that a node must have.').optional(),
    tolerations: opaqueList(32, 'Taints that the pods tolerate.').optional(),
    affinity: opaque('Affinity of the pods.').optional(),
    topologySpreadConstraints: opaqueList(16, 'How pods spread. Default: over nodes and zones, as far as possible.').optional(),
    serviceAccountName: doc(objectName().optional(), 'ServiceAccount of the pods. Its token is not mounted.'),
    imagePullSecrets: kube(z.array(doc(z.object({ name: doc(objectName(), 'Name of the Secret.') }), 'One Secret.')).max(16), {
      description: 'Secrets for pulling the images.',
      listType: 'map',
      listMapKeys: ['name'],
    }).optional(),
    priorityClassName: doc(objectName().optional(), 'PriorityClass of the pods.'),
    securityContext: opaque('Security context of the pods, merged over the one that meets Pod Security restricted.').optional(),
    volumes: namedList(32, 'Volumes for initContainers and sidecars.', ['models', 'tmp', 'pvc']).optional(),
    initContainers: namedList(8, 'Containers that run after the package was fetched and before the server starts; volume `models` holds the package.', ['fetch', 'server']).optional(),
    sidecars: namedList(8, 'Containers beside the server.', ['fetch', 'server']).optional(),
  }),
  'Additions to the serving pods. A closed list; its deep parts are those of a Kubernetes pod and checked by the API server. A change here makes a new revision.',
);
export type PodTemplateSpec = z.infer<typeof PodTemplateSpec>;
