// Owns the InferenceService object as a whole: metadata we read, spec after defaulting, status.
import { z } from 'zod';
import { doc, kube } from '../meta.ts';
import { API_VERSION, KIND, ROUTER_NAME } from '../names.ts';
import { InferenceServiceSpec } from './spec.ts';
import { InferenceServiceStatus } from './status.ts';

export const ObjectMeta = z.looseObject({
  name: z.string(),
  namespace: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  generation: z.number().int(),
  creationTimestamp: z.string(),
  deletionTimestamp: z.string().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  labels: z.record(z.string(), z.string()).optional(),
});

/** Longest metadata.name: children add a hash or a suffix and must stay within 63 characters. */
export const MAX_NAME_LENGTH = 40;

export const InferenceService = kube(
  z.object({
    apiVersion: doc(z.literal(API_VERSION), 'Version of this API.'),
    kind: doc(z.literal(KIND), 'Kind of this object.'),
    metadata: ObjectMeta,
    spec: InferenceServiceSpec,
    status: InferenceServiceStatus.optional(),
  }),
  {
    description: 'A model as a service: serving pods, a stable URL, traffic splits between versions, and monitoring.',
    cel: [
      {
        rule: `self.metadata.name.size() <= ${String(MAX_NAME_LENGTH)} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')`,
        message: `metadata.name must start with a letter, hold only lower-case letters, digits and hyphens, end in a letter or digit, and have at most ${String(MAX_NAME_LENGTH)} characters: it becomes the name of Services`,
      },
      { rule: `self.metadata.name != '${ROUTER_NAME}'`, message: `the name ${ROUTER_NAME} is taken by the routers of the namespace; choose another name` },
    ],
  },
);
export type InferenceService = z.infer<typeof InferenceService>;
