// Owns the wire format of Protocol Buffers, as far as writing small messages needs it. Must not know any schema.

/** Field number and value: an integer becomes a varint, everything else is length-delimited. */
export type Field = readonly [number, number | bigint | string | Uint8Array];

const encoder = new TextEncoder();
const VARINT = 0;
const LENGTH_DELIMITED = 2;

function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return bytes;
}

/** The bytes of a message with these fields, in this order. */
export function message(...fields: readonly Field[]): Uint8Array {
  return Buffer.concat(fields.map(([number, value]) => {
    if (typeof value === 'number' || typeof value === 'bigint') return Uint8Array.from([...varint((number << 3) | VARINT), ...varint(value)]);
    const body = typeof value === 'string' ? encoder.encode(value) : value;
    return Buffer.concat([Uint8Array.from([...varint((number << 3) | LENGTH_DELIMITED), ...varint(body.byteLength)]), body]);
  }));
}
