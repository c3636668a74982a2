// Owns the small vocabulary that attaches Kubernetes meaning to zod schemas (CEL rules, list types); read by the CRD generator.
// Schemas use a restricted subset: object, array, record, string, int, number, boolean, enum, optional, default.
import type { z } from 'zod';

export interface CelRule {
  rule: string;
  /** What is wrong and what to do about it. */
  message: string;
  fieldPath?: string;
}

export interface KubeMeta {
  description?: string;
  cel?: CelRule[];
  listType?: 'atomic' | 'set' | 'map';
  listMapKeys?: string[];
  mapType?: 'atomic' | 'granular';
  preserveUnknownFields?: boolean;
  intOrString?: boolean;
}

/** Attaches Kubernetes metadata to a schema and returns it, typed as before. */
export function kube<T extends z.ZodType>(schema: T, meta: KubeMeta): T {
  const { description, ...rest } = meta;
  return schema.meta({ ...(description === undefined ? {} : { description }), kube: rest });
}
