// Owns the elements of V2 tensors as JSON: nested or flat lists in, flat lists out, NaN and Infinity as bare words. PURE.
import type { DType } from '@slipway/api';
import { InferenceError } from '../../inference/errors.ts';
import { describe } from '../../inference/nested.ts';
import { layoutOf, sizeOf, type StringData, type Tensor, type TensorData } from '../../inference/tensor.ts';
import type { RawTensor } from './raw.ts';

const WORDS: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity: Number.POSITIVE_INFINITY, '-Infinity': Number.NEGATIVE_INFINITY };
const MAX_DEPTH = 16;

/**
 * Reads `data`, nested or flat, row-major.
 * @throws InferenceError invalid_input
 */
export function tensorFromList({ name, dtype, shape }: RawTensor, list: unknown): Tensor {
  if (dtype === 'float16') throw new InferenceError('invalid_input', `receiving FP16 data via JSON is not supported. Please use the binary data format for input ${name}`);
  const count = sizeOf(shape);
  if (count > elementsIn(list, 0)) throw wrongCount(name); // before memory is taken for what the shape only claims
  const fill: Fill = { data: layoutOf(dtype).make(count), read: reader(dtype), at: 0, count, name };
  fillFrom(fill, Array.isArray(list) ? list : [list], 0);
  if (fill.at !== count) throw wrongCount(name);
  return { name, dtype, shape, data: fill.data };
}

interface Fill {
  data: TensorData;
  /** The element, or undefined for one that the dtype cannot hold. */
  read: (value: unknown) => number | bigint | string | undefined;
  at: number;
  count: number;
  name: string;
}

const wrongCount = (name: string): InferenceError => new InferenceError('invalid_input', `Unable to parse 'data': Shape does not match true shape of 'data' field, input '${name}'`);

/** Elements of a list by the lengths of its lists; what mixes lists and elements is counted too low, and is no tensor. */
function elementsIn(list: unknown, depth: number): number {
  if (!Array.isArray(list)) return 1;
  if (!Array.isArray(list[0]) || depth >= MAX_DEPTH) return list.length;
  return list.reduce((sum: number, each) => sum + elementsIn(each, depth + 1), 0);
}

function fillFrom(fill: Fill, list: readonly unknown[], depth: number): void {
  const target = fill.data as unknown[];
  for (const value of list) {
    if (Array.isArray(value)) {
      if (depth >= MAX_DEPTH) throw wrongCount(fill.name);
      fillFrom(fill, value, depth + 1);
      continue;
    }
    if (fill.at >= fill.count) throw wrongCount(fill.name);
    const element = fill.read(value);
    if (element === undefined) throw new InferenceError('invalid_input', `Unable to parse 'data': element ${String(fill.at)} of input '${fill.name}' is ${describe(value)}`);
    target[fill.at++] = element;
  }
}

function reader(dtype: DType): Fill['read'] {
  const layout = layoutOf(dtype);
  switch (layout.kind) {
    case 'float':
      return (value) => (typeof value === 'number' ? value : typeof value === 'string' ? WORDS[value] : undefined);
    case 'integer':
      return integers(layout.min ?? 0, layout.max ?? 0, layout.bytes === 8);
    case 'bool':
      return (value) => (typeof value === 'boolean' ? Number(value) : value === 0 || value === 1 ? value : undefined);
    case 'string':
      return (value) => (typeof value === 'string' ? value : undefined);
  }
}

const integers = (min: number, max: number, big: boolean): Fill['read'] => (value) => {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) return undefined;
  return big ? BigInt(value) : value;
};

/**
 * A tensor's elements as a flat JSON list.
 * @throws InferenceError invalid_input for float16, which JSON has no form for
 */
export function listText(tensor: Tensor): string {
  const { data, dtype, name } = tensor;
  if (dtype === 'float16') throw new InferenceError('invalid_input', `sending FP16 data via JSON is not supported. Please use the binary data format for output ${name}`);
  if (Array.isArray(data)) return `[${data.map(stringText).join(',')}]`;
  if (dtype === 'float32' || dtype === 'float64') return floatsText(data as Float32Array | Float64Array);
  return dtype === 'bool' ? `[${Array.from(data as Uint8Array, (value) => (value === 0 ? 'false' : 'true')).join(',')}]` : `[${data.join(',')}]`;
}

/** One string that grows: as fast as a join, which has no say in how a number looks. */
function floatsText(data: Float32Array | Float64Array): string {
  let text = '[';
  for (let at = 0; at < data.length; at++) {
    const value = data[at] ?? 0;
    if (at > 0) text += ',';
    text += Number.isInteger(value) ? wholeText(value) : String(value);
  }
  return `${text}]`;
}

/** JavaScript writes whole numbers in full below this, without a point; above with `e+`. */
const FULL_BELOW = 1e21;

/** A whole number as Triton and Python write a float: with a point or an exponent, zero with its sign. */
function wholeText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  return Math.abs(value) < FULL_BELOW ? `${String(value)}.0` : String(value).replace('+', '');
}

const stringText = (item: StringData[number]): string => JSON.stringify(typeof item === 'string' ? item : Buffer.from(item).toString('utf8'));
