// Owns the body of a predict call -> tensors: `instances` row by row, or `inputs` by columns. PURE.
import type { TensorSpec } from '@slipway/api';
import type { InferenceError } from '../../inference/errors.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import { sizeOf, type Tensor } from '../../inference/tensor.ts';
import { checkLists, Filling, invalid, shapeOf } from './fill.ts';
import { JsonParseError, readJson, type Integers, type JsonObject, type JsonValue } from './json-reader.ts';
import { signed, type Signed } from './signatures.ts';
import { isB64, valueText } from './value-text.ts';

/** Which of the two shapes the caller sent; it is answered in the same. */
export type Format = 'row' | 'columnar';

export interface PredictRequest {
  format: Format;
  tensors: Tensor[];
}

/** The root object of a body. @throws InferenceError */
export function readBody(text: string, integers: Integers): JsonObject {
  if (text === '') throw invalid('JSON Parse error: The document is empty');
  const root = parse(text, integers);
  if (typeof root !== 'object' || root === null || Array.isArray(root)) throw invalid(`JSON Value: ${valueText(root)} Is not object`);
  return root;
}

/** JSON.parse is several times faster; what it refuses or would lose digits of is read again. */
function parse(text: string, integers: Integers): JsonValue {
  if (integers === 'large-bigint' && !READ_AGAIN.test(text) && !KEYS.some((key) => isTwice(text, key))) {
    try {
      return JSON.parse(text) as JsonValue;
    } catch {
      // NaN, Infinity, something after the root value, or an error that is to be told in the reader's words
    }
  }
  try {
    return readJson(text, integers);
  } catch (error) {
    if (error instanceof JsonParseError) throw invalid(`JSON Parse error: ${error.message}`);
    throw error;
  }
}

/** An integer that may have more than 53 bits, a number that may be beyond all, half of a pair: what else looks like one only costs time. */
const READ_AGAIN = /(?<![.\d])\d{16,}(?![.\deE])|[eE]\+?\d{3}|\\u[dD][89a-fA-F]/;

/** Keys of a root. Of two alike the first counts, as the reader has it; JSON.parse keeps the last. */
const KEYS = ['"instances"', '"inputs"', '"examples"', '"context"', '"signature_name"'];

function isTwice(text: string, key: string): boolean {
  const at = text.indexOf(key);
  return at >= 0 && text.includes(key, at + key.length);
}

/** The signature that a body names, of those that the model has. @throws InferenceError if there is none of that name */
export function signatureIn(body: JsonObject, spec: ServingSpec): Signed {
  const { signature_name: name = '' } = body;
  if (typeof name !== 'string') throw invalid(`JSON Value: ${valueText(body)} not formatted correctly. 'signature_name' key must be a string value.`);
  const found = signed(spec, name);
  if (found === undefined) throw invalid(`Serving signature name: "${name}" not found in signature def`);
  return found;
}

/** @throws InferenceError with TensorFlow Serving's words. */
export function decodePredict(body: JsonObject, inputs: readonly TensorSpec[]): PredictRequest {
  const { instances, inputs: columns } = body;
  if (instances === undefined && columns === undefined) throw invalid("Missing 'inputs' or 'instances' key");
  if (instances === undefined) return { format: 'columnar', tensors: fromColumns(columns ?? null, inputs) };
  if (columns !== undefined) throw formatError(body, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ");
  return { format: 'row', tensors: fromRows(instancesOf(body), inputs) };
}

const formatError = (body: JsonObject, what: string): InferenceError => invalid(`JSON Value: ${valueText(body)} ${what}`);

/** @throws InferenceError unless there is a list with something in it. */
export function instancesOf(body: JsonObject): JsonValue[] {
  const { instances } = body;
  if (!Array.isArray(instances)) throw formatError(body, "Expecting 'instances' to be an list/array");
  if (instances.length === 0) throw formatError(body, "No values in 'instances' array");
  return instances;
}

function fromColumns(columns: JsonValue, inputs: readonly TensorSpec[]): Tensor[] {
  const [only] = inputs;
  if (isNamed(columns)) {
    return inputs.map((input) => {
      const value = columns[input.name];
      if (value === undefined) throw invalid(`Missing named input: ${input.name} in 'inputs' object.`);
      return tensorOf(input, value);
    });
  }
  if (only === undefined || inputs.length > 1) throw invalid('inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map');
  return [tensorOf(only, columns)];
}

function tensorOf(input: TensorSpec, value: JsonValue): Tensor {
  const shape = shapeOf(value);
  checkLists(value, shape);
  const filling = new Filling(input.dtype, shape);
  filling.add(value);
  return { name: input.name, dtype: input.dtype, shape, data: filling.data };
}

/** An object that names inputs, not one that is a value itself. */
export const isNamed = (value: JsonValue | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value) && !isB64(value);

function fromRows(instances: readonly JsonValue[], inputs: readonly TensorSpec[]): Tensor[] {
  const [first = null] = instances;
  const [only] = inputs;
  if (only === undefined || (!isNamed(first) && inputs.length > 1)) {
    throw invalid('instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map');
  }
  const columns = isNamed(first) ? namedColumns(instances, inputs) : [plainColumn(instances, only)];
  for (const { input, values } of columns) checkColumn(input, values, isNamed(first));
  return columns.map(({ input, values }) => stack(input, values, isNamed(first)));
}

interface Column {
  input: TensorSpec;
  values: readonly JsonValue[];
}

function plainColumn(instances: readonly JsonValue[], input: TensorSpec): Column {
  const at = instances.findIndex(isNamed);
  if (at >= 0) throw invalid(`Expecting value/list but got object at item ${String(at)} of input list`);
  return { input, values: instances };
}

function namedColumns(instances: readonly JsonValue[], inputs: readonly TensorSpec[]): Column[] {
  const names = inputs.map((input) => input.name).sort();
  instances.forEach((instance, at) => {
    if (!isNamed(instance)) throw invalid(`Expecting object but got list at item ${String(at)} of input list`);
    const keys = Object.keys(instance);
    const unknown = keys.find((key) => !names.includes(key));
    if (unknown !== undefined) throw failed(at, unknown, `JSON object: does not have named input: ${unknown}`);
    if (keys.length !== names.length) throw invalid(`Failed to process element: ${String(at)} of 'instances' list. JSON object: ${valueText(instance)} keys must be equal to: ${names.join(',')}`);
  });
  return inputs.map((input) => ({ input, values: instances.map((instance) => (instance as JsonObject)[input.name] ?? null) }));
}

/** Every row must have the shape of the first. */
function checkColumn(input: TensorSpec, values: readonly JsonValue[], named: boolean): void {
  const wanted = shapeOf(values[0] ?? null);
  values.forEach((value, at) => {
    guarded(at, named ? input.name : undefined, () => {
      const shape = shapeOf(value);
      checkLists(value, shape);
      if (sizeOf(shape) !== sizeOf(wanted)) throw invalid(`Expecting tensor size: ${String(sizeOf(wanted))} but got: ${String(sizeOf(shape))}`);
      if (shape.join() !== wanted.join()) throw invalid(`Expecting shape [${wanted.join()}] but got: [${shape.join()}]`);
    });
  });
}

function stack(input: TensorSpec, values: readonly JsonValue[], named: boolean): Tensor {
  const shape = [values.length, ...shapeOf(values[0] ?? null)];
  const filling = new Filling(input.dtype, shape);
  values.forEach((value, at) => {
    guarded(at, named ? input.name : undefined, () => {
      filling.add(value);
    });
  });
  return { name: input.name, dtype: input.dtype, shape, data: filling.data };
}

/** Says which element of the list it was. */
function guarded(at: number, key: string | undefined, run: () => void): void {
  try {
    run();
  } catch (error) {
    throw failed(at, key, (error as Error).message);
  }
}

const failed = (at: number, key: string | undefined, message: string): InferenceError =>
  invalid(`Failed to process element: ${String(at)} ${key === undefined ? '' : `key: ${key} `}of 'instances' list. Error: INVALID_ARGUMENT: ${message}`);
