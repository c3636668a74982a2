import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InferenceError } from '../../inference/errors.ts';
import { Deframer, frame, framePieces } from './framing.ts';
import { GRPC, messageHeader, statusOf, timeoutOf } from './status.ts';

describe('gRPC frames', () => {
  it('come back whole, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.uint8Array({ maxLength: 50 }), fc.boolean())), fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (messages, cuts) => {
        const stream = Buffer.concat(messages.map(([bytes, compressed]) => frame(bytes, compressed)));
        const deframer = new Deframer(50);
        const got: [Uint8Array, boolean][] = [];
        for (let at = 0, turn = 0; at < stream.byteLength; turn++) {
          const size = cuts[turn % cuts.length] ?? 1;
          for (const { bytes, compressed } of deframer.push(stream.subarray(at, at + size))) got.push([new Uint8Array(bytes), compressed]);
          at += size;
        }
        expect(got).toEqual(messages);
        expect(deframer.pending).toBe(false);
      }),
    );
  });

  it('that come in pieces end where any element could, and are copied once', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 40 }), fc.integer({ min: 6, max: 40 }), (message, cut) => {
        const stream = frame(message);
        const deframer = new Deframer(50);
        const [got] = [...deframer.push(stream.subarray(0, Math.min(cut, stream.byteLength - 1))), ...deframer.push(stream.subarray(Math.min(cut, stream.byteLength - 1)))];
        expect(new Uint8Array(got?.bytes ?? [])).toEqual(message);
        expect(((got?.bytes.byteOffset ?? 0) + message.byteLength) % 8).toBe(0);
      }),
    );
  });

  it('of pieces are the frame of the whole, and large ones are not copied', () => {
    const pieces = [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c')];
    expect(framePieces(pieces)).toEqual([frame(Buffer.from('abc'))]);
    const large = Buffer.alloc(100_000, 7);
    const framed = framePieces([...pieces, large]);
    expect(framed.at(-1)).toBe(large);
    expect(Buffer.concat(framed).equals(frame(Buffer.concat([...pieces, large])))).toBe(true);
  });

  it('are refused by their announced length, and by a flag there is not', () => {
    const told: number[] = [];
    const deframer = new Deframer(10, (bytes) => told.push(bytes));
    expect(deframer.push(frame(Buffer.alloc(10)).subarray(0, 9))).toEqual([]);
    expect(deframer.pending).toBe(true);
    expect(told).toEqual([10]);
    expect(() => new Deframer(10).push(frame(Buffer.alloc(11)).subarray(0, 5))).toThrow('The message has 11 bytes; the limit is 10.');
    expect(() => new Deframer(10).push(Buffer.from([2, 0, 0, 0, 0]))).toThrow('flag 2');
  });
});

describe('status', () => {
  it('messages travel as printable ASCII and come back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const header = messageHeader(text);
        expect(header).toMatch(/^[\x20-\x7e]*$/);
        expect(decodeURIComponent(header)).toBe(text);
      }),
    );
  });

  it.each([['1S', 1000], ['250m', 250], ['2H', 7_200_000], ['500u', 0.5], ['100000000S', undefined], ['5', undefined], [undefined, undefined]] as const)('grpc-timeout %s is %s ms', (header, ms) => {
    expect(timeoutOf(header)).toBe(ms);
  });

  it('follows the catalogue', () => {
    expect(statusOf(new InferenceError('invalid_input', ''))).toBe(GRPC.invalidArgument);
    expect(statusOf(new InferenceError('queue_full', ''))).toBe(GRPC.resourceExhausted);
    expect(statusOf(new InferenceError('draining', ''))).toBe(GRPC.unavailable);
    expect(statusOf(new InferenceError('deadline_exceeded', ''))).toBe(GRPC.deadlineExceeded);
  });
});
