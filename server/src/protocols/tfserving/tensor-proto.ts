// Owns TensorProto <-> tensor. PURE. Elements come as one piece of memory or as a list of their kind, of which the last is repeated.
import type { DType } from '@slipway/api';
import { layoutOf, sizeOf, type Tensor } from '../../inference/tensor.ts';
import { fromHalf, toHalf } from '../v2/half.ts';
import { isView, MAX_ELEMENTS, rawOf, tensorFromRaw, textOrBytes } from '../v2/raw.ts';
import { packedFloats, packedVarints } from '../grpc/packed.ts';
import { TYPES } from './dtypes.ts';
import { invalid } from './fill.ts';
import type { TensorMessage, WrittenTensor } from './grpc-messages.ts';

const BY_NUMBER = new Map((Object.keys(TYPES) as DType[]).map((dtype) => [TYPES[dtype].number, dtype]));

type Field = 'float_val' | 'double_val' | 'int_val' | 'string_val' | 'int64_val' | 'bool_val' | 'half_val' | 'uint32_val' | 'uint64_val';

/** The list that holds each dtype's elements; complex64 has none here. */
const FIELDS: Readonly<Record<DType, Field | undefined>> = {
  float32: 'float_val',
  float64: 'double_val',
  int32: 'int_val',
  uint8: 'int_val',
  int16: 'int_val',
  int8: 'int_val',
  uint16: 'int_val',
  string: 'string_val',
  int64: 'int64_val',
  bool: 'bool_val',
  float16: 'half_val',
  uint32: 'uint32_val',
  uint64: 'uint64_val',
  complex64: undefined,
};

/**
 * @param maxBytes memory that a short list may be repeated to fill
 * @throws InferenceError
 */
export function tensorFromProto(name: string, proto: TensorMessage, maxBytes: number): Tensor {
  const { dtype, field } = kindOf(name, proto.dtype);
  const header = { name, dtype, shape: shapeOf(name, proto) };
  const content = proto.tensor_content ?? new Uint8Array();
  if (content.byteLength > 0) return fromContent(header, content);
  return { ...header, data: fromList(header, proto[field] ?? [], maxBytes) };
}

function kindOf(name: string, number: number): { dtype: DType; field: Field } {
  const dtype = BY_NUMBER.get(number);
  const field = dtype === undefined ? undefined : FIELDS[dtype];
  if (dtype === undefined || field === undefined) throw invalid(`Tensor ${name} has DataType ${String(number)}, which is not supported.`);
  return { dtype, field };
}

function shapeOf(name: string, { tensor_shape: proto }: TensorMessage): number[] {
  const shape = (proto?.dim ?? []).map(({ size }) => size);
  const known = proto?.unknown_rank !== true && shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0);
  if (!known) throw invalid(`Tensor ${name} has no known shape: [${shape.join()}].`);
  if (sizeOf(shape) > MAX_ELEMENTS) throw invalid(`Tensor ${name} of shape [${shape.join()}] has too many elements; at most ${String(MAX_ELEMENTS)} are taken.`);
  return shape;
}

type Header = Pick<Tensor, 'name' | 'dtype' | 'shape'>;

/** A view on the message where the elements lie aligned in it. */
function fromContent(header: Header, content: Uint8Array): Tensor {
  if (header.dtype === 'string') throw invalid(`Tensor ${header.name} has strings in tensor_content; send string_val.`);
  return tensorFromRaw(header, content);
}

/** Whether a tensor is a view on its content, so that reading it costs the same however large it is. */
export const isViewed = ({ dtype, tensor_content: content = new Uint8Array() }: TensorMessage): boolean => {
  const known = BY_NUMBER.get(dtype);
  return known !== undefined && isView(known, content);
};

function fromList({ name, dtype, shape }: Header, list: ArrayLike<number | boolean | Uint8Array>, maxBytes: number): Tensor['data'] {
  const count = sizeOf(shape);
  const { bytes, make } = layoutOf(dtype);
  if (list.length > count) throw invalid(`Tensor ${name} of shape [${shape.join()}] has ${String(list.length)} values.`);
  if (list.length < count && count * bytes > maxBytes) throw invalid(`Tensor ${name} of shape [${shape.join()}] has ${String(list.length)} values; repeated, they would take more than ${String(maxBytes)} bytes.`);
  const data = make(count) as unknown[];
  const read = reader(name, dtype);
  for (let index = 0; index < list.length; index++) data[index] = read(list[index]);
  if (list.length > 0 && list.length < count) data.fill(data[list.length - 1], list.length);
  return data as Tensor['data'];
}

function reader(name: string, dtype: DType): (value: unknown) => unknown {
  const { kind, min = 0, max = 0 } = layoutOf(dtype);
  if (kind === 'string') return (value) => textOrBytes(value as Uint8Array);
  if (dtype === 'float16') return (value) => fromHalf(value as number);
  if (kind === 'bool') return Number;
  if (kind === 'float') return (value) => value;
  const big = dtype === 'int64' || dtype === 'uint64';
  return (value) => {
    const number = value as number;
    if (number < min || number > max) throw invalid(`Tensor ${name} has the value ${String(number)}, which is out of the range of ${TYPES[dtype].word}${big ? ' in lists; send tensor_content' : ''}.`);
    return big ? BigInt(number) : number;
  };
}

/** Lists, as TensorFlow Serving writes them; 64-bit integers that a list would lose digits of go as one piece of memory. */
export function protoFromTensor(tensor: Tensor): WrittenTensor {
  const { dtype, shape } = tensor;
  const field = FIELDS[dtype];
  if (field === undefined) throw new RangeError(`dtype ${dtype} has no form in TensorProto`);
  const head = { dtype: TYPES[dtype].number, tensor_shape: { dim: shape.map((size) => ({ size })) } };
  if (tensor.data.length === 0) return head;
  const values = listOf(tensor);
  return values === undefined ? { ...head, tensor_content: rawOf(tensor) } : { ...head, [field]: values };
}

/** Strings one by one; numbers as the bytes of a packed list. */
function listOf({ dtype, data }: Tensor): Uint8Array | Uint8Array[] | undefined {
  if (Array.isArray(data)) return data.map((item) => (typeof item === 'string' ? Buffer.from(item, 'utf8') : item));
  if (dtype === 'float16') return packedVarints(Uint16Array.from(data as Float32Array, toHalf));
  if (layoutOf(dtype).kind === 'float') return packedFloats(data);
  if (dtype === 'bool') return packedVarints((data as Uint8Array).map((value) => Number(value === 1)));
  return (dtype === 'int64' || dtype === 'uint64') && !isSafe(data as BigInt64Array) ? undefined : packedVarints(data);
}

function isSafe(data: BigInt64Array | BigUint64Array): boolean {
  for (const value of data) if (!Number.isSafeInteger(Number(value))) return false;
  return true;
}
