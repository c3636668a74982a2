// Owns the raw form of V2 tensors: row-major, little-endian, BOOL one byte, BYTES each with its length in front. PURE.
import { isUtf8 } from 'node:buffer';
import type { DType } from '@slipway/api';
import { InferenceError } from '../../inference/errors.ts';
import { layoutOf, sizeOf, type NumericData, type StringData, type Tensor } from '../../inference/tensor.ts';
import { textOf } from '../bodies/memory.ts';
import { fromHalf, toHalf } from './half.ts';

const LENGTH_BYTES = 4;
const HALF_BYTES = 2;
/** Elements of one tensor. */
export const MAX_ELEMENTS = 2 ** 31 - 1;
export const tooMany = (input: string): InferenceError => new InferenceError('malformed_request', `shape of input '${input}' causes total element count to exceed maximum size of ${String(MAX_ELEMENTS)}`);

/** Memory of a string beside its text: a place in a list and a value, in the thread that reads it and in the one that is given it. */
const PER_STRING = 96;
const COPIES = 2;

/** What the strings of a raw tensor take in memory once read: upper estimate in bytes. The length of each stands before it. */
export const stringsCost = (shape: readonly number[], byteLength: number): number => Math.min(sizeOf(shape), byteLength / LENGTH_BYTES) * PER_STRING + byteLength * COPIES;

export interface RawTensor {
  name: string;
  dtype: DType;
  shape: readonly number[];
}

/**
 * Reads a raw tensor. Numbers are a view on `bytes` where they lie aligned, else a copy.
 * @throws InferenceError invalid_input when the bytes do not fill the shape exactly.
 */
export function tensorFromRaw({ name, dtype, shape }: RawTensor, bytes: Uint8Array): Tensor {
  const count = sizeOf(shape);
  if (dtype === 'string') return { name, dtype, shape, data: readStrings(bytes, count, name) };
  const width = dtype === 'float16' ? HALF_BYTES : layoutOf(dtype).bytes;
  if (bytes.byteLength !== count * width) throw wrongSize(name, count * width, bytes.byteLength);
  return { name, dtype, shape, data: dtype === 'float16' ? readHalves(bytes, count) : viewOf(dtype, bytes, count) };
}

const wrongSize = (name: string, expected: number, got: number): InferenceError =>
  new InferenceError('invalid_input', `input byte size mismatch for input '${name}'. Expected ${String(expected)}, got ${String(got)}`, {
    errors: [{ path: `inputs.${name}`, expected: `${String(expected)} bytes`, got: `${String(got)} bytes` }],
  });

/** The same elements, typed. This machine is little-endian, as everything that Node.js runs on here. */
function viewOf(dtype: DType, bytes: Uint8Array, count: number): NumericData {
  const Kind = layoutOf(dtype).make(0).constructor as new (buffer: ArrayBufferLike, offset: number, length: number) => NumericData;
  return isView(dtype, bytes) ? new Kind(bytes.buffer, bytes.byteOffset, count) : new Kind(new Uint8Array(bytes).buffer, 0, count);
}

/** Whether a raw tensor is looked at where its bytes lie, so that reading it costs the same however large it is. */
export const isView = (dtype: DType, bytes: Uint8Array): boolean => dtype !== 'string' && dtype !== 'float16' && bytes.byteOffset % layoutOf(dtype).bytes === 0;

function readHalves(bytes: Uint8Array, count: number): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: count }, (_, index) => fromHalf(view.getUint16(index * HALF_BYTES, true)));
}

function readStrings(bytes: Uint8Array, count: number, name: string): StringData {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const items: StringData = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const from = at + LENGTH_BYTES;
    const to = from <= bytes.byteLength ? from + view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    if (to > bytes.byteLength) throw new InferenceError('invalid_input', `incomplete string data for inference input '${name}', element ${String(items.length)} ends beyond the ${String(bytes.byteLength)} bytes sent`);
    items.push(textOrBytes(bytes.subarray(from, to)));
    at = to;
  }
  if (items.length !== count) throw new InferenceError('invalid_input', `expected ${String(count)} string elements for inference input '${name}', got ${String(items.length)}`);
  return items;
}

/** Text where the bytes are UTF-8, else the bytes in memory of their own. */
export function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  return isUtf8(bytes) ? textOf(bytes) : new Uint8Array(bytes);
}

/** Whether the raw form of a tensor is a view on its elements. */
export const isRawView = ({ data, dtype }: Tensor): boolean => !Array.isArray(data) && dtype !== 'float16';

/** The raw form of a tensor; numbers are a view, not a copy. */
export function rawOf(tensor: Tensor): Uint8Array {
  const { data, dtype } = tensor;
  if (Array.isArray(data)) return writeStrings(data);
  if (dtype === 'float16') return writeHalves(data as Float32Array);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function writeStrings(items: StringData): Uint8Array {
  const parts = items.map((item) => (typeof item === 'string' ? Buffer.from(item, 'utf8') : item));
  const bytes = Buffer.allocUnsafe(parts.reduce((sum, part) => sum + LENGTH_BYTES + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    at = bytes.writeUInt32LE(part.byteLength, at);
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

function writeHalves(data: Float32Array): Uint8Array {
  const halves = Uint16Array.from(data, toHalf);
  return new Uint8Array(halves.buffer);
}
