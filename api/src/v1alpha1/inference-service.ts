// Owns the InferenceService object as a whole: metadata we read, spec after defaulting, status.
import { z } from 'zod';
import { API_VERSION, KIND } from '../names.ts';
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

export const InferenceService = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal(KIND),
  metadata: ObjectMeta,
  spec: InferenceServiceSpec,
  status: InferenceServiceStatus.optional(),
});
export type InferenceService = z.infer<typeof InferenceService>;
