import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameReader } from './frames.ts';

const numbers = fc.oneof(
  fc.float32Array({ maxLength: 50 }), fc.float64Array({ maxLength: 50 }), fc.int32Array({ maxLength: 50 }), fc.uint8Array({ maxLength: 50 }), fc.int8Array({ maxLength: 50 }),
  fc.int16Array({ maxLength: 50 }), fc.uint16Array({ maxLength: 50 }), fc.uint32Array({ maxLength: 50 }), fc.bigInt64Array({ maxLength: 50 }), fc.bigUint64Array({ maxLength: 50 }),
);
const data = fc.oneof(numbers, fc.array(fc.oneof(fc.string(), fc.uint8Array({ maxLength: 20 })), { maxLength: 5 }));
const message = fc.record({ id: fc.nat(), parts: fc.array(fc.array(fc.record({ name: fc.string(), shape: fc.array(fc.nat()), data }), { maxLength: 3 }), { maxLength: 3 }) });

function read(bytes: Uint8Array, size: number): unknown[] {
  const seen: unknown[] = [];
  const reader = new FrameReader((each) => seen.push(each));
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
  return seen;
}

describe('frames', () => {
  it('messages come out as they went in, in order, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), fc.integer({ min: 1, max: 100 }), (messages, size) => {
        expect(read(Buffer.concat(messages.flatMap(encodeFrame)), size)).toEqual(messages);
      }),
    );
  });

  it('a view of a larger buffer sends its own elements, and what arrives has memory of its own', () => {
    const view = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    const [got] = read(Buffer.concat(encodeFrame({ view })), 7) as { view: Float32Array<ArrayBuffer> }[];
    expect(got?.view).toEqual(Float32Array.of(1, 2));
    expect(got?.view.buffer.byteLength).toBe(8);
  });

  it('a large tensor leaves as its own memory, not as a copy', () => {
    const large = new Float32Array(100_000);
    expect(encodeFrame({ large }).some((piece) => piece.buffer === large.buffer)).toBe(true);
  });
});
