// Owns a look at a message that has not been decoded: how much of it is the payload of one field, and what it takes in memory once decoded.
// PURE.
import protobuf from 'protobufjs';

const { Reader } = protobuf;
const LENGTH_DELIMITED = 2;
/** Tags looked at, so that the look costs the same for every message. */
const MAX_TAGS = 256;

/**
 * Bytes of a message beside the payloads of a field.
 * @param path numbers of the field and of the messages that hold it, from the outside in
 * @returns Infinity for a message of many fields, and for one that cannot be read
 */
export function bytesBeside(message: Uint8Array, path: readonly number[]): number {
  const left = { tags: MAX_TAGS };
  try {
    return message.byteLength - payloads(message, path, left);
  } catch {
    return Infinity;
  }
}

function payloads(message: Uint8Array, [field, ...inner]: readonly number[], left: { tags: number }): number {
  const reader = Reader.create(message);
  let sum = 0;
  while (reader.pos < reader.len) {
    left.tags -= 1;
    if (left.tags < 0) throw new RangeError('too many fields');
    const tag = reader.uint32();
    const payload = (tag & 7) === LENGTH_DELIMITED ? reader.bytes() : undefined;
    if (payload === undefined) reader.skipType(tag & 7);
    else if (tag >>> 3 === field) sum += inner.length === 0 ? payload.byteLength : payloads(payload, inner, left);
  }
  return sum;
}

/** Fields that hold messages, and theirs; of the others, bytes of memory that a byte of the payload becomes (default PER_BYTE). */
export interface Costs {
  readonly [field: number]: Costs | number;
}

/** Bytes per field, and per byte of a list of small integers, measured on V8 and rounded up. */
const PER_FIELD = 256;
const PER_BYTE = 24;

/** What a message takes in memory once decoded: upper estimate in bytes. One that cannot be read costs what came before the mistake. */
export function messageCost(message: Uint8Array, costs: Costs): number {
  let sum = 0;
  try {
    const reader = Reader.create(message);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      sum += PER_FIELD;
      const payload = (tag & 7) === LENGTH_DELIMITED ? reader.bytes() : undefined;
      if (payload === undefined) reader.skipType(tag & 7);
      else sum += payloadCost(payload, costs[tag >>> 3] ?? PER_BYTE);
    }
  } catch {
    return sum; // the decoder stops there too
  }
  return sum;
}

const payloadCost = (payload: Uint8Array, cost: Costs | number): number => (typeof cost === 'number' ? payload.byteLength * cost : messageCost(payload, cost));
