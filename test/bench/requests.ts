// Owns what the bench sends: one ready-made request per work and wire, in the words of each server. Values are random but seeded.
import { seeded } from '../../models/training/random.ts';
import { messagesOf } from '../../server/src/protocols/grpc/messages.ts';
import { V2_PROTO } from '../../server/src/protocols/v2/proto.ts';
import { MLP, MOBILENET } from './models.ts';

export const WORKS = ['mlp', 'digits', 'mobilenet', 'sentiment'] as const;
export type Work = (typeof WORKS)[number];
export const WIRES = ['json', 'binary', 'grpc'] as const;
export type Wire = (typeof WIRES)[number];

export interface Request {
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

interface TensorWork {
  model: string;
  input: string;
  shape: readonly number[];
}

const TENSORS: Record<Exclude<Work, 'sentiment'>, TensorWork> = {
  mlp: { model: MLP.name, input: MLP.input, shape: [1, MLP.width] },
  digits: { model: 'digits', input: 'image', shape: [1, 8, 8, 1] },
  mobilenet: { model: MOBILENET.name, input: MOBILENET.input, shape: [1, MOBILENET.side, MOBILENET.side, MOBILENET.channels] },
};
const TEXT = 'not bad at all, I would watch it again with my whole family';
const JSON_TYPE = { 'content-type': 'application/json' };
/** Digits of a number as clients print them. */
const DECIMALS = 4;

/** The elements of a work's input, row-major. */
export function valuesOf(work: Exclude<Work, 'sentiment'>): Float32Array {
  const random = seeded(7);
  const size = TENSORS[work].shape.reduce((product, dim) => product * dim, 1);
  return Float32Array.from({ length: size }, () => (work === 'digits' ? Math.floor(random.next() * 17) : Number(random.next().toFixed(DECIMALS))));
}

const numbersOf = (work: Exclude<Work, 'sentiment'>): number[] => Array.from(valuesOf(work), (value) => Number(value.toFixed(DECIMALS)));

/** Open Inference Protocol V2: JSON, JSON and raw tensors, or gRPC with raw tensors. */
export function v2Request(work: Exclude<Work, 'sentiment'>, wire: Wire): Request {
  const { model, input, shape } = TENSORS[work];
  const at = `/v2/models/${model}/infer`;
  if (wire === 'json') return { path: at, headers: JSON_TYPE, body: Buffer.from(JSON.stringify({ inputs: [{ name: input, shape, datatype: 'FP32', data: numbersOf(work) }] })) };
  const raw = Buffer.from(valuesOf(work).buffer);
  if (wire === 'grpc') return { path: '/inference.GRPCInferenceService/ModelInfer', headers: {}, body: grpcMessage({ model, input, shape }, raw) };
  const head = Buffer.from(JSON.stringify({ inputs: [{ name: input, shape, datatype: 'FP32', parameters: { binary_data_size: raw.byteLength } }], parameters: { binary_data_output: true } }));
  return { path: at, headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(head.byteLength) }, body: Buffer.concat([head, raw]) };
}

function grpcMessage({ model, input, shape }: TensorWork, raw: Buffer): Buffer {
  const request = messagesOf(V2_PROTO)<object>('inference.ModelInferRequest');
  return Buffer.from(request.encode({ model_name: model, inputs: [{ name: input, datatype: 'FP32', shape }], raw_input_contents: [raw] }));
}

/** The native API. */
export function nativeRequest(work: Work): Request {
  if (work === 'sentiment') return { path: '/predict', headers: JSON_TYPE, body: Buffer.from(JSON.stringify({ text: TEXT })) };
  const { model, shape } = TENSORS[work];
  return { path: '/predict', headers: JSON_TYPE, body: Buffer.from(JSON.stringify({ modelName: model, inputs: nested(numbersOf(work), shape) })) };
}

/** TensorFlow Serving's `:predict`, row by row. */
export function servingRequest(work: Exclude<Work, 'sentiment'>): Request {
  const { model, shape } = TENSORS[work];
  return { path: `/v1/models/${model}:predict`, headers: JSON_TYPE, body: Buffer.from(JSON.stringify({ instances: nested(numbersOf(work), shape) })) };
}

function nested(values: readonly number[], shape: readonly number[]): unknown[] {
  const [rows = 0, ...rest] = shape;
  const size = values.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    const part = values.slice(row * size, (row + 1) * size);
    return rest.length === 1 ? part : nested(part, rest);
  });
}

/** BentoML has no V2: its own JSON, named after the argument of the service. */
export const bentoRequest = (): Request => ({ path: '/predict', headers: JSON_TYPE, body: Buffer.from(JSON.stringify({ x: [numbersOf('mlp')] })) });

/** A V2 body of about `bytes` bytes: rows of the MLP. */
export function largeRequest(bytes: number): Request {
  const row = numbersOf('mlp');
  const rows = Math.ceil(bytes / JSON.stringify(row).length);
  const data = Array.from({ length: rows }, () => row).flat();
  return { path: `/v2/models/${MLP.name}/infer`, headers: JSON_TYPE, body: Buffer.from(JSON.stringify({ inputs: [{ name: MLP.input, shape: [rows, MLP.width], datatype: 'FP32', data }] })) };
}

/** Rows of the MLP, over and over, as raw elements. */
function largeRows(rows: number): Float32Array {
  const row = valuesOf('mlp');
  const all = new Float32Array(rows * row.length);
  for (let at = 0; at < all.length; at += row.length) all.set(row, at);
  return all;
}

/** A V2 message of about `bytes` bytes: raw, or with its elements as a list. */
export function largeMessage(bytes: number, form: 'raw' | 'typed'): Request {
  const rows = Math.ceil(bytes / Float32Array.BYTES_PER_ELEMENT / MLP.width);
  const data = largeRows(rows);
  const input = { name: MLP.input, datatype: 'FP32', shape: [rows, MLP.width] };
  const tensors = form === 'raw' ? { inputs: [input], raw_input_contents: [Buffer.from(data.buffer)] } : { inputs: [{ ...input, contents: { fp32_contents: data } }] };
  return { path: '/inference.GRPCInferenceService/ModelInfer', headers: {}, body: Buffer.from(messagesOf(V2_PROTO)<object>('inference.ModelInferRequest').encode({ model_name: MLP.name, ...tensors })) };
}

/** A native call whose answer is about `bytes` bytes of JSON; what it sends are raw elements, which need no parsing. */
export function largeAnswer(bytes: number): Request {
  const rows = Math.ceil(bytes / (MLP.classes * PRINTED_BYTES));
  return { path: `/predict?modelName=${MLP.name}`, headers: { 'content-type': 'application/octet-stream' }, body: Buffer.from(largeRows(rows).buffer) };
}

/** A printed probability, with what stands between it and the next. */
const PRINTED_BYTES = 20;
