// Owns when two specs make the same pods: the recorded one and the present one, both defaulted with today's defaults.
// Must not know records, names in use, or which revision is current.
import { createHash } from 'node:crypto';
import { ModelSpec, PodTemplateSpec, ResourcesSpec, RUNTIMES, RuntimeSpec } from '@slipway/api';
import type { InferenceServiceSpec } from '@slipway/api';
import type { RevisionSpec } from '../types.ts';

const HASH_LENGTH = 10;

/** The part of a spec that makes pods, and nothing else. */
export function revisionSpecOf({ model, runtime, resources, podTemplate }: InferenceServiceSpec): RevisionSpec {
  return {
    model,
    ...(runtime === undefined ? {} : { runtime }),
    ...(resources === undefined ? {} : { resources }),
    ...(podTemplate === undefined ? {} : { podTemplate }),
  };
}

interface Defaulting {
  safeParse(value: unknown): { success: boolean; data?: unknown };
}

/** Today's defaults put in; what today's schema cannot read stays as it is, so it only equals itself. */
const defaulted = (schema: Defaulting, value: unknown): unknown => {
  const result = schema.safeParse(value);
  return result.success ? result.data : value;
};

/** JSON with sorted keys and nothing empty at the top: equal text is the same revision. */
export function canonical({ model, runtime, resources, podTemplate }: RevisionSpec): string {
  const parts = {
    model: defaulted(ModelSpec, model),
    runtime: runtime === undefined ? undefined : withPort(defaulted(RuntimeSpec, runtime)),
    resources: resources === undefined ? undefined : defaulted(ResourcesSpec, resources),
    podTemplate: podTemplate === undefined ? undefined : defaulted(PodTemplateSpec, podTemplate),
  };
  return stableJson(Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined && stableJson(value) !== '{}')));
}

/** Records of old have the port that the schema gave once; today it comes from the table. */
function withPort(runtime: unknown): unknown {
  const { protocol } = runtime as RuntimeSpec;
  return protocol in RUNTIMES ? { port: RUNTIMES[protocol].port, ...(runtime as RuntimeSpec) } : runtime;
}

/** JSON whose text does not depend on the order in which keys were written. */
export function stableJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((each) => stableJson(each === undefined ? null : each)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => `${JSON.stringify(key)}:${stableJson(each)}`).join(',')}}`;
}

export const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Name part of a revision; `attempt` tells apart different specs that would get the same one. */
export const hashOf = (canonicalSpec: string, attempt: number): string => sha256Of(attempt === 0 ? canonicalSpec : `${canonicalSpec} ${attempt}`).slice(0, HASH_LENGTH);
