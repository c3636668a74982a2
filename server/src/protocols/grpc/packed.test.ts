// Packed lists against protobufjs, and a look at what a message holds.
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { eachVarint, packedVarints } from './packed.ts';
import { bytesBeside } from './skim.ts';

describe('packed varints', () => {
  it.each([
    ['int32', fc.int32Array()],
    ['uint32', fc.uint32Array()],
    ['uint8', fc.uint8Array()],
    ['int64', fc.bigInt64Array()],
    ['uint64', fc.bigUint64Array()],
  ] as const)('%s: the bytes that protobufjs writes, and they read back', (_, arrays) => {
    fc.assert(
      fc.property(arrays, (data) => {
        const writer = protobuf.Writer.create();
        for (const value of data) writer.int64(typeof value === 'number' ? value : { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned: false });
        const packed = packedVarints(data);
        expect(Buffer.from(packed).equals(Buffer.from(writer.finish()))).toBe(true);
        const read: bigint[] = [];
        expect(eachVarint(packed, (low, high) => read.push((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)))).toBe(true);
        expect(read).toEqual([...data].map((value) => BigInt.asUintN(64, BigInt(value))));
      }),
    );
  });

  it('says that the last one is cut off', () => {
    expect(eachVarint(Uint8Array.of(0x80), () => { throw new Error('there is none'); })).toBe(false);
  });
});

describe('a look at a message', () => {
  const inner = protobuf.Writer.create().uint32((4 << 3) | 2).bytes(new Uint8Array(1000)).finish();
  const message = protobuf.Writer.create().uint32((1 << 3) | 2).string('name').uint32((2 << 3) | 2).bytes(inner).uint32((3 << 3) | 0).uint32(7).finish();

  it('tells what is beside the payloads of a field', () => {
    expect(bytesBeside(message, [2, 4])).toBe(message.byteLength - 1000);
    expect(bytesBeside(message, [2])).toBe(message.byteLength - inner.byteLength);
    expect(bytesBeside(message, [9])).toBe(message.byteLength);
  });

  it('gives up on many fields and on what is no message', () => {
    expect(bytesBeside(Buffer.alloc(2000).fill(Buffer.from([8, 1])), [2])).toBe(Infinity);
    expect(bytesBeside(Buffer.from([0xff, 0xff, 0xff]), [2])).toBe(Infinity);
    expect(bytesBeside(message.subarray(0, 20), [2, 4])).toBe(Infinity);
  });
});
