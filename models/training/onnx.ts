// Owns the writing of ONNX files: a graph of standard operators with its weights. Must not know any one model, and needs no ONNX library.
// Nothing here writes a date or a version of ours, so that the same graph always gives the same bytes.
import { message, type Field } from './protobuf.ts';

/** Numbers of TensorProto.DataType. */
export const ONNX_TYPES = {
  float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, string: 8, bool: 9, float16: 10, float64: 11, uint32: 12, uint64: 13, complex64: 14, bfloat16: 16,
} as const;
export type OnnxType = keyof typeof ONNX_TYPES;

/** A number is a known dimension, a word an unknown one with that name. */
export interface OnnxValue {
  name: string;
  dtype: OnnxType;
  /** Absent: the rank is unknown. */
  shape?: readonly (number | string)[];
  /** A sequence of such tensors. */
  sequence?: boolean;
}

export interface OnnxNode {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Integers and lists of integers. */
  attributes?: Readonly<Record<string, number | readonly number[]>>;
  domain?: string;
}

export interface OnnxWeight {
  name: string;
  dtype: OnnxType;
  shape: readonly number[];
  /** Little-endian elements; strings one by one; or where in another file of the folder they lie. */
  data: Uint8Array | readonly string[] | { file: string; length: number };
}

export interface OnnxGraph {
  name: string;
  nodes: readonly OnnxNode[];
  weights?: readonly OnnxWeight[];
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
  /** Version of the standard operators; default 17 (IR version 8), which every runtime since 2022 reads. */
  opset?: number;
}

const IR_VERSION = 8;
const OPSET = 17;
const ATTRIBUTE = { int: 2, ints: 7 } as const;
const EXTERNAL = 1;

/** The bytes of a `.onnx` file. */
export function onnxModel(graph: OnnxGraph): Uint8Array {
  const domains = new Set(graph.nodes.map((node) => node.domain ?? ''));
  const opsets = [...domains].sort().map((domain): Field => [8, message([1, domain], [2, domain === '' ? (graph.opset ?? OPSET) : 1])]);
  return message([1, IR_VERSION], [2, 'slipway'], [7, graphProto(graph)], ...opsets);
}

function graphProto({ name, nodes, weights = [], inputs, outputs }: OnnxGraph): Uint8Array {
  return message(
    ...nodes.map((node): Field => [1, nodeProto(node)]),
    [2, name],
    ...weights.map((weight): Field => [5, tensorProto(weight)]),
    ...inputs.map((value): Field => [11, valueProto(value)]),
    ...outputs.map((value): Field => [12, valueProto(value)]),
  );
}

function nodeProto({ op, inputs, outputs, attributes = {}, domain }: OnnxNode): Uint8Array {
  return message(
    ...inputs.map((name): Field => [1, name]),
    ...outputs.map((name): Field => [2, name]),
    [3, `${outputs[0] ?? op}_node`],
    [4, op],
    ...Object.entries(attributes).map(([key, value]): Field => [5, attributeProto(key, value)]),
    ...(domain === undefined ? [] : [[7, domain] as const]),
  );
}

function attributeProto(name: string, value: number | readonly number[]): Uint8Array {
  if (typeof value === 'number') return message([1, name], [3, value], [20, ATTRIBUTE.int]);
  return message([1, name], ...value.map((item): Field => [8, item]), [20, ATTRIBUTE.ints]);
}

function tensorProto({ name, dtype, shape, data }: OnnxWeight): Uint8Array {
  return message(...shape.map((dim): Field => [1, dim]), [2, ONNX_TYPES[dtype]], [8, name], ...contents(data));
}

function contents(data: OnnxWeight['data']): Field[] {
  if (data instanceof Uint8Array) return [[9, data]];
  if ('file' in data) return [[13, message([1, 'location'], [2, data.file])], [13, message([1, 'length'], [2, String(data.length)])], [14, EXTERNAL]];
  return data.map((text): Field => [6, text]);
}

function valueProto({ name, dtype, shape, sequence = false }: OnnxValue): Uint8Array {
  const dims = shape?.map((dim): Field => [1, typeof dim === 'number' ? message([1, dim]) : message([2, dim])]);
  const tensor = message([1, ONNX_TYPES[dtype]], ...(dims === undefined ? [] : [[2, message(...dims)] as const]));
  const type = message([1, tensor]);
  return message([1, name], [2, sequence ? message([4, message([1, type])]) : type]);
}
