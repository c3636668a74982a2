// Owns examples (the inputs of classify and regress): their JSON and what they mean to a model. PURE.
import type { TensorSpec } from '@slipway/api';
import type { InferenceError } from '../../inference/errors.ts';
import { callerSignature, type ServingSpec } from '../../inference/spec.ts';
import { rowSizeOf, type Tensor } from '../../inference/tensor.ts';
import { bytesOf, Filling, invalid } from './fill.ts';
import type { JsonObject, JsonValue } from './json-reader.ts';
import { isB64, typeText, valueText } from './value-text.ts';

/** One feature: a list of one kind. */
export type Feature = { kind: 'bytes'; values: Uint8Array[] } | { kind: 'float'; values: number[] } | { kind: 'int64'; values: bigint[] };
export type Example = ReadonlyMap<string, Feature>;

const MAX_INT64 = 2n ** 63n - 1n;
const MAX_UINT64 = 2n ** 64n - 1n;

/**
 * Examples of a classify or regress body, the context's features in each that lacks them.
 * The body must have been read with integers as bigint: their kind decides the feature's.
 * @throws InferenceError
 */
export function decodeExamples(body: JsonObject): Example[] {
  const context = body['context'] === undefined ? new Map<string, Feature>() : exampleOf(body['context']);
  const { examples } = body;
  const format = (what: string): InferenceError => invalid(`JSON Value: ${valueText(body)} ${what}`);
  if (examples === undefined) throw format("When method is classify, key 'examples' is expected and was not found");
  if (!Array.isArray(examples)) throw format("Expecting 'examples' value to be an list/array");
  if (examples.length === 0) throw format("'examples' value is an empty array");
  return examples.map((example) => withContext(exampleOf(example), context));
}

/** An example's own features before those of the context. */
export const withContext = (example: Example, context: Example): Example => (context.size === 0 ? example : new Map([...context, ...example]));

function exampleOf(value: JsonValue): Example {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`Example must be JSON object but got JSON ${typeText(value)}`);
  return new Map(Object.entries(value).flatMap(([name, content]) => featureOf(name, Array.isArray(content) ? content : [content])));
}

/** No feature for an empty list: its kind is unknown. */
function featureOf(name: string, values: readonly JsonValue[]): [string, Feature][] {
  let kind: Element['kind'] | undefined;
  const elements: Element['value'][] = [];
  for (const value of values) {
    const element = elementOf(name, value);
    kind ??= element.kind;
    if (element.kind !== kind) throw invalid(`Unexpected element type in feature: ${name} expecting type: ${kind}`);
    elements.push(element.value);
  }
  return kind === undefined ? [] : [[name, { kind, values: elements } as Feature]];
}

type Element = { kind: 'bytes'; value: Uint8Array } | { kind: 'float'; value: number } | { kind: 'int64'; value: bigint };

function elementOf(name: string, value: JsonValue): Element {
  switch (typeof value) {
    case 'boolean':
      return { kind: 'int64', value: value ? 1n : 0n };
    case 'bigint':
      return integerOf(name, value);
    case 'number':
      return { kind: 'float', value: single(value) };
    case 'string':
      return { kind: 'bytes', value: new Uint8Array(Buffer.from(value, 'utf8')) };
    default:
      if (isB64(value)) return { kind: 'bytes', value: bytesOf(value) };
      throw invalid(`Feature: ${name} has element with unexpected JSON type: ${typeText(value)}`);
  }
}

/** What has more than 64 bits is a float to the original. */
function integerOf(name: string, value: bigint): Element {
  if (value < -MAX_INT64 - 1n || value > MAX_UINT64) return { kind: 'float', value: single(Number(value)) };
  if (value > MAX_INT64) throw invalid(`Feature: ${name} has uint64_t element. Only int64_t is supported.`);
  return { kind: 'int64', value };
}

function single(value: number): number {
  if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) throw invalid(`Cannot convert JSON value: ${valueText(value)} to float without loss of precision.`);
  return Math.fround(value);
}

/**
 * What a model makes of examples: a feature by the name of each input, or, for one input of as many values as the data contract has
 * features, one feature each. A text model takes the feature `text`, or the only one.
 * @throws InferenceError naming the feature that is missing.
 */
export function tensorsOf(examples: readonly Example[], spec: ServingSpec): Tensor[] {
  return callerSignature(spec).inputs.map((input) => {
    const shape = [examples.length, ...rowShape(input)];
    const filling = new Filling(input.dtype, shape);
    examples.forEach((example, at) => {
      for (const value of rowOf(example, input, spec, at)) filling.add(value);
    });
    return { name: input.name, dtype: input.dtype, shape, data: filling.data };
  });
}

function rowShape(input: TensorSpec): number[] {
  const shape = input.shape.slice(1);
  if (shape.includes(-1)) throw invalid(`Input ${input.name} has dimensions that examples cannot give; use predict.`);
  return shape;
}

function rowOf(example: Example, input: TensorSpec, spec: ServingSpec, at: number): readonly JsonValue[] {
  const size = rowSizeOf(input.shape);
  const values = own(example, input, spec) ?? byContract(example, input, spec);
  if (values === undefined) throw invalid(`Name: <unknown>, Feature: ${input.name} (data type: ${input.dtype}) is required but could not be found in example ${String(at)}.`);
  if (values.length !== size) throw invalid(`Name: <unknown>, Key: ${input.name}, Index: ${String(at)}. Number of values != expected. Values size: ${String(values.length)} but output shape: [${input.shape.slice(1).join()}]`);
  return values;
}

/** The values of a feature as JSON, in which a tensor can be filled. */
function own(example: Example, input: TensorSpec, spec: ServingSpec): readonly JsonValue[] | undefined {
  const lone = spec.takes === 'text' && example.size === 1 ? [...example.values()][0] : undefined;
  const feature = example.get(input.name) ?? lone;
  return feature === undefined ? undefined : plainValues(feature, input);
}

function plainValues(feature: Feature, input: TensorSpec): readonly JsonValue[] {
  if (feature.kind === 'bytes') return feature.values.map((bytes) => ({ b64: Buffer.from(bytes).toString('base64') }));
  if (feature.kind === 'float' || input.dtype === 'int64' || input.dtype === 'uint64') return feature.values;
  if (input.dtype === 'bool') return feature.values.map((value) => value !== 0n);
  return feature.values.map(Number);
}

function byContract(example: Example, input: TensorSpec, spec: ServingSpec): readonly JsonValue[] | undefined {
  const features = spec.contract?.features ?? [];
  if (features.length !== input.shape.at(-1) || input.shape.length !== 2) return undefined;
  const missing = features.find((feature) => !example.has(feature.name));
  if (missing !== undefined) {
    if (features.every((feature) => !example.has(feature.name))) return undefined;
    throw invalid(`Feature: ${missing.name} (data type: ${input.dtype}) is required but could not be found.`);
  }
  return features.flatMap((feature) => plainValues(example.get(feature.name) as Feature, input));
}
