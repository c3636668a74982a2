// Owns the messages of TensorFlow Serving's Predict over gRPC: PredictRequest to what is asked, outputs to PredictResponse. PURE, so that a
// worker thread can do it.
import type { Tensor } from '../../inference/tensor.ts';
import { callerSignature, type ServingSpec } from '../../inference/spec.ts';
import type { Item } from '../../pipeline/call.ts';
import type { Costs } from '../grpc/skim.ts';
import { invalid } from './fill.ts';
import { MESSAGES, type ModelSpecMessage, type PredictRequestMessage } from './grpc-messages.ts';
import { protoFromTensor, tensorFromProto } from './tensor-proto.ts';

const TENSOR: Costs = { 2: { 2: {} }, 4: 1, 5: 5, 6: 3, 8: 3 };
/** What a PredictRequest takes in memory: lists become lists of numbers first. */
export const PREDICT_COSTS: Costs = { 1: {}, 2: { 2: TENSOR }, 3: 3 };

/** A request whose tensors are looked at once its model is known. */
export interface PredictAsked {
  model_spec: ModelSpecMessage | null | undefined;
  output_filter: string[];
  /** Of the inputs, in the order they came. */
  names: readonly string[];
  /** @throws InferenceError with TensorFlow Serving's words */
  tensors: () => Tensor[];
}

/** @param maxBytes memory that a short list may be repeated to fill */
export function askedOf({ model_spec, output_filter, inputs }: PredictRequestMessage, maxBytes: number): PredictAsked {
  const names = Object.keys(inputs);
  return { model_spec, output_filter, names, tensors: () => names.map((name) => tensorFromProto(name, inputs[name] ?? { dtype: 0 }, maxBytes)) };
}

/** @throws InferenceError with TensorFlow Serving's words */
export function predictItem(asked: Pick<PredictAsked, 'names' | 'tensors'>, spec: ServingSpec): Item {
  checkNames(callerSignature(spec).inputs.map((input) => input.name), asked.names);
  const tensors = asked.tensors();
  const [only] = tensors;
  const pictures = spec.image !== undefined && only?.dtype === 'string' && only.shape.length === 1 && Array.isArray(only.data);
  return pictures ? { pictures: (only.data as (string | Uint8Array)[]).map((item) => (typeof item === 'string' ? Buffer.from(item) : item)) } : { tensors };
}

function checkNames(declared: readonly string[], sent: readonly string[]): void {
  const extra = sent.filter((name) => !declared.includes(name));
  const missing = declared.filter((name) => !sent.includes(name));
  if (extra.length === 0 && missing.length === 0) return;
  const list = (names: readonly string[]): string => `{${[...names].sort().join(',').slice(0, 500)}}`;
  throw invalid(`input size does not match signature: ${String(sent.length)}!=${String(declared.length)} len(${list(sent)}) != len(${list(declared)}). Sent extra: ${list(extra)}. Missing but required: ${list(missing)}.`);
}

export interface PredictReply {
  outputs: readonly Tensor[];
  model_spec: ModelSpecMessage;
}

export const writeReply = ({ outputs, model_spec }: PredictReply): Uint8Array =>
  MESSAGES.packedResponse.encode({ outputs: Object.fromEntries(outputs.map((output) => [output.name, protoFromTensor(output)])), model_spec });
