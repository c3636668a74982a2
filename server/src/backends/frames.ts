// Owns messages on a pipe between two processes: values as V8 writes them, memory of tensors as raw bytes behind them, so that numbers
// are copied into the pipe and out of it, and never through a serialiser. Must not know what a message means.
// One message: uint32 length of the head | head | the bytes of every typed array in the head, in order.
import type { Duplex } from 'node:stream';
import { Deserializer, Serializer } from 'node:v8';

const VIEWS = [Uint8Array, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array] as const;
type View = InstanceType<(typeof VIEWS)[number]>;

/** Messages up to this size leave in one write. */
const ONE_WRITE_BYTES = 64 * 1024;
const LENGTH_BYTES = 4;

const bytesOf = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** Writes typed arrays as their kind and length; their bytes are collected. */
class HeadWriter extends Serializer {
  readonly bodies: Uint8Array[] = [];

  constructor() {
    super();
    (this as unknown as { _setTreatArrayBufferViewsAsHostObjects(on: boolean): void })._setTreatArrayBufferViewsAsHostObjects(true);
  }

  _writeHostObject(view: ArrayBufferView): void {
    // A Buffer is an Uint8Array of another class.
    const kind = VIEWS.findIndex((type) => view instanceof type);
    if (kind === -1) throw new TypeError('only typed arrays cross to another process');
    this.writeUint32(kind);
    this.writeUint32(view.byteLength);
    if (view.byteLength > 0) this.bodies.push(bytesOf(view));
  }
}

/** Reads what HeadWriter wrote: each typed array gets memory of its own, to be filled. */
class HeadReader extends Deserializer {
  readonly bodies: Uint8Array[] = [];

  _readHostObject(): View {
    const type = VIEWS[this.readUint32()];
    const byteLength = this.readUint32();
    if (type === undefined) throw new TypeError('a typed array of an unknown kind');
    const view = new type(byteLength / type.BYTES_PER_ELEMENT);
    if (byteLength > 0) this.bodies.push(bytesOf(view));
    return view;
  }
}

/** @returns pieces to be written in order. */
export function encodeFrame(message: unknown): Uint8Array[] {
  const writer = new HeadWriter();
  writer.writeHeader();
  writer.writeValue(message);
  const head = writer.releaseBuffer();
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32LE(head.length);
  const pieces = [length, head, ...writer.bodies];
  const total = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  return total <= ONE_WRITE_BYTES ? [Buffer.concat(pieces)] : pieces;
}

/** Puts messages together from bytes that come in pieces of any size. */
export class FrameReader {
  readonly #onMessage: (message: unknown) => void;
  #filling: Uint8Array = new Uint8Array(LENGTH_BYTES);
  #filled = 0;
  #step: 'length' | 'head' | 'bodies' = 'length';
  #message: unknown;
  #bodies: Uint8Array[] = [];

  constructor(onMessage: (message: unknown) => void) {
    this.#onMessage = onMessage;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const taken = Math.min(chunk.length - at, this.#filling.length - this.#filled);
      this.#filling.set(chunk.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === this.#filling.length) this.#full();
    }
  }

  #full(): void {
    if (this.#step === 'length') {
      this.#expect('head', new Uint8Array(new DataView(this.#filling.buffer).getUint32(0, true)));
      return;
    }
    if (this.#step === 'head') this.#readHead();
    const next = this.#bodies.shift();
    if (next === undefined) this.#deliver();
    else this.#expect('bodies', next);
  }

  #readHead(): void {
    const reader = new HeadReader(this.#filling);
    reader.readHeader();
    this.#message = reader.readValue();
    this.#bodies = reader.bodies;
  }

  #deliver(): void {
    const message = this.#message;
    this.#message = undefined;
    this.#expect('length', new Uint8Array(LENGTH_BYTES));
    this.#onMessage(message);
  }

  #expect(step: 'length' | 'head' | 'bodies', memory: Uint8Array): void {
    this.#step = step;
    this.#filling = memory;
    this.#filled = 0;
  }
}

/** Sends messages over a pipe and hands on those that come. */
export class FrameLink {
  readonly #pipe: Duplex;

  constructor(pipe: Duplex, onMessage: (message: unknown) => void) {
    this.#pipe = pipe;
    const reader = new FrameReader(onMessage);
    pipe.on('data', (chunk: Buffer) => {
      reader.push(chunk);
    });
  }

  /** The memory of tensors must not change until the other side has it. @throws Error for what cannot be sent */
  send(message: unknown): void {
    const pieces = encodeFrame(message);
    this.#pipe.cork();
    for (const piece of pieces) this.#pipe.write(piece);
    this.#pipe.uncork();
  }
}
