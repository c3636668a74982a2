// Owns the messages of a V2 inference over gRPC: ModelInferRequest to what is asked, outputs to ModelInferResponse. Raw in, raw out; typed
// in, typed out, but for float16, which has no typed form. PURE, so that a worker thread can do it.
import { InferenceError } from '../../inference/errors.ts';
import { sizeOf, type Tensor } from '../../inference/tensor.ts';
import { messagesOf } from '../grpc/messages.ts';
import type { Encoded } from '../grpc/service.ts';
import type { Costs } from '../grpc/skim.ts';
import { contentsOf, tensorFromContents } from './contents.ts';
import { dtypeOf, knownDtype, namesOf } from './datatypes.ts';
import { checkParameters, type InferOutput, type InferRequest, type WantedOutput } from './infer.ts';
import { V2_PROTO_RAW } from './proto.ts';
import { isRawView, isView, MAX_ELEMENTS, rawOf, tooMany, stringsCost, tensorFromRaw, type RawTensor } from './raw.ts';

/** InferParameter: at most one is set. */
type Parameters = Record<string, { bool_param?: boolean; int64_param?: number; string_param?: string; double_param?: number; uint64_param?: number }>;

interface InputMessage {
  name: string;
  datatype: string;
  shape: number[];
  parameters: Parameters;
  contents: Uint8Array | null;
}

export interface InferMessage {
  model_name: string;
  model_version: string;
  id: string;
  parameters: Parameters;
  inputs: InputMessage[];
  outputs: { name: string; parameters: Parameters }[];
  raw_input_contents: Uint8Array[];
}

export interface InferReply {
  id: string;
  model_name?: string;
  model_version?: string;
  outputs?: { name: string; datatype: string; shape: readonly number[]; contents?: Uint8Array }[];
  raw_output_contents?: Uint8Array[];
}

/** What a request says of itself before its tensors are looked at. */
export type InferHead = Pick<InferMessage, 'model_name' | 'model_version' | 'id'>;

/** An answer before it is written. */
export interface ReplyOf {
  id: string;
  model: string;
  version: string;
  outputs: readonly InferOutput[];
}

const messages = messagesOf(V2_PROTO_RAW);
export const INFER_REQUEST = messages<InferMessage>('inference.ModelInferRequest');
const INFER_RESPONSE = messages<InferReply>('inference.ModelInferResponse');

/** @throws InferenceError malformed_request, invalid_input */
export function requestOf(asked: InferMessage): InferRequest {
  const raw = asked.raw_input_contents;
  checkParameters(Object.keys(asked.parameters));
  if (raw.length > 0 && raw.length !== asked.inputs.length) {
    throw new InferenceError('malformed_request', `expecting ${String(asked.inputs.length)} buffers in raw_input_contents, one for each input, got ${String(raw.length)}`);
  }
  const inputs = asked.inputs.map((input, index) => tensorOf(input, raw.length > 0 ? raw[index] : undefined));
  const timeout = numberOf(asked.parameters['timeout']);
  return { id: asked.id, inputs, outputs: asked.outputs.map(outputOf), binary: raw.length > 0, timeoutMs: timeout > 0 ? timeout / 1000 : undefined };
}

function tensorOf(input: InputMessage, raw: Uint8Array | undefined): Tensor {
  const { name, datatype, shape, contents } = input;
  const spec: RawTensor = { name, dtype: dtypeOf(datatype, name), shape };
  if (!shape.every((dim) => dim >= 0)) throw new InferenceError('malformed_request', `the shape [${shape.join(',')}] of input '${name}' is not possible`);
  if (!(sizeOf(shape) <= MAX_ELEMENTS)) throw tooMany(name);
  if ('shared_memory_region' in input.parameters) throw new InferenceError('malformed_request', 'shared memory is not supported');
  if (raw === undefined) return tensorFromContents(spec, contents ?? new Uint8Array(0));
  if (contents !== null && contents.byteLength > 0) throw new InferenceError('malformed_request', `contents field must not be specified when using raw_input_contents for input '${name}'`);
  return tensorFromRaw(spec, raw);
}

const numberOf = (value: Parameters[string] | undefined): number => Number(value?.int64_param ?? 0) || Number(value?.uint64_param ?? 0) || Number(value?.double_param ?? 0);
const outputOf = ({ name, parameters }: InferMessage['outputs'][number]): WantedOutput => ({ name, classification: numberOf(parameters['classification']), binary: undefined });

const PARAMETERS: Costs = { 2: {} };
const CONTENTS: Costs = { 1: 8, 2: 8, 3: 8, 4: 8, 5: 8, 6: 3, 7: 3, 8: 3 };
/** What a ModelInferRequest takes in memory: contents become typed arrays, raw contents are views. */
export const INFER_COSTS: Costs = { 4: PARAMETERS, 5: { 4: PARAMETERS, 5: CONTENTS }, 6: { 2: PARAMETERS }, 7: 1 };

/** Whether the tensors of a request are views on its raw contents, so that reading them costs the same however large they are. */
export const isViewed = ({ inputs, raw_input_contents: raw }: InferMessage, copied: number): boolean =>
  raw.every((bytes, index) => {
    const dtype = knownDtype(inputs[index]?.datatype ?? '');
    return bytes.byteLength <= copied || (dtype !== undefined && isView(dtype, bytes));
  });

/** Memory that the strings among raw contents take once read: upper estimate in bytes. */
export const rawStringsCost = ({ inputs, raw_input_contents: raw }: InferMessage): number =>
  raw.reduce((sum, bytes, index) => sum + (inputs[index]?.datatype === 'BYTES' ? stringsCost(inputs[index].shape, bytes.byteLength) : 0), 0);

const isRaw = (outputs: readonly InferOutput[]): boolean => outputs.some(({ tensor, binary }) => binary || tensor.dtype === 'float16');

/** Elements that are written one by one, or copied: raw numbers are a view. */
export function writtenElements(outputs: readonly InferOutput[]): number {
  const raw = isRaw(outputs);
  return outputs.reduce((sum, { tensor }) => (raw && isRawView(tensor) ? sum : sum + tensor.data.length), 0);
}

const RAW_OUTPUT_CONTENTS = 6;
const LENGTH_DELIMITED = 2;
const VARINT_BYTES = 5;

/** All raw, or all typed. Raw numbers are pieces that are views on their tensors. */
export function writeReply({ id, model, version, outputs }: ReplyOf): Encoded {
  const head = { id, model_name: model, model_version: version };
  const shape = ({ name, dtype, shape: dims }: Tensor): { name: string; datatype: string; shape: readonly number[] } => ({ name, datatype: namesOf(dtype).datatype, shape: dims });
  if (!isRaw(outputs)) return INFER_RESPONSE.encode({ ...head, outputs: outputs.map(({ tensor }) => ({ ...shape(tensor), contents: contentsOf(tensor) ?? new Uint8Array(0) })) });
  return [INFER_RESPONSE.encode({ ...head, outputs: outputs.map(({ tensor }) => shape(tensor)) }), ...outputs.flatMap(({ tensor }) => field(RAW_OUTPUT_CONTENTS, [rawOf(tensor)]))];
}

/** A field of bytes, or of a message, in pieces. */
export function field(number: number, pieces: readonly Uint8Array[]): Uint8Array[] {
  const head = Buffer.alloc(1 + VARINT_BYTES);
  let at = head.writeUInt8((number << 3) | LENGTH_DELIMITED, 0);
  let length = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  for (; length >= 0x80; length = Math.floor(length / 0x80)) at = head.writeUInt8((length % 0x80) | 0x80, at);
  at = head.writeUInt8(length, at);
  return [head.subarray(0, at), ...pieces];
}
