// Owns the field types that several parts of the spec share: durations, names, bounded maps and passed-on pod parts.
// Must not know any field of the spec.
import { z } from 'zod';
import { kube } from '../meta.ts';

const DURATION = /^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/;
const QUANTITY = '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$';
const LABEL = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

/** Go-style duration such as 90s, 2m or 1h30m. */
export const duration = (): z.ZodString => z.string().max(32).regex(DURATION);

/** Name of an object of another kind in the same namespace. */
export const objectName = (): z.ZodString => z.string().min(1).max(253).regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

type StringMap = z.ZodRecord<z.ZodString, z.ZodString>;

/** Labels or a node selector: values are label values. */
export const labelMap = (description: string, cel: { rule: string; message: string }[] = []): StringMap =>
  kube(z.record(z.string(), z.string().max(63).regex(LABEL)), { description, maxProperties: 64, cel });

/** Annotations: free text. */
export const textMap = (description: string): StringMap => kube(z.record(z.string(), z.string().max(16_384)), { description, maxProperties: 64 });

/** A number or text such as 100m or 1Gi. */
const quantity = kube(z.union([z.int(), z.string()]), { intOrString: true, maxLength: 32, pattern: QUANTITY });
type QuantityMap = z.ZodRecord<z.ZodString, typeof quantity>;
export const quantityMap = (description: string): QuantityMap => kube(z.record(z.string(), quantity), { description, maxProperties: 32 });

/** A deep part of the pod, passed on unchanged; the API server checks it in a dry-run apply of the Deployment. */
type Opaque = z.ZodObject<Record<never, never>, z.core.$loose>;
export const opaque = (description: string): Opaque => kube(z.looseObject({}), { description });
export const opaqueList = (max: number, description: string): z.ZodArray<Opaque> =>
  kube(z.array(z.looseObject({})).max(max), { description, listType: 'atomic' });

type Named = z.ZodObject<{ name: z.ZodString }, z.core.$loose>;
/** Deep parts that Kubernetes keys by name. `reserved` names are ours. */
export const namedList = (max: number, description: string, reserved: readonly string[]): z.ZodArray<Named> =>
  kube(z.array(z.looseObject({ name: kube(z.string().min(1).max(63), { description: 'Unique name in its list.' }) })).max(max), {
    description,
    listType: 'map',
    listMapKeys: ['name'],
    cel: [
      {
        rule: `!self.exists(item, item.name in [${reserved.map((name) => `'${name}'`).join(', ')}])`,
        message: `the names ${reserved.join(', ')} are taken by Slipway's own; choose another name`,
      },
    ],
  });
