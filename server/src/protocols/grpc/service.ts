// Owns what a gRPC service of this server is: a table from path to method. Must not know HTTP/2 or any service.
import type { IncomingHttpHeaders } from 'node:http2';
import type { Note } from '../../http/access-log.ts';
import type { Codec } from './messages.ts';

/** What a method knows of its call beside the message. */
export interface GrpcCall {
  requestId: string;
  metadata: IncomingHttpHeaders;
  /** Milliseconds on the monotonic clock. */
  began: number;
  /** The caller's `grpc-timeout` in milliseconds. */
  timeoutMs: number | undefined;
  /** Its `aborted` becomes true when the caller hangs up or cancels. Who waits looks at it; an AbortSignal costs as much as a small call. */
  signal: { readonly aborted: boolean };
  /** Remembers what the access log may say of the call. */
  note: (note: Note) => void;
  /** Adds a header to the answer; only before the first message is out. */
  header(name: string, value: string): void;
}

/** A message as it is written: bytes, or pieces that follow each other, so that a large tensor in it need not be copied. */
export type Encoded = Uint8Array | readonly Uint8Array[];

/** One request, one answer. A thrown InferenceError or GrpcError becomes the status. */
export interface UnaryMethod {
  kind: 'unary';
  answer(message: Uint8Array, call: GrpcCall): Promise<Encoded>;
}

/** Any number of requests and answers; answers may come while requests still do. */
export interface StreamMethod {
  kind: 'stream';
  answer(messages: AsyncIterable<Uint8Array>, call: GrpcCall): AsyncIterable<Encoded>;
}

export type Method = UnaryMethod | StreamMethod;

/** Methods by their path, `/package.Service/Method`. */
export type Methods = Readonly<Record<string, Method>>;

/** A unary method of typed messages. */
export function unary<I, O>(request: Codec<I>, response: Codec<O>, handle: (request: I, call: GrpcCall) => O | Promise<O>): UnaryMethod {
  return { kind: 'unary', answer: async (message, call) => response.encode(await handle(request.decode(message), call)) };
}

/** A streaming method of typed messages. */
export function stream<I, O>(request: Codec<I>, response: Codec<O>, handle: (requests: AsyncIterable<I>, call: GrpcCall) => AsyncIterable<O>): StreamMethod {
  return {
    kind: 'stream',
    async *answer(messages, call) {
      for await (const message of handle(mapped(messages, (bytes) => request.decode(bytes)), call)) yield response.encode(message);
    },
  };
}

async function* mapped<A, B>(items: AsyncIterable<A>, map: (item: A) => B): AsyncIterable<B> {
  for await (const item of items) yield map(item);
}
