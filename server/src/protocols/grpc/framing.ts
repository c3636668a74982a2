// Owns the framing of gRPC messages in a byte stream: one flag byte, four bytes of length, the message. PURE.
// Must not know what a message means or how it is compressed.
import { GRPC, GrpcError } from './status.ts';

export interface Frame {
  compressed: boolean;
  bytes: Buffer;
}

const HEADER_BYTES = 5;

/** A message with its header, in one piece. */
export function frame(message: Uint8Array, compressed = false): Buffer {
  const framed = Buffer.allocUnsafe(HEADER_BYTES + message.byteLength);
  framed.writeUInt8(compressed ? 1 : 0, 0);
  framed.writeUInt32BE(message.byteLength, 1);
  framed.set(message, HEADER_BYTES);
  return framed;
}

/** Takes chunks as they come and gives the messages that are complete. */
export class Deframer {
  readonly #maxBytes: number;
  readonly #announced: (bytes: number) => void;
  #chunks: Buffer[] = [];
  #held = 0;
  #wanted: number | undefined;
  #compressed = false;

  /**
   * @param maxBytes length of one message as it travels
   * @param announced told the length of each message before it has come; may refuse it by throwing
   */
  constructor(maxBytes: number, announced: (bytes: number) => void = () => undefined) {
    this.#maxBytes = maxBytes;
    this.#announced = announced;
  }

  /** Whether a message has begun and not ended. */
  get pending(): boolean {
    return this.#held > 0 || this.#wanted !== undefined;
  }

  /** @throws GrpcError resourceExhausted for a message that is too large, internal for a flag there is not. */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#held += chunk.byteLength;
    const frames: Frame[] = [];
    for (let next = this.#next(); next !== undefined; next = this.#next()) frames.push(next);
    return frames;
  }

  #next(): Frame | undefined {
    if (this.#wanted === undefined) {
      if (this.#held < HEADER_BYTES) return undefined;
      this.#readHeader(this.#take(HEADER_BYTES));
    }
    const wanted = this.#wanted ?? 0;
    if (this.#held < wanted) return undefined;
    this.#wanted = undefined;
    return { compressed: this.#compressed, bytes: this.#take(wanted) };
  }

  #readHeader(header: Buffer): void {
    const flag = header.readUInt8(0);
    const length = header.readUInt32BE(1);
    if (flag > 1) throw new GrpcError(GRPC.internal, `A message begins with the flag ${String(flag)}; 0 or 1 was expected.`);
    if (length > this.#maxBytes) throw new GrpcError(GRPC.resourceExhausted, `The message has ${String(length)} bytes; the limit is ${String(this.#maxBytes)}.`);
    this.#announced(length);
    this.#compressed = flag === 1;
    this.#wanted = length;
  }

  /** The first `count` bytes of what is held; joined at most once. */
  #take(count: number): Buffer {
    const [first = Buffer.alloc(0)] = this.#chunks;
    const whole = first.byteLength >= count ? first : Buffer.concat(this.#chunks);
    if (whole !== first) this.#chunks = [whole];
    const rest = whole.subarray(count);
    if (rest.byteLength === 0) this.#chunks.shift();
    else this.#chunks[0] = rest;
    this.#held -= count;
    return whole.subarray(0, count);
  }
}
