// Owns reading the HTTP body of a V2 inference: JSON, JSON followed by raw tensors, or one raw tensor. PURE, so that a worker thread
// can do it. Must not know models, but for the form that has no JSON at all.
import { parseJson } from '../../http/json-body.ts';
import { InferenceError } from '../../inference/errors.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import { layoutOf, sizeOf, type Tensor } from '../../inference/tensor.ts';
import { dtypeOf } from './datatypes.ts';
import { tensorFromList } from './elements.ts';
import { checkParameters, inputsOf, type InferRequest, type WantedOutput } from './infer.ts';
import { MAX_ELEMENTS, stringsCost, tensorFromRaw, tooMany, type RawTensor } from './raw.ts';

type Fields = Record<string, unknown>;

const malformed = (detail: string): InferenceError => new InferenceError('malformed_request', detail);
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * @param jsonBytes length of the JSON in front of the raw tensors (Inference-Header-Content-Length); undefined = all of it
 * @throws InferenceError malformed_request, invalid_input
 */
export function readInferRequest(body: Uint8Array, jsonBytes: number | undefined): InferRequest {
  const length = jsonBytes ?? body.byteLength;
  if (length > body.byteLength) throw malformed(`Inference-Header-Content-Length is ${String(length)}, but the body has ${String(body.byteLength)} bytes`);
  const json = parseJson((Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, length)).toString('utf8', 0, length));
  if (!isFields(json)) throw malformed('the request is not a JSON object');
  const raw = new RawReader(body.subarray(length));
  const inputs = listOf(json['inputs'], 'inputs').map((input) => readInput(input, raw));
  if (inputs.length === 0) throw malformed("Unable to parse 'inputs': at least one input is needed");
  raw.end();
  return { id: textField(json, 'id'), inputs, ...readOptions(json) };
}

function readOptions(json: Fields): Pick<InferRequest, 'outputs' | 'binary' | 'timeoutMs'> {
  const parameters = parametersOf(json);
  checkParameters(Object.keys(parameters));
  const timeout = parameters['timeout'];
  const outputs = json['outputs'] === undefined ? [] : listOf(json['outputs'], 'outputs').map(readOutput);
  return { outputs, binary: parameters['binary_data_output'] === true, timeoutMs: typeof timeout === 'number' && timeout > 0 ? timeout / 1000 : undefined };
}

function readInput(input: Fields, raw: RawReader): Tensor {
  const name = nameOf(input, 'inputs');
  const spec: RawTensor = { name, dtype: dtypeOf(textField(input, 'datatype') ?? '', name), shape: shapeOf(input['shape'], name) };
  const parameters = parametersOf(input);
  const size = parameters['binary_data_size'];
  if ((input['data'] === undefined) === (size === undefined) || 'shared_memory_region' in parameters) {
    throw malformed(`Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters'; shared memory is not supported. Input '${name}'`);
  }
  if (size === undefined) return tensorFromList(spec, input['data']);
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) throw malformed("Unable to parse 'binary_data_size': attempt to access JSON non-unsigned-integer as unsigned-integer");
  return tensorFromRaw(spec, raw.take(size, name));
}

function readOutput(output: Fields): WantedOutput {
  const parameters = parametersOf(output);
  const { classification, binary_data: binary } = parameters;
  if ('shared_memory_region' in parameters) throw malformed('shared memory is not supported');
  return { name: nameOf(output, 'outputs'), classification: typeof classification === 'number' ? Math.max(0, Math.floor(classification)) : 0, binary: typeof binary === 'boolean' ? binary : undefined };
}

function listOf(value: unknown, what: string): Fields[] {
  if (!Array.isArray(value) || !value.every(isFields)) throw malformed(`Unable to parse '${what}': a list of objects was expected`);
  return value;
}

function nameOf(fields: Fields, what: string): string {
  const name = textField(fields, 'name');
  if (name === undefined || name === '') throw malformed(`Unable to parse '${what}': each needs a name`);
  return name;
}

function textField(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw malformed(`Unable to parse '${key}': attempt to access JSON non-string as string`);
  return value;
}

function parametersOf(fields: Fields): Fields {
  const { parameters = {} } = fields;
  if (!isFields(parameters)) throw malformed("Unable to parse 'parameters': an object was expected");
  return parameters;
}

/** @throws InferenceError malformed_request for what is no shape, or one of too many elements */
function shapeOf(value: unknown, input: string): number[] {
  const isDim = (dim: unknown): dim is number => typeof dim === 'number' && Number.isInteger(dim) && dim >= 0;
  if (!Array.isArray(value) || !value.every(isDim)) throw malformed("Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer");
  if (!(sizeOf(value) <= MAX_ELEMENTS)) throw tooMany(input);
  return value;
}

/** Raw tensors up to this size together cost nothing worth a look. */
const FREE_BYTES = 65_536;

/**
 * Memory that raw tensors take which are read one element after the other, strings and float16, where they are large: upper estimate in bytes,
 * before anything is taken for them. What is wrong with the body is for its reader to say.
 */
export function elementsCost(body: Uint8Array, jsonBytes: number | undefined): number {
  if (jsonBytes === undefined || body.byteLength - jsonBytes <= FREE_BYTES) return 0;
  try {
    const json = parseJson(Buffer.from(body.buffer, body.byteOffset, jsonBytes).toString('utf8'));
    const inputs = isFields(json) ? listOf(json['inputs'], 'inputs') : [];
    return inputs.reduce((sum, input) => sum + elementsCostOf(input, body.byteLength - jsonBytes), 0);
  } catch {
    return 0;
  }
}

function elementsCostOf(input: Fields, rawBytes: number): number {
  const { binary_data_size: size } = parametersOf(input);
  if (typeof size !== 'number' || size > rawBytes) return 0;
  if (input['datatype'] === 'FP16') return size * HALF_BYTES;
  return input['datatype'] === 'BYTES' ? stringsCost(shapeOf(input['shape'], ''), size) : 0;
}

/** The raw tensors behind the JSON, in the order of the inputs that have one. */
class RawReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  take(size: number, input: string): Uint8Array {
    if (this.#at + size > this.#bytes.byteLength) throw malformed(`unexpected end of the body: input '${input}' says ${String(size)} bytes, ${String(this.#bytes.byteLength - this.#at)} are left`);
    const part = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size;
    return part;
  }

  end(): void {
    if (this.#at < this.#bytes.byteLength) throw malformed(`unexpected additional input data: ${String(this.#bytes.byteLength - this.#at)} bytes after the last input`);
  }
}

/**
 * A body without JSON (Inference-Header-Content-Length: 0) is the only input of the model; its one unknown dimension follows from
 * the length. All outputs come raw.
 * @throws InferenceError malformed_request, invalid_input
 */
export function readRawRequest(body: Uint8Array, spec: ServingSpec): InferRequest {
  const [input, other] = inputsOf(spec);
  if (input === undefined || other !== undefined) throw malformed(`a raw request needs a model with one input, but '${spec.name}' has ${String(spec.signature.inputs.length)}`);
  const shape = input.dtype === 'string' ? input.shape.map(() => 1) : filledShape(input.shape, body.byteLength / elementBytes(input.dtype), input.name);
  const bytes = input.dtype === 'string' ? prefixed(body) : body;
  return { id: undefined, inputs: [tensorFromRaw({ name: input.name, dtype: input.dtype, shape }, bytes)], outputs: [], binary: true, timeoutMs: undefined };
}

const HALF_BYTES = 2;
const elementBytes = (dtype: Tensor['dtype']): number => (dtype === 'float16' ? HALF_BYTES : layoutOf(dtype).bytes);

function filledShape(declared: readonly number[], elements: number, input: string): number[] {
  const unknown = declared.filter((dim) => dim === -1).length;
  if (unknown > 1) throw malformed(`a raw request needs at most one unknown dimension, but input '${input}' has [${declared.join(',')}]`);
  const known = declared.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  return declared.map((dim) => (dim === -1 ? Math.floor(elements / known) : dim));
}

function prefixed(body: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(4 + body.byteLength);
  bytes.writeUInt32LE(body.byteLength, 0);
  bytes.set(body, 4);
  return bytes;
}
