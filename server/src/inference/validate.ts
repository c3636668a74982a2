// Owns the check of tensors against a signature. Must not know JSON (paths come from the names of the inputs) or change a value.
import { InferenceError, type Issue } from './errors.ts';
import type { ServingSpec } from './spec.ts';
import type { TensorSpec } from '@slipway/api';
import { fits, rowsOf, shapeText, type Tensor } from './tensor.ts';

/**
 * Checks names, dtypes, shapes, one batch size for all inputs, and the int64 range of the runtime.
 * @returns rows of the call
 * @throws InferenceError invalid_input that lists everything found wrong.
 */
export function validate(tensors: readonly Tensor[], spec: ServingSpec): number {
  if (clearlyFits(tensors, spec)) return tensors[0] === undefined ? 0 : rowsOf(tensors[0]);
  const issues = [...nameIssues(tensors, spec), ...tensors.flatMap((tensor) => tensorIssues(tensor, spec)), ...batchIssues(tensors)];
  const [first] = issues;
  if (first === undefined) return tensors[0] === undefined ? 0 : rowsOf(tensors[0]);
  throw new InferenceError('invalid_input', `${first.path}: expected ${first.expected}, got ${first.got}.`, { errors: issues });
}

/** Whether nothing can be wrong, found out without making anything: the inputs in their order, none of 64-bit integers. */
function clearlyFits(tensors: readonly Tensor[], { signature: { inputs } }: ServingSpec): boolean {
  const [first] = tensors;
  if (first === undefined || tensors.length !== inputs.length || rowsOf(first) === 0) return false;
  for (let index = 0; index < inputs.length; index++) {
    const [tensor, input] = [tensors[index] as Tensor, inputs[index] as TensorSpec];
    if (rowsOf(tensor) !== rowsOf(first) || !isNamed(tensor, input) || !isShaped(tensor.shape, input.shape)) return false;
  }
  return true;
}

const isNamed = ({ name, dtype }: Tensor, input: TensorSpec): boolean => name === input.name && dtype === input.dtype && dtype !== 'int64' && dtype !== 'uint64';

function isShaped(shape: readonly number[], declared: readonly number[]): boolean {
  const [batch = -1] = declared;
  if (shape.length !== declared.length || (batch > 0 && rowsOf({ shape }) % batch !== 0)) return false;
  for (let axis = 1; axis < shape.length; axis++) if (declared[axis] !== -1 && declared[axis] !== shape[axis]) return false;
  return true;
}

function nameIssues(tensors: readonly Tensor[], spec: ServingSpec): Issue[] {
  const sent = new Set(tensors.map((tensor) => tensor.name));
  const known = new Set(spec.signature.inputs.map((input) => input.name));
  const missing = [...known].filter((name) => !sent.has(name)).map((name) => ({ path: `inputs.${name}`, expected: `an input named ${name}`, got: 'nothing' }));
  const names = [...known].join(', ');
  const extra = [...sent].filter((name) => !known.has(name)).map((name) => ({ path: `inputs.${name}`, expected: `only ${names}`, got: name }));
  return [...missing, ...extra];
}

function tensorIssues(tensor: Tensor, spec: ServingSpec): Issue[] {
  const input = spec.signature.inputs.find((candidate) => candidate.name === tensor.name);
  if (input === undefined) return [];
  const path = `inputs.${tensor.name}`;
  if (tensor.dtype !== input.dtype) return [{ path, expected: `dtype ${input.dtype}`, got: tensor.dtype }];
  if (tensor.shape.length === input.shape.length - 1) {
    return [{ path, expected: `shape ${shapeText(input.shape)}: the first dimension is the batch, so send a list of rows`, got: `shape ${shapeText(tensor.shape)}` }];
  }
  if (!fits([-1, ...tensor.shape.slice(1)], [-1, ...input.shape.slice(1)]) || tensor.shape.length !== input.shape.length) {
    return [{ path, expected: `shape ${shapeText(input.shape)}`, got: `shape ${shapeText(tensor.shape)}` }];
  }
  return [...fixedBatchIssues(tensor, input.shape[0] ?? -1), ...int64Issues(tensor, spec.maxInt64)];
}

/** A model with a fixed first dimension runs in pieces of that many rows. */
function fixedBatchIssues(tensor: Tensor, batch: number): Issue[] {
  const rows = rowsOf(tensor);
  if (rows === 0) return [{ path: `inputs.${tensor.name}`, expected: 'at least one row', got: 'none' }];
  if (batch <= 0 || rows % batch === 0) return [];
  return [{ path: `inputs.${tensor.name}`, expected: `a multiple of ${String(batch)} rows: the model has a fixed batch`, got: `${String(rows)} rows` }];
}

function int64Issues(tensor: Tensor, limit: number): Issue[] {
  if (!(tensor.data instanceof BigInt64Array) && !(tensor.data instanceof BigUint64Array)) return [];
  const max = BigInt(limit);
  const at = (tensor.data as BigInt64Array).findIndex((value) => value > max || value < -max - 1n);
  if (at < 0) return [];
  return [{ path: `inputs.${tensor.name}`, expected: `${tensor.dtype} elements from ${String(-limit - 1)} to ${String(limit)}: this runtime holds no wider ones`, got: String(tensor.data[at]) }];
}

function batchIssues(tensors: readonly Tensor[]): Issue[] {
  const [first] = tensors;
  if (first === undefined) return [];
  return tensors
    .filter((tensor) => rowsOf(tensor) !== rowsOf(first))
    .map((tensor) => ({ path: `inputs.${tensor.name}`, expected: `${String(rowsOf(first))} rows, as ${first.name} has`, got: String(rowsOf(tensor)) }));
}
