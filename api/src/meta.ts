// Owns the small vocabulary that attaches Kubernetes meaning to zod schemas (CEL rules, list types); read by crd.ts.
// Schemas use a restricted subset: object, looseObject, array, record, string, int, boolean, enum, literal, optional, default, prefault.
import type { z } from 'zod';

export interface CelRule {
  rule: string;
  /** What is wrong and what to do about it. */
  message: string;
  fieldPath?: string;
}

export interface KubeMeta {
  /** What the field is for, as `kubectl explain` and the reference page show it. */
  description?: string;
  cel?: CelRule[];
  listType?: 'atomic' | 'set' | 'map';
  listMapKeys?: string[];
  mapType?: 'atomic' | 'granular';
  /** Most entries of a map; the API server checks it. */
  maxProperties?: number;
  /** With z.union([z.int(), z.string()]). */
  intOrString?: boolean;
  /** Longest text of an int-or-string, and its pattern. */
  maxLength?: number;
  pattern?: string;
}

/** Attaches Kubernetes metadata to a schema and returns it, typed as before. */
export function kube<T extends z.ZodType>(schema: T, meta: KubeMeta): T {
  const { description, ...rest } = meta;
  return schema.meta({ ...(description === undefined ? {} : { description }), ...(Object.keys(rest).length === 0 ? {} : { kube: rest }) });
}

/** Describes a field; the commonest use of `kube`. */
export const doc = <T extends z.ZodType>(schema: T, description: string): T => kube(schema, { description });
