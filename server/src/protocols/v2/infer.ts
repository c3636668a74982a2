// Owns an inference of V2 as HTTP and gRPC share it: what is asked, checked against the model in the words that Triton's clients
// know, as a call of the engine; and the outputs as they are wanted. PURE.
import type { TensorSpec } from '@slipway/api';
import { InferenceError, type Issue } from '../../inference/errors.ts';
import { labelsFor } from '../../inference/postprocess.ts';
import { callerSignature, TEXT_INPUT, type ServingSpec } from '../../inference/spec.ts';
import { sizeOf, type Tensor } from '../../inference/tensor.ts';
import type { Call, CallResult } from '../../pipeline/call.ts';
import { namesOf } from './datatypes.ts';

export interface WantedOutput {
  name: string;
  /** Top classes wanted instead of the tensor; 0 = the tensor. */
  classification: number;
  /** Raw or JSON; undefined = as the request says for all. */
  binary: boolean | undefined;
}

export interface InferRequest {
  id: string | undefined;
  inputs: Tensor[];
  /** Empty = all. */
  outputs: WantedOutput[];
  /** Raw outputs unless an output says otherwise. */
  binary: boolean;
  /** The caller's own limit. */
  timeoutMs: number | undefined;
}

/** An output of the answer. */
export interface InferOutput {
  tensor: Tensor;
  binary: boolean;
}

/** @param names of a request's own parameters @throws InferenceError malformed_request */
export function checkParameters(names: readonly string[]): void {
  if (names.some((name) => name.startsWith('triton_'))) throw new InferenceError('malformed_request', "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.");
}

/** @throws InferenceError invalid_input */
export function callOf(request: InferRequest, spec: ServingSpec): Call {
  checkInputs(request.inputs, spec);
  const { timeoutMs } = request;
  return {
    modelName: spec.name,
    modelVersion: spec.version,
    items: [{ tensors: request.inputs }],
    maxBatchSize: undefined,
    extras: false,
    answer: 'tensors',
    nonFinite: true,
    outputs: request.outputs.map((output) => output.name),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

/** The inputs of a model as V2 says them: texts are one string per row. */
export function inputsOf(spec: ServingSpec): readonly TensorSpec[] {
  return spec.takes === 'text' ? [{ name: TEXT_INPUT, dtype: 'string', shape: [-1, 1] }] : callerSignature(spec).inputs;
}

function checkInputs(inputs: readonly Tensor[], spec: ServingSpec): void {
  const known = inputsOf(spec);
  if (spec.takes === 'text') return; // the pipeline takes a text input under either of its names and says what is wrong
  if (inputs.length !== known.length || known.some((input) => !inputs.some((sent) => sent.name === input.name))) {
    const missing = known.filter((input) => !inputs.some((sent) => sent.name === input.name)).map((input) => input.name);
    const names = inputs.map((input) => input.name);
    const detail = missing.length > 0 ? `, but missing required input(s) ${quotedList(missing)}. Please provide all required input(s).` : '.';
    throw refused(`expected ${String(known.length)} inputs but got ${String(names.length)} inputs for model '${spec.name}'. Got input(s) ${quotedList(names)}${detail}`, {
      path: 'inputs',
      expected: known.map((input) => input.name).join(', '),
      got: names.join(', '),
    });
  }
  for (const input of inputs) checkDatatype(input, known, spec.name);
}

const quotedList = (names: readonly string[]): string => `[${names.map((name) => `'${name}'`).join(',')}]`;

function checkDatatype(input: Tensor, known: readonly TensorSpec[], model: string): void {
  const wanted = known.find((candidate) => candidate.name === input.name);
  if (wanted === undefined) throw refused(`unexpected inference input '${input.name}' for model '${model}'`, { path: `inputs.${input.name}`, expected: known.map((one) => one.name).join(', '), got: input.name });
  const [expected, got] = [namesOf(wanted.dtype).datatype, namesOf(input.dtype).datatype];
  if (expected !== got) throw refused(`inference input '${input.name}' data-type is '${got}', but model '${model}' expects '${expected}'`, { path: `inputs.${input.name}`, expected, got });
  const fits = input.shape.length === wanted.shape.length && wanted.shape.every((dim, axis) => axis === 0 || dim === -1 || dim === input.shape[axis]);
  if (fits) return;
  const text = (shape: readonly number[]): string => `[${shape.join(',')}]`;
  throw refused(`unexpected shape for input '${input.name}' for model '${model}'. Expected ${text(wanted.shape)}, got ${text(input.shape)}`, { path: `inputs.${input.name}`, expected: text(wanted.shape), got: text(input.shape) });
}

const refused = (detail: string, issue: Issue): InferenceError => new InferenceError('invalid_input', detail, { errors: [issue] });

/** The outputs of an answer, in the order they were asked for. */
export function outputsOf(request: Pick<InferRequest, 'outputs' | 'binary'>, { spec, results }: CallResult): InferOutput[] {
  const [item] = results;
  return (item?.outputs ?? []).map((tensor) => {
    const wanted = request.outputs.find((output) => output.name === tensor.name);
    const top = wanted?.classification ?? 0;
    return { tensor: top > 0 ? classified(tensor, top, spec) : tensor, binary: wanted?.binary ?? request.binary };
  });
}

const DECIMALS = 6;

/** The classification extension: per row the best classes as `value:index` or `value:index:label`. */
function classified(tensor: Tensor, top: number, spec: ServingSpec): Tensor {
  const { name, shape, data } = tensor;
  if (Array.isArray(data)) throw refused(`output '${name}' is of strings and has no classes`, { path: `outputs.${name}`, expected: 'numbers', got: 'BYTES' });
  const rows = shape[0] ?? 1;
  const width = sizeOf(shape) / Math.max(1, rows);
  const k = Math.min(top, width);
  const labels = labelsFor(width, spec.postprocessing, spec.signature.outputs.find((output) => output.name === name));
  const text = (value: number, index: number): string => `${value.toFixed(DECIMALS)}:${String(index)}${labels === undefined ? '' : `:${labels[index] ?? ''}`}`;
  const lines = Array.from({ length: rows }, (_, row) => bestOf(Array.from(data.subarray(row * width, (row + 1) * width) as Float32Array, Number), k).map(([value, index]) => text(value, index)));
  return { name, dtype: 'string', shape: [rows, k], data: lines.flat() };
}

const bestOf = (row: readonly number[], k: number): [number, number][] =>
  row.map((value, index): [number, number] => [value, index]).sort((a, b) => b[0] - a[0]).slice(0, k);
