// Owns the way from a call's `inputs` (JSON) to tensors ready to run: names, lists, checks, numeric preprocessing.
// Must not know texts or how pictures are decoded; it runs in the main thread or, for large bodies, in a worker.
import type { DType, NumericPreprocessing } from '@slipway/api';
import { checkContract } from './data-contract.ts';
import { invalidInput } from './errors.ts';
import { bytesFromB64, describe, flatten } from './nested.ts';
import { applyNumericSteps } from './numeric.ts';
import type { ServingSpec } from './spec.ts';
import { layoutOf, sizeOf, type Tensor, type TensorData } from './tensor.ts';
import { validate } from './validate.ts';

export interface Prepared {
  tensors: Tensor[];
  rows: number;
}

/**
 * Checks and converts what a caller sent for a model that takes tensors.
 * @param own the request's preprocessing; it replaces the package's numeric steps
 * @throws InferenceError invalid_input, data_contract_violation
 */
export function prepareInputs(inputs: unknown, spec: ServingSpec, own: NumericPreprocessing | undefined): Prepared {
  return prepareTensors(tensorsOf(inputs, spec), spec, own);
}

/**
 * The same for tensors that did not come as JSON.
 * @param nonFinite takes NaN and Infinity where the contract says nothing
 */
export function prepareTensors(tensors: readonly Tensor[], spec: ServingSpec, own?: NumericPreprocessing, nonFinite = false): Prepared {
  const rows = validate(tensors, spec);
  checkContract(tensors, spec.contract, nonFinite);
  if (own !== undefined && !tensors.some((tensor) => isFloatDType(tensor.dtype))) {
    const dtypes = tensors.map((tensor) => tensor.dtype).join(', ');
    throw invalidInput(`preprocessing needs a float input; the model takes ${dtypes}.`, { path: 'preprocessing', expected: 'nothing', got: 'preprocessing' });
  }
  return { tensors: applyNumericSteps(tensors, own === undefined ? spec.numeric : [own]), rows };
}

const isFloatDType = (dtype: DType): boolean => layoutOf(dtype).kind === 'float';

function tensorsOf(inputs: unknown, spec: ServingSpec): Tensor[] {
  const declared = spec.signature.inputs;
  const [only, ...others] = declared;
  if (isRecord(inputs)) {
    return Object.entries(inputs).map(([name, value]) => tensorOf(name, dtypeOf(spec, name), value, `inputs.${name}`));
  }
  if (only === undefined || others.length > 0) {
    const names = declared.map((input) => input.name).join(', ');
    throw invalidInput(`The model has several inputs: send an object with ${names}.`, { path: 'inputs', expected: `object with ${names}`, got: describe(inputs) });
  }
  if (!Array.isArray(inputs)) {
    throw invalidInput('inputs must be a list of rows.', { path: 'inputs', expected: 'list of rows', got: inputs === undefined ? 'nothing' : describe(inputs) });
  }
  return [tensorOf(only.name, only.dtype, inputs, 'inputs')];
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** An unknown name is reported by the signature check; until then its values are taken as floats. */
const dtypeOf = (spec: ServingSpec, name: string): DType => spec.signature.inputs.find((input) => input.name === name)?.dtype ?? 'float32';

function tensorOf(name: string, dtype: DType, value: unknown, path: string): Tensor {
  const { shape, data } = flatten(value, dtype, path);
  return { name, dtype, shape, data };
}

/** The pictures of a call, if that is how it sends its input: `{"b64": ...}` or a list of those. */
export function picturesOf(inputs: unknown, spec: ServingSpec): Uint8Array[] | undefined {
  if (spec.image === undefined) return undefined;
  const value = isRecord(inputs) && spec.image.name in inputs ? inputs[spec.image.name] : inputs;
  const one = bytesFromB64(value);
  if (one !== undefined) return [one];
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const pictures = value.map(bytesFromB64);
  return pictures.every((picture) => picture !== undefined) ? pictures : undefined;
}

/** Stacks decoded pictures (uint8 [height, width, channels]) to the model's input. */
export function pictureTensor(decoded: readonly Tensor[], spec: ServingSpec): Tensor {
  const image = spec.image;
  const input = spec.signature.inputs[0];
  if (image === undefined || input === undefined) throw new RangeError('the model takes no pictures');
  const shape = [decoded.length, image.height, image.width, image.channels];
  const size = sizeOf(shape);
  const data: TensorData = input.dtype === 'float32' ? new Float32Array(size) : input.dtype === 'int32' ? new Int32Array(size) : new Uint8Array(size);
  decoded.forEach((picture, index) => {
    data.set(picture.data as Uint8Array, index * (size / decoded.length));
  });
  return { name: input.name, dtype: input.dtype, shape, data };
}
