// Owns the CustomResourceDefinition of InferenceService: names, columns and subresources around the two schemas. Pure.
// Must not know YAML, files, or who installs it.
import { GROUP, KIND, PLURAL, VERSION } from './names.ts';
import { structuralSchema } from './structural.ts';
import type { Json } from './structural.ts';
import { InferenceService } from './v1alpha1/inference-service.ts';
import { InferenceServiceSpec } from './v1alpha1/spec.ts';
import { InferenceServiceStatus } from './v1alpha1/status.ts';

interface Column {
  name: string;
  type: 'string' | 'date';
  jsonPath: string;
  description?: string;
  priority?: number;
}

/** READY, REASON and so on come from status.summary, blank where there is nothing. */
const COLUMNS: Column[] = [
  { name: 'URL', type: 'string', jsonPath: '.status.url', description: 'URL inside the cluster.' },
  { name: 'READY', type: 'string', jsonPath: '.status.summary.ready', description: 'Ready pods of the wanted ones.' },
  { name: 'PHASE', type: 'string', jsonPath: '.status.phase', description: 'All conditions in one word.' },
  { name: 'CANARY', type: 'string', jsonPath: '.status.summary.canary', description: 'The candidate, while there is one.' },
  { name: 'WEIGHT', type: 'string', jsonPath: '.status.summary.weight', description: "The candidate's acknowledged share of the traffic." },
  { name: 'STEP', type: 'string', jsonPath: '.status.summary.step', description: 'Step of the rollout.' },
  { name: 'REASON', type: 'string', jsonPath: '.status.summary.reason', description: 'First blocking cause.' },
  { name: 'VERSION', type: 'string', jsonPath: '.status.summary.version', description: 'Model version that serves.' },
  { name: 'STABLE', type: 'string', jsonPath: '.status.summary.stable', description: 'The stable revision.', priority: 1 },
  { name: 'AGE', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

/** The whole CRD as a plain object with its keys in a fixed order. Throws SchemaError where a schema leaves the subset. */
export function inferenceServiceCrd(): Json {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${PLURAL}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { kind: KIND, listKind: `${KIND}List`, plural: PLURAL, singular: KIND.toLowerCase(), shortNames: ['isvc', 'slipisvc'], categories: ['slipway'] },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          additionalPrinterColumns: COLUMNS,
          subresources: {
            status: {},
            scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' },
          },
          schema: { openAPIV3Schema: rootSchema() },
        },
      ],
    },
  };
}

/** apiVersion, kind and metadata are the API server's own; it only lets a root rule look at metadata.name. */
function rootSchema(): Json {
  const { description, kube } = InferenceService.meta() as { description: string; kube: { cel: unknown[] } };
  return {
    description,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { description: 'Version of this API.', type: 'string' },
      kind: { description: 'Kind of this object.', type: 'string' },
      metadata: { type: 'object' },
      spec: structuralSchema(InferenceServiceSpec, 'spec', { bounded: true }),
      status: structuralSchema(InferenceServiceStatus, 'status', { bounded: false }),
    },
    'x-kubernetes-validations': kube.cel,
  };
}
