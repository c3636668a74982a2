// One HTTP/2 connection that sends one ready-made gRPC message over and over, in as many streams at once as there are lanes: a framer
// of few lines, because a whole client would cost more than the servers it measures. Must not know what the message means: a message
// and trailers are well, trailers alone (which is how gRPC tells of errors) are not.
import net from 'node:net';
import { CLOSED, type Ended, type Lane } from './lane.ts';
import { largeLanes } from './large-lane.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const TYPE = { data: 0, headers: 1, rst: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const FLAG = { endStream: 1, ack: 1, endHeaders: 4 } as const;
const SETTING = { headerTableSize: 1, initialWindow: 4 } as const;
const HEADER_BYTES = 9;
const MAX_WINDOW = 2 ** 31 - 1;
const DEFAULT_WINDOW = 65_535;
/** A frame is no longer unless the server says so. */
const MAX_FRAME = 16_384;
/** A message, with its header, of one frame. */
const MAX_MESSAGE = MAX_FRAME - 5;
/** What may be taken before the server is told so; far below the window, which is given whole at the start. */
const TELL_AFTER = 2 ** 28;

export interface GrpcRequest {
  port: number;
  /** `/package.Service/Method` */
  path: string;
  headers: Readonly<Record<string, string>>;
  message: Buffer;
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const setting = (id: number, value: number): Buffer => Buffer.concat([Buffer.from([0, id]), uint32(value)]);

/** A string of HPACK, not Huffman coded, up to 126 bytes. */
function hpackString(text: string): Buffer {
  if (text.length > 126) throw new RangeError(`${text} is too long for this client`);
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
}

/** Headers without the dynamic table, so that every call's are the same bytes. */
function headerBlock({ path, port, headers }: GrpcRequest): Buffer {
  const literals = Object.entries({ 'content-type': 'application/grpc', te: 'trailers', ...headers });
  return Buffer.concat([
    Buffer.from([0x83, 0x86]), // :method POST, :scheme http
    Buffer.from([0x04]), hpackString(path),
    Buffer.from([0x01]), hpackString(`127.0.0.1:${port}`),
    ...literals.flatMap(([name, value]) => [Buffer.from([0x00]), hpackString(name), hpackString(value)]),
  ]);
}

interface Stream {
  ended: Ended;
  /** Bytes of messages that came. */
  bytes: number;
}

class Connection {
  readonly #socket: net.Socket;
  /** HEADERS and DATA of a call; the two stream ids are put in. */
  readonly #call: Buffer;
  readonly #dataAt: number;
  readonly #cost: number;
  readonly #streams = new Map<number, Stream>();
  readonly #waiting: Ended[] = [];
  #nextStream = 1;
  #window = DEFAULT_WINDOW;
  #taken = 0;
  #seen: Buffer = Buffer.alloc(0);

  constructor(socket: net.Socket, request: GrpcRequest) {
    const message = Buffer.concat([Buffer.from([0]), uint32(request.message.byteLength), request.message]);
    const headers = frame(TYPE.headers, FLAG.endHeaders, 0, headerBlock(request));
    this.#call = Buffer.concat([headers, frame(TYPE.data, FLAG.endStream, 0, message)]);
    this.#dataAt = headers.byteLength;
    this.#cost = message.byteLength;
    this.#socket = socket;
    socket.on('error', () => undefined).on('close', () => this.#lost());
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.write(PREFACE);
    socket.write(frame(TYPE.settings, 0, 0, Buffer.concat([setting(SETTING.headerTableSize, 0), setting(SETTING.initialWindow, MAX_WINDOW)])));
    socket.write(frame(TYPE.windowUpdate, 0, 0, uint32(MAX_WINDOW - DEFAULT_WINDOW)));
  }

  send(ended: Ended): void {
    if (this.#socket.destroyed) return ended(CLOSED);
    if (this.#window < this.#cost) return void this.#waiting.push(ended);
    this.#window -= this.#cost;
    const id = this.#nextStream;
    this.#nextStream += 2;
    this.#streams.set(id, { ended, bytes: 0 });
    const call = Buffer.from(this.#call);
    call.writeUInt32BE(id, 5);
    call.writeUInt32BE(id, this.#dataAt + 5);
    this.#socket.write(call);
  }

  #read(chunk: Buffer): void {
    let seen = this.#seen.byteLength === 0 ? chunk : Buffer.concat([this.#seen, chunk]);
    while (seen.byteLength >= HEADER_BYTES) {
      const end = HEADER_BYTES + seen.readUIntBE(0, 3);
      if (seen.byteLength < end) break;
      this.#frame(seen.readUInt8(3), seen.readUInt8(4), seen.readUInt32BE(5) & MAX_WINDOW, seen.subarray(HEADER_BYTES, end));
      seen = seen.subarray(end);
    }
    this.#seen = seen;
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === TYPE.data) this.#data(id, payload.byteLength, (flags & FLAG.endStream) !== 0);
    else if (type === TYPE.headers) this.#headers(id, (flags & FLAG.endStream) !== 0);
    else if (type === TYPE.rst) this.#end(id, `the stream was reset with code ${payload.readUInt32BE(0)}`);
    else this.#control(type, flags, id, payload);
  }

  #control(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === TYPE.settings && (flags & FLAG.ack) === 0) this.#socket.write(frame(TYPE.settings, FLAG.ack, 0, Buffer.alloc(0)));
    else if (type === TYPE.ping && (flags & FLAG.ack) === 0) this.#socket.write(frame(TYPE.ping, FLAG.ack, 0, payload));
    else if (type === TYPE.windowUpdate && id === 0) this.#widen(payload.readUInt32BE(0));
    else if (type === TYPE.goAway) this.#socket.destroy();
  }

  #widen(by: number): void {
    this.#window += by;
    for (let waiting = this.#waiting.length; waiting > 0 && this.#window >= this.#cost; waiting--) this.send(this.#waiting.shift() as Ended);
  }

  #data(id: number, bytes: number, last: boolean): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) stream.bytes += bytes;
    this.#taken += bytes;
    if (this.#taken > TELL_AFTER) {
      this.#socket.write(frame(TYPE.windowUpdate, 0, 0, uint32(this.#taken)));
      this.#taken = 0;
    }
    if (last) this.#end(id, 'the answer had no trailers');
  }

  #headers(id: number, last: boolean): void {
    if (last) this.#end(id, (this.#streams.get(id)?.bytes ?? 0) > 0 ? undefined : 'trailers without a message');
  }

  #end(id: number, wrong: string | undefined): void {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    stream?.ended(wrong);
  }

  #lost(): void {
    for (const id of [...this.#streams.keys()]) this.#end(id, CLOSED);
    for (const ended of this.#waiting.splice(0)) ended(CLOSED);
  }
}

/** `count` streams at once on one connection. */
export async function grpcLanes(request: GrpcRequest, count: number): Promise<Lane[]> {
  if (request.message.byteLength > MAX_MESSAGE) return largeLanes(request, count);
  const socket = net.connect(request.port, '127.0.0.1').setNoDelay(true);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const connection = new Connection(socket, request);
  return Array.from({ length: count }, () => ({ send: (ended: Ended) => connection.send(ended) }));
}
