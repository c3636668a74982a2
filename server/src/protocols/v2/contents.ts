// Owns the typed contents of V2 gRPC tensors (InferTensorContents): its bytes straight into typed arrays and back. PURE.
import protobuf from 'protobufjs';
import type { DType } from '@slipway/api';
import { InferenceError } from '../../inference/errors.ts';
import { layoutOf, sizeOf, type NumericData, type StringData, type Tensor } from '../../inference/tensor.ts';
import { eachVarint, packedFloats, packedVarints } from '../grpc/packed.ts';
import { textOrBytes, type RawTensor } from './raw.ts';

const { Reader, Writer } = protobuf;
const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Field of InferTensorContents for each dtype, and how its elements lie there. float16 has none. */
const FIELDS: Partial<Record<DType, { field: number; form: 'varint' | 'fixed' | 'bytes' }>> = {
  bool: { field: 1, form: 'varint' },
  int8: { field: 2, form: 'varint' },
  int16: { field: 2, form: 'varint' },
  int32: { field: 2, form: 'varint' },
  int64: { field: 3, form: 'varint' },
  uint8: { field: 4, form: 'varint' },
  uint16: { field: 4, form: 'varint' },
  uint32: { field: 4, form: 'varint' },
  uint64: { field: 5, form: 'varint' },
  float32: { field: 6, form: 'fixed' },
  float64: { field: 7, form: 'fixed' },
  string: { field: 8, form: 'bytes' },
};

const refused = (detail: string): InferenceError => new InferenceError('invalid_input', detail);

/** @throws InferenceError invalid_input when the contents are of another type or do not fill the shape */
export function tensorFromContents({ name, dtype, shape }: RawTensor, contents: Uint8Array): Tensor {
  const at = FIELDS[dtype];
  if (at === undefined) throw refused(`FP16 has no typed contents; send input '${name}' in raw_input_contents`);
  const parts = partsOf(contents, at.field, name);
  const count = sizeOf(shape);
  const data = at.form === 'bytes' ? parts.map(textOrBytes) : at.form === 'fixed' ? fixed(dtype, parts) : varints(dtype, parts, name);
  if (data.length !== count) throw refused(`unexpected number of elements for input '${name}': expected ${String(count)}, got ${String(data.length)}`);
  return { name, dtype, shape, data };
}

/** The payloads of one field: packed lists, single elements or strings. Another field with anything in it is a mistake. */
function partsOf(contents: Uint8Array, field: number, name: string): Uint8Array[] {
  const parts: Uint8Array[] = [];
  try {
    const reader = Reader.create(contents);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      const from = reader.pos;
      const payload = (tag & 7) === WIRE.bytes ? reader.bytes() : undefined;
      if (payload === undefined) reader.skipType(tag & 7);
      if (tag >>> 3 !== field) throw refused(`the contents of input '${name}' are of another type than its datatype`);
      parts.push(payload ?? contents.subarray(from, reader.pos));
    }
  } catch (error) {
    throw error instanceof InferenceError ? error : refused(`the contents of input '${name}' cannot be read: ${(error as Error).message}`);
  }
  return parts;
}

function fixed(dtype: DType, parts: readonly Uint8Array[]): NumericData {
  const bytes = Buffer.concat(parts);
  const { bytes: width, make } = layoutOf(dtype);
  const data = make(Math.floor(bytes.byteLength / width)) as NumericData;
  new Uint8Array(data.buffer).set(bytes.subarray(0, data.byteLength));
  return data;
}

/** Counted first, so that no list of them is needed. */
function varints(dtype: DType, parts: readonly Uint8Array[], name: string): NumericData {
  let count = 0;
  for (const part of parts) if (!eachVarint(part, () => { count += 1; })) throw refused('a number in the contents is cut off');
  const data = layoutOf(dtype).make(count) as NumericData;
  let at = 0;
  for (const part of parts) {
    eachVarint(part, (low, high) => {
      (data as (number | bigint)[] | NumericData as (number | bigint)[])[at++] = elementOf(dtype, low, high, name);
    });
  }
  return data;
}

/** @throws InferenceError for an INT8, INT16, UINT8 or UINT16 beyond its range */
function elementOf(dtype: DType, low: number, high: number, name: string): number | bigint {
  if (dtype === 'bool') return Number(low !== 0 || high !== 0);
  if (dtype === 'int64') return (BigInt(high | 0) << 32n) | BigInt(low >>> 0);
  if (dtype === 'uint64') return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  const { min = 0, max = 0 } = layoutOf(dtype);
  const value = min < 0 ? low | 0 : low >>> 0;
  if (value < min || value > max) throw refused(`input '${name}' has ${String(value)}, which is beyond ${dtype}`);
  return value;
}

/** The contents of a tensor, or undefined for float16, which has none. */
export function contentsOf({ dtype, data }: Tensor): Uint8Array | undefined {
  const at = FIELDS[dtype];
  if (at === undefined) return undefined;
  const writer = Writer.create();
  if (Array.isArray(data)) writeStrings(writer, at.field, data);
  else writer.uint32((at.field << 3) | WIRE.bytes).bytes(at.form === 'fixed' ? packedFloats(data) : packedVarints(data));
  return writer.finish();
}

function writeStrings(writer: protobuf.Writer, field: number, items: StringData): void {
  for (const item of items) writer.uint32((field << 3) | WIRE.bytes).bytes(typeof item === 'string' ? Buffer.from(item, 'utf8') : item);
}
