// Owns packed lists of protobuf: typed arrays straight to the bytes of a list and back, without an object for each element. PURE.
import type { NumericData } from '../../inference/tensor.ts';

const BITS = 7;
const MORE = 0x80;
/** Bits of the low half that a varint's fifth byte still holds. */
const LAST_OF_LOW = 28;
const MAX_SHIFT = 63;

/** Floats as a packed list are their memory. This machine is little-endian, as everything that Node.js runs on here. */
export const packedFloats = ({ buffer, byteOffset, byteLength }: NumericData): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);

/** Integers as a packed list of varints; negative ones take ten bytes, as int32 and int64 do. */
export function packedVarints(data: NumericData): Uint8Array {
  let size = 0;
  for (let index = 0; index < data.length; index++) size += sizeOf(data[index] ?? 0);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (let index = 0; index < data.length; index++) at = put(bytes, at, data[index] ?? 0);
  return bytes;
}

const INT32 = 2 ** 31;
const UINT32 = 2 ** 32;

function sizeOf(value: number | bigint): number {
  if (typeof value === 'bigint') {
    let left = BigInt.asUintN(64, value);
    let size = 1;
    for (; left >= 0x80n; left >>= 7n) size += 1;
    return size;
  }
  if (value < 0) return 10;
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

function put(bytes: Uint8Array, from: number, value: number | bigint): number {
  if (typeof value === 'bigint') return putHalves(bytes, from, Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
  if (value < 0) return putHalves(bytes, from, value + UINT32, UINT32 - 1);
  if (value >= INT32) return putHalves(bytes, from, value, 0);
  let [at, left] = [from, value];
  for (; left >= MORE; left >>>= BITS) bytes[at++] = (left & 0x7f) | MORE;
  bytes[at++] = left;
  return at;
}

/** The low and the high 32 bits. */
function putHalves(bytes: Uint8Array, from: number, low: number, high: number): number {
  let [at, below, above] = [from, low >>> 0, high >>> 0];
  while (above > 0 || below >= MORE) {
    bytes[at++] = (below & 0x7f) | MORE;
    below = ((below >>> BITS) | (above << 25)) >>> 0;
    above >>>= BITS;
  }
  bytes[at++] = below;
  return at;
}

/**
 * Tells every varint as its low and high 32 bits.
 * @returns whether the last one is whole
 */
export function eachVarint(bytes: Uint8Array, tell: (low: number, high: number) => void): boolean {
  let [low, high, shift] = [0, 0, 0];
  for (const byte of bytes) {
    const value = byte & 0x7f;
    if (shift < LAST_OF_LOW) low |= value << shift;
    else if (shift === LAST_OF_LOW) [low, high] = [low | (value << LAST_OF_LOW), value >>> 4];
    else high |= value << (shift - 32);
    shift += BITS;
    if (byte >= MORE && shift <= MAX_SHIFT) continue;
    tell(low, high);
    [low, high, shift] = [0, 0, 0];
  }
  return shift === 0;
}
