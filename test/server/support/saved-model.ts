// Writes small SavedModels (one graph, no variables) byte by byte, so that the tests have models of every dtype and of shapes and
// habits that trained models rarely have. Must not need TensorFlow.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { message, type Field } from '../../../models/training/protobuf.ts';

/** TF_DataType numbers. */
export const DT = { float32: 1, float64: 2, int32: 3, uint8: 4, int16: 5, int8: 6, string: 7, complex64: 8, int64: 9, bool: 10, bfloat16: 14, uint16: 17, float16: 19, uint32: 22, uint64: 23 } as const;
export type DTName = keyof typeof DT;

const shapeProto = (shape: readonly number[]): Uint8Array => message(...shape.map((dim): Field => [2, message([1, dim])]));
const entry = (key: string, value: Uint8Array): Uint8Array => message([1, key], [2, value]);

export interface Node {
  name: string;
  op: string;
  inputs?: string[];
  attributes?: Record<string, Uint8Array>;
}

export const attribute = {
  type: (dtype: DTName): Uint8Array => message([6, DT[dtype]]),
  shape: (shape: readonly number[]): Uint8Array => message([7, shapeProto(shape)]),
  text: (value: string): Uint8Array => message([2, value]),
  bool: (value: boolean): Uint8Array => message([5, value ? 1 : 0]),
  int32s: (values: readonly number[]): Uint8Array =>
    message([8, message([1, DT.int32], [2, shapeProto([values.length])], [4, new Uint8Array(Int32Array.from(values).buffer)])]),
};

export interface Tensor {
  /** Alias in the signature. */
  name: string;
  /** `node:0` */
  node: string;
  dtype: DTName;
  shape: readonly number[];
}

export interface Graph {
  nodes: Node[];
  inputs: Tensor[];
  outputs: Tensor[];
  signature?: string;
  /** Further signatures of the same graph by name. */
  more?: Record<string, { inputs: Tensor[]; outputs: Tensor[] }>;
}

/** Writes saved_model.pb into a folder (made if need be) and returns the folder. */
export function writeSavedModel(folder: string, graph: Graph): string {
  const nodeProto = (node: Node): Uint8Array =>
    message([1, node.name], [2, node.op], ...(node.inputs ?? []).map((input): Field => [3, input]), ...Object.entries(node.attributes ?? {}).map(([key, value]): Field => [5, entry(key, value)]));
  const info = (tensor: Tensor): Uint8Array => message([1, tensor.node], [2, DT[tensor.dtype]], [3, shapeProto(tensor.shape)]);
  const graphDef = message(...graph.nodes.map((node): Field => [1, nodeProto(node)]), [4, message([1, 1286])]);
  const signature = ({ inputs, outputs }: Pick<Graph, 'inputs' | 'outputs'>): Uint8Array => message(
    ...inputs.map((tensor): Field => [1, entry(tensor.name, info(tensor))]),
    ...outputs.map((tensor): Field => [2, entry(tensor.name, info(tensor))]),
    [3, 'tensorflow/serving/predict'],
  );
  const signatures = Object.entries({ [graph.signature ?? 'serving_default']: graph, ...graph.more });
  const metaInfo = message([4, 'serve'], [5, '2.15.0']);
  const metaGraph = message([1, metaInfo], [2, graphDef], ...signatures.map(([name, ends]): Field => [5, entry(name, signature(ends))]));
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'saved_model.pb'), message([1, 1], [2, metaGraph]));
  return folder;
}

/** y = x + x, or y = x where the dtype has no addition. */
export function doubling(folder: string, dtype: DTName, shape: readonly number[] = [-1, 3]): string {
  const added = !['string', 'bool'].includes(dtype);
  return writeSavedModel(folder, {
    nodes: [
      { name: 'x', op: 'Placeholder', attributes: { dtype: attribute.type(dtype), shape: attribute.shape(shape) } },
      { name: 'y', op: added ? 'AddV2' : 'Identity', inputs: added ? ['x', 'x'] : ['x'], attributes: { T: attribute.type(dtype) } },
    ],
    inputs: [{ name: 'x', node: 'x:0', dtype, shape }],
    outputs: [{ name: 'y', node: 'y:0', dtype, shape }],
  });
}

/** y = x / sum(x) over the whole batch: rows influence each other, so calls must not share a batch. */
export function shares(folder: string): string {
  return writeSavedModel(folder, {
    nodes: [
      { name: 'x', op: 'Placeholder', attributes: { dtype: attribute.type('float32'), shape: attribute.shape([-1, 2]) } },
      { name: 'axes', op: 'Const', attributes: { dtype: attribute.type('int32'), value: attribute.int32s([0, 1]) } },
      { name: 'sum', op: 'Sum', inputs: ['x', 'axes'], attributes: { T: attribute.type('float32'), Tidx: attribute.type('int32'), keep_dims: attribute.bool(true) } },
      { name: 'y', op: 'RealDiv', inputs: ['x', 'sum'], attributes: { T: attribute.type('float32') } },
    ],
    inputs: [{ name: 'x', node: 'x:0', dtype: 'float32', shape: [-1, 2] }],
    outputs: [{ name: 'y', node: 'y:0', dtype: 'float32', shape: [-1, 2] }],
  });
}

/** total = a + b, difference = a - b: two inputs and two outputs by their aliases. */
export function twoByTwo(folder: string): string {
  const placeholder = (name: string): Node => ({ name, op: 'Placeholder', attributes: { dtype: attribute.type('float32'), shape: attribute.shape([-1, 2]) } });
  const T = attribute.type('float32');
  const tensor = (name: string, node: string): Tensor => ({ name, node, dtype: 'float32', shape: [-1, 2] });
  return writeSavedModel(folder, {
    nodes: [placeholder('node_b'), placeholder('node_a'), { name: 'plus', op: 'AddV2', inputs: ['node_a', 'node_b'], attributes: { T } }, { name: 'minus', op: 'Sub', inputs: ['node_a', 'node_b'], attributes: { T } }],
    inputs: [tensor('b', 'node_b:0'), tensor('a', 'node_a:0')],
    outputs: [tensor('total', 'plus:0'), tensor('difference', 'minus:0')],
  });
}

/** y = x for finite x; TensorFlow itself refuses anything else while running. */
export function picky(folder: string): string {
  return writeSavedModel(folder, {
    nodes: [
      { name: 'x', op: 'Placeholder', attributes: { dtype: attribute.type('float32'), shape: attribute.shape([-1, 2]) } },
      { name: 'y', op: 'CheckNumerics', inputs: ['x'], attributes: { T: attribute.type('float32'), message: message([2, 'not a number']) } },
    ],
    inputs: [{ name: 'x', node: 'x:0', dtype: 'float32', shape: [-1, 2] }],
    outputs: [{ name: 'y', node: 'y:0', dtype: 'float32', shape: [-1, 2] }],
  });
}

/** A graph with an operation that TensorFlow does not have. */
export function unknownOperation(folder: string): string {
  return writeSavedModel(folder, {
    nodes: [
      { name: 'x', op: 'Placeholder', attributes: { dtype: attribute.type('float32'), shape: attribute.shape([-1, 2]) } },
      { name: 'y', op: 'SlipwayHasNoSuchOp', inputs: ['x'] },
    ],
    inputs: [{ name: 'x', node: 'x:0', dtype: 'float32', shape: [-1, 2] }],
    outputs: [{ name: 'y', node: 'y:0', dtype: 'float32', shape: [-1, 2] }],
  });
}

const floatConst = (value: number): Uint8Array => message([8, message([1, DT.float32], [2, shapeProto([])], [4, new Uint8Array(Float32Array.of(value).buffer)])]);

/** y = x, after multiplying two random size x size matrices: takes long, however few rows there are (1500 is about 100 ms). */
export function slow(folder: string, size: number): string {
  const T = attribute.type('float32');
  const random = (name: string): Node => ({ name, op: 'RandomUniform', inputs: ['size'], attributes: { T: attribute.type('int32'), dtype: T } });
  return writeSavedModel(folder, {
    nodes: [
      { name: 'x', op: 'Placeholder', attributes: { dtype: T, shape: attribute.shape([-1, 1]) } },
      { name: 'size', op: 'Const', attributes: { dtype: attribute.type('int32'), value: attribute.int32s([size, size]) } },
      { name: 'axes', op: 'Const', attributes: { dtype: attribute.type('int32'), value: attribute.int32s([0, 1]) } },
      { name: 'zero', op: 'Const', attributes: { dtype: T, value: floatConst(0) } },
      random('left'),
      random('right'),
      { name: 'product', op: 'MatMul', inputs: ['left', 'right'], attributes: { T } },
      { name: 'sum', op: 'Sum', inputs: ['product', 'axes'], attributes: { T, Tidx: attribute.type('int32') } },
      { name: 'nothing', op: 'Minimum', inputs: ['sum', 'zero'], attributes: { T } },
      { name: 'y', op: 'AddV2', inputs: ['x', 'nothing'], attributes: { T } },
    ],
    inputs: [{ name: 'x', node: 'x:0', dtype: 'float32', shape: [-1, 1] }],
    outputs: [{ name: 'y', node: 'y:0', dtype: 'float32', shape: [-1, 1] }],
  });
}
