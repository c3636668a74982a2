// Owns the one tensor of the server and what its dtypes look like in memory. Must not know JSON, protocols or native handles.
import type { DType, TensorSpec } from '@slipway/api';

/** Elements in row-major order. Strings are text, or bytes where they came as bytes. */
export type TensorData = Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array | BigInt64Array | BigUint64Array | StringData;
export type StringData = (string | Uint8Array)[];
export type NumericData = Exclude<TensorData, StringData>;

export interface Tensor {
  name: string;
  dtype: DType;
  shape: readonly number[];
  data: TensorData;
}

/** Inputs and outputs of a model by their public names; -1 is an unknown dimension. */
export interface ModelSignature {
  inputs: readonly TensorSpec[];
  outputs: readonly TensorSpec[];
}

interface Layout {
  /** Bytes of one element in `data`. */
  bytes: number;
  make: (length: number) => TensorData;
  kind: 'float' | 'integer' | 'bool' | 'string';
  /** Inclusive bounds of an integer. */
  min?: number;
  max?: number;
}

/** How each dtype is held. float16 is held as float32; bool as one byte. complex64 has no form here: refused at load. */
export const LAYOUTS: Record<DType, Layout | undefined> = {
  float32: { bytes: 4, make: (n) => new Float32Array(n), kind: 'float' },
  float16: { bytes: 4, make: (n) => new Float32Array(n), kind: 'float' },
  float64: { bytes: 8, make: (n) => new Float64Array(n), kind: 'float' },
  int8: { bytes: 1, make: (n) => new Int8Array(n), kind: 'integer', min: -128, max: 127 },
  int16: { bytes: 2, make: (n) => new Int16Array(n), kind: 'integer', min: -32_768, max: 32_767 },
  int32: { bytes: 4, make: (n) => new Int32Array(n), kind: 'integer', min: -2_147_483_648, max: 2_147_483_647 },
  int64: { bytes: 8, make: (n) => new BigInt64Array(n), kind: 'integer', min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER },
  uint8: { bytes: 1, make: (n) => new Uint8Array(n), kind: 'integer', min: 0, max: 255 },
  uint16: { bytes: 2, make: (n) => new Uint16Array(n), kind: 'integer', min: 0, max: 65_535 },
  uint32: { bytes: 4, make: (n) => new Uint32Array(n), kind: 'integer', min: 0, max: 4_294_967_295 },
  uint64: { bytes: 8, make: (n) => new BigUint64Array(n), kind: 'integer', min: 0, max: Number.MAX_SAFE_INTEGER },
  bool: { bytes: 1, make: (n) => new Uint8Array(n), kind: 'bool' },
  string: { bytes: 16, make: (n) => new Array<string>(n).fill(''), kind: 'string' },
  complex64: undefined,
};

/** @throws RangeError for a dtype that has no form here. */
export function layoutOf(dtype: DType): Layout {
  const layout = LAYOUTS[dtype];
  if (layout === undefined) throw new RangeError(`dtype ${dtype} is not supported`);
  return layout;
}

const WIDEST_BYTES = 8;

/** Memory for a message, for nothing else, that ends at a multiple of the widest element: raw tensors stand at the end, and are looked at where they lie. */
export function endingAligned(byteLength: number): Buffer {
  const before = (WIDEST_BYTES - (byteLength % WIDEST_BYTES)) % WIDEST_BYTES;
  return Buffer.allocUnsafeSlow(before + byteLength).subarray(before);
}

/** Number of elements of a fully known shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

/** Number of elements of one row (all dimensions but the first). */
export const rowSizeOf = (shape: readonly number[]): number => sizeOf(shape.slice(1));

/** Rows of a tensor: its first dimension, or 1 for a scalar. */
export const rowsOf = (tensor: Pick<Tensor, 'shape'>): number => tensor.shape[0] ?? 1;

/** Bytes that the elements take, strings by their length. */
export function bytesOf(tensor: Tensor): number {
  if (!Array.isArray(tensor.data)) return tensor.data.byteLength;
  return tensor.data.reduce((sum, item) => sum + 16 + (typeof item === 'string' ? item.length * 2 : item.byteLength), 0);
}

/** Rows [from, to) of a tensor. Numbers are a view on the same memory, not a copy. */
export function sliceRows(tensor: Tensor, from: number, to: number): Tensor {
  const width = rowSizeOf(tensor.shape);
  const shape = [to - from, ...tensor.shape.slice(1)];
  const { data } = tensor;
  const part = Array.isArray(data) ? data.slice(from * width, to * width) : data.subarray(from * width, to * width);
  return { ...tensor, shape, data: part };
}

/**
 * Stacks tensors of one name, dtype and row shape along the first dimension.
 * @throws RangeError on an empty list.
 */
export function concatRows(parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  if (first === undefined) throw new RangeError('nothing to stack');
  if (parts.length === 1) return first;
  const rows = parts.reduce((sum, part) => sum + rowsOf(part), 0);
  const shape = [rows, ...first.shape.slice(1)];
  if (Array.isArray(first.data)) return { ...first, shape, data: parts.flatMap((part) => part.data as StringData) };
  const data = layoutOf(first.dtype).make(sizeOf(shape)) as NumericData;
  let offset = 0;
  for (const part of parts) {
    (data as Float32Array).set(part.data as Float32Array, offset);
    offset += part.data.length;
  }
  return { ...first, shape, data };
}

/** Shape in the words of an error: `[-1,5]`. */
export const shapeText = (shape: readonly number[]): string => `[${shape.join(',')}]`;

/** Whether a known shape fits a declared one, in which -1 fits anything. */
export function fits(shape: readonly number[], declared: readonly number[]): boolean {
  return shape.length === declared.length && declared.every((dim, axis) => dim === -1 || dim === shape[axis]);
}
