// Owns the framing of gRPC messages in a byte stream: one flag byte, four bytes of length, the message. PURE.
// Must not know what a message means or how it is compressed.
import { endingAligned } from '../../inference/tensor.ts';
import { GRPC, GrpcError } from './status.ts';

export interface Frame {
  compressed: boolean;
  bytes: Buffer;
}

const HEADER_BYTES = 5;
/** Messages up to this size leave in one piece. */
const ONE_PIECE_BYTES = 65_536;

/** What is said of a message before it comes. */
function header(byteLength: number, compressed: boolean): Buffer {
  const head = Buffer.allocUnsafe(HEADER_BYTES);
  head.writeUInt8(compressed ? 1 : 0, 0);
  head.writeUInt32BE(byteLength, 1);
  return head;
}

/** A message with its header, in one piece. */
export function frame(message: Uint8Array, compressed = false): Buffer {
  const framed = Buffer.allocUnsafe(HEADER_BYTES + message.byteLength);
  framed.writeUInt8(compressed ? 1 : 0, 0);
  framed.writeUInt32BE(message.byteLength, 1);
  framed.set(message, HEADER_BYTES);
  return framed;
}

/** A message that is made of pieces, with its header: small ones are joined, large ones are not copied. */
export function framePieces(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  const [only = new Uint8Array(0), ...others] = pieces;
  const total = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  if (total > ONE_PIECE_BYTES) return [header(total, false), ...pieces];
  return [others.length === 0 ? frame(only) : frame(Buffer.concat(pieces, total))];
}

/** A message of which a part is here. */
interface Begun {
  compressed: boolean;
  wanted: number;
  /** Where it is put together; undefined as long as nothing of it has come. */
  bytes: Buffer | undefined;
  filled: number;
}

/**
 * Takes chunks as they come and gives the messages that are complete. A message that comes in several chunks is copied once, chunk by
 * chunk, into memory of its own, which ends where an element of any width could: raw tensors are the last fields of their messages, so
 * that they can be looked at where they lie.
 */
export class Deframer {
  readonly #maxBytes: number;
  readonly #announced: (bytes: number) => void;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #begun: Begun | undefined;

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
    return this.#headerBytes > 0 || this.#begun !== undefined;
  }

  /** @throws GrpcError resourceExhausted for a message that is too large, internal for a flag there is not. */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let rest = chunk;
    while (rest.byteLength > 0) {
      if (this.#begun === undefined) rest = this.#takeHeader(rest);
      if (this.#begun === undefined) break;
      const taken = fill(this.#begun, rest);
      rest = rest.subarray(taken);
      const { compressed, wanted, filled, bytes } = this.#begun;
      if (filled < wanted) break;
      frames.push({ compressed, bytes: bytes ?? Buffer.alloc(0) });
      this.#begun = undefined;
    }
    return frames;
  }

  #takeHeader(chunk: Buffer): Buffer {
    if (this.#headerBytes === 0 && chunk.byteLength >= HEADER_BYTES) {
      this.#begin(chunk.readUInt8(0), chunk.readUInt32BE(1));
      return chunk.subarray(HEADER_BYTES);
    }
    const taken = chunk.copy(this.#header, this.#headerBytes);
    this.#headerBytes += taken;
    if (this.#headerBytes === HEADER_BYTES) {
      this.#headerBytes = 0;
      this.#begin(this.#header.readUInt8(0), this.#header.readUInt32BE(1));
    }
    return chunk.subarray(taken);
  }

  #begin(flag: number, length: number): void {
    if (flag > 1) throw new GrpcError(GRPC.internal, `A message begins with the flag ${String(flag)}; 0 or 1 was expected.`);
    if (length > this.#maxBytes) throw new GrpcError(GRPC.resourceExhausted, `The message has ${String(length)} bytes; the limit is ${String(this.#maxBytes)}.`);
    this.#announced(length);
    this.#begun = { compressed: flag === 1, wanted: length, bytes: undefined, filled: 0 };
  }
}

/** Takes what belongs to the message; one that is whole in its chunk is a view on it. @returns bytes taken */
function fill(begun: Begun, chunk: Buffer): number {
  const { wanted, filled } = begun;
  const taken = Math.min(chunk.byteLength, wanted - filled);
  if (taken === wanted) {
    begun.bytes = chunk.subarray(0, wanted);
  } else {
    begun.bytes ??= endingAligned(wanted);
    chunk.copy(begun.bytes, filled, 0, taken);
  }
  begun.filled += taken;
  return taken;
}
