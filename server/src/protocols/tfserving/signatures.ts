// Owns which signature of a model a name means. PURE.
import { InferenceError } from '../../inference/errors.ts';
import { DEFAULT_SIGNATURE, type ServingSpec } from '../../inference/spec.ts';

/** The name that a model's own signature, or one of its others, is served by. */
export const nameOf = ({ signatureName = DEFAULT_SIGNATURE }: ServingSpec): string => signatureName;

/** A signature that a call runs: what it takes and gives, and its name if it is not the model's own. */
export interface Signed {
  spec: ServingSpec;
  signature?: string;
}

/** No name means the model's own signature, and so does `serving_default` where no signature is called so. Undefined: there is none. */
export function signed(spec: ServingSpec, name: string): Signed | undefined {
  if (name === '' || name === nameOf(spec)) return { spec };
  const { others = {} } = spec;
  const other = Object.hasOwn(others, name) ? others[name] : undefined;
  if (other !== undefined) return { spec: other, signature: name };
  return name === DEFAULT_SIGNATURE ? { spec } : undefined;
}

/** gRPC has a code of its own for it. */
export class NoSignature extends InferenceError {
  constructor(name: string) {
    super('invalid_input', `Serving signature key "${name.slice(0, 200)}" not found.`);
  }
}

/** All signatures of a model, by name. */
export const allOf = (spec: ServingSpec): Readonly<Record<string, ServingSpec>> => ({ [nameOf(spec)]: spec, ...spec.others });
