// Owns an inference of V2 over gRPC: message to call, outputs to message. Raw in, raw out; typed in, typed out, but for float16,
// which has no typed form.
import { HEADERS } from '../../http/request-context.ts';
import { InferenceError } from '../../inference/errors.ts';
import { sizeOf, type Tensor } from '../../inference/tensor.ts';
import type { GrpcCall } from '../grpc/service.ts';
import { runCall, type Origin, type ProtocolContext } from '../protocol.ts';
import { contentsOf, tensorFromContents } from './contents.ts';
import { dtypeOf, namesOf } from './datatypes.ts';
import { callOf, outputsOf, type InferOutput, type InferRequest, type WantedOutput } from './infer.ts';
import { modelOf, type Target } from './info.ts';
import { MAX_ELEMENTS, rawOf, tensorFromRaw, type RawTensor } from './raw.ts';

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

/** @throws InferenceError, counted and with the model version in the headers as over HTTP */
export async function inferOver(context: ProtocolContext, asked: InferMessage, call: GrpcCall): Promise<InferReply> {
  const { requestId, began, timeoutMs, signal, note } = call;
  const origin: Origin = { protocol: 'v2-grpc', requestId, began, timeoutMs, signal, note };
  let request: InferRequest | undefined;
  const { result, answer } = await runCall(context, origin, {
    decode: async () => {
      const { spec } = await modelOf(context, targetOf(asked, call));
      request = requestOf(asked);
      return callOf(request, spec);
    },
    encode: (done): InferReply => {
      const outputs = outputsOf(request ?? { outputs: [], binary: true }, done);
      return { id: asked.id, model_name: done.spec.name, model_version: done.spec.version, ...encoded(outputs) };
    },
  });
  call.header(HEADERS.modelVersion, result.spec.version);
  if (result.cache !== undefined) call.header(HEADERS.cache, result.cache);
  return answer;
}

/** The version of the message, else of the header. */
function targetOf(asked: InferMessage, { metadata }: GrpcCall): Target {
  const header = metadata[HEADERS.modelVersion];
  const version = asked.model_version === '' && typeof header === 'string' ? header : asked.model_version;
  return { name: asked.model_name, version: version === '' ? undefined : version };
}

export function requestOf(asked: InferMessage): InferRequest {
  const raw = asked.raw_input_contents;
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
  if (!shape.every((dim) => dim >= 0) || !(sizeOf(shape) <= MAX_ELEMENTS)) throw new InferenceError('malformed_request', `the shape [${shape.join(',')}] of input '${name}' is not possible`);
  if ('shared_memory_region' in input.parameters) throw new InferenceError('malformed_request', 'shared memory is not supported');
  if (raw === undefined) return tensorFromContents(spec, contents ?? new Uint8Array(0));
  if (contents !== null && contents.byteLength > 0) throw new InferenceError('malformed_request', `contents field must not be specified when using raw_input_contents for input '${name}'`);
  return tensorFromRaw(spec, raw);
}

const numberOf = (value: Parameters[string] | undefined): number => Number(value?.int64_param ?? 0) || Number(value?.uint64_param ?? 0) || Number(value?.double_param ?? 0);
const outputOf = ({ name, parameters }: InferMessage['outputs'][number]): WantedOutput => ({ name, classification: numberOf(parameters['classification']), binary: undefined });

/** All raw, or all typed. */
function encoded(outputs: readonly InferOutput[]): Pick<InferReply, 'outputs' | 'raw_output_contents'> {
  const raw = outputs.some(({ tensor, binary }) => binary || tensor.dtype === 'float16');
  const head = ({ name, dtype, shape }: Tensor): { name: string; datatype: string; shape: readonly number[] } => ({ name, datatype: namesOf(dtype).datatype, shape });
  if (raw) return { outputs: outputs.map(({ tensor }) => head(tensor)), raw_output_contents: outputs.map(({ tensor }) => rawOf(tensor)) };
  return { outputs: outputs.map(({ tensor }) => ({ ...head(tensor), contents: contentsOf(tensor) ?? new Uint8Array(0) })) };
}
