// Owns gRPC over the HTTP/2 side of the one listener: which stream is a call, its messages in, its messages and status out.
// Must not know any service; the methods are given.
import http2, { type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AccessLog, Note } from '../../http/access-log.ts';
import { HEADERS, requestIdOf } from '../../http/request-context.ts';
import { asInferenceError, InferenceError } from '../../inference/errors.ts';
import type { DrainState } from '../../http/drain.ts';
import { ACCEPTED, deflated, inflated } from './compression.ts';
import { Deframer, frame, framePieces, type Frame } from './framing.ts';
import type { Encoded, GrpcCall, Method, Methods } from './service.ts';
import { GRPC, GrpcError, messageHeader, statusOf, timeoutOf } from './status.ts';

export interface GrpcOptions {
  methods: Methods;
  /** One message, as it travels and inflated. */
  maxMessageBytes: number;
  revision: string | undefined;
  drain(): DrainState;
  /** Sets memory aside for a message that is coming. @throws InferenceError */
  admit(bytes: number): () => void;
  /** Where a line for the call is written, perhaps. */
  access?: AccessLog;
  /** Told of what the server itself got wrong. */
  failed(error: unknown, requestId: string): void;
}

const HEALTH = '/grpc.health.';

/** Takes a stream if it is a gRPC call, else leaves it to HTTP. */
export type GrpcHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;

const CONTENT_TYPE = 'application/grpc+proto';
const IS_GRPC = /^application\/grpc(?:\+proto)?\s*(?:;|$)/i;
/** The message, its values, and the tensors made of them. */
const MESSAGE_FACTOR = 3;
/** Smaller messages cannot hurt; the bound on waiting calls holds them. */
const FREE_BYTES = 65_536;

export function grpcHandler(options: GrpcOptions): GrpcHandler {
  return (stream, headers) => {
    if (!IS_GRPC.test(headers['content-type'] ?? '')) return false;
    const exchange = new Exchange(stream, headers, options);
    stream.on('error', () => undefined); // told of by 'close'
    exchange.begin();
    return true;
  };
}

const nothing = (): void => undefined;

/** One call from its headers to its status. */
class Exchange {
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  readonly #options: GrpcOptions;
  readonly #call: GrpcCall;
  readonly #deframer: Deframer;
  readonly #extra: OutgoingHttpHeaders = {};
  #trailers: OutgoingHttpHeaders = {};
  /** What gives back the memory that is set aside for each message, in their order, as long as it is not answered. */
  readonly #held: (() => void)[] = [];
  #finished = false;
  #note: Note | undefined;
  #bytesIn = 0;
  #bytesOut = 0;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, options: GrpcOptions) {
    this.#stream = stream;
    this.#headers = headers;
    this.#options = options;
    const signal = { aborted: false };
    stream.once('close', () => {
      signal.aborted = !this.#finished;
    });
    this.#call = {
      requestId: requestIdOf(headers[HEADERS.requestId]),
      metadata: headers,
      began: performance.now(),
      timeoutMs: timeoutOf(headers['grpc-timeout']),
      signal,
      note: (note) => {
        this.#note = note;
      },
      header: (name, value) => {
        this.#extra[name] = value;
      },
    };
    this.#deframer = new Deframer(options.maxMessageBytes, (bytes) => {
      this.#bytesIn += bytes;
      this.#held.push(this.#admitted(bytes));
    });
    stream.once('close', () => {
      for (const release of this.#held) release();
    });
  }

  begin(): void {
    const drain = this.#options.drain();
    if (drain !== 'serving') this.#stream.session?.close();
    const path = this.#headers[':path'] ?? '';
    const method = Object.hasOwn(this.#options.methods, path) ? this.#options.methods[path] : undefined;
    if (drain === 'closed') this.#fail(new InferenceError('draining', 'The server is shutting down.'));
    else if (method === undefined) this.#fail(new GrpcError(GRPC.unimplemented, `There is no method ${path.slice(0, 200)}.`));
    else this.#run(method);
  }

  #run(method: Method): void {
    if (method.kind === 'stream') {
      void this.#streamed(method.answer(this.#incoming(), this.#call));
      return;
    }
    const frames: Frame[] = [];
    this.#stream.on('data', (chunk: Buffer) => {
      try {
        if (!this.#finished) frames.push(...this.#deframer.push(chunk));
      } catch (error) {
        this.#fail(error);
      }
    });
    this.#stream.once('end', () => {
      if (!this.#finished) void this.#unary(frames, (message) => method.answer(message, this.#call));
    });
  }

  async #unary(frames: readonly Frame[], answer: (message: Uint8Array) => Promise<Encoded>): Promise<void> {
    try {
      const [only, ...others] = frames;
      if (only === undefined || others.length > 0 || this.#deframer.pending) throw new GrpcError(GRPC.invalidArgument, 'One whole message was expected.');
      const message = only.compressed ? await this.#inflate(only.bytes) : only.bytes;
      const framed = this.#framed(await answer(message));
      const last = framed instanceof Promise ? await framed : framed;
      this.#open();
      this.#end(last);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #streamed(answers: AsyncIterable<Encoded>): Promise<void> {
    try {
      for await (const message of answers) {
        this.#open();
        if (!this.#write(await this.#framed(message))) await this.#drained();
      }
      this.#open();
      this.#end();
    } catch (error) {
      this.#fail(error);
    }
  }

  async *#incoming(): AsyncIterable<Uint8Array> {
    for await (const chunk of this.#stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (const { compressed, bytes } of this.#deframer.push(chunk)) {
        yield compressed ? await this.#inflate(bytes) : bytes;
        this.#held.shift()?.(); // whoever asks for the next one has answered this one
      }
    }
    if (this.#deframer.pending) throw new GrpcError(GRPC.invalidArgument, 'The stream ended inside a message.');
  }

  /** Resolves when more can be written, or when nobody reads any more. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done).off('close', done);
        resolve();
      };
      this.#stream.on('drain', done).on('close', done);
    });
  }

  async #inflate(bytes: Buffer): Promise<Buffer> {
    const message = await inflated(bytes, String(this.#headers['grpc-encoding'] ?? 'identity'), this.#options.maxMessageBytes);
    const [asSent = nothing] = this.#held;
    const inflatedToo = this.#admitted(message.byteLength);
    this.#held[0] = () => {
      asSent();
      inflatedToo();
    };
    return message;
  }

  /** @throws InferenceError where a message would not fit into memory */
  #admitted(bytes: number): () => void {
    return bytes > FREE_BYTES ? this.#options.admit(bytes * MESSAGE_FACTOR) : nothing;
  }

  /** Compressed if the caller compresses too. */
  #framed(message: Encoded): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
    const pieces = message instanceof Uint8Array ? [message] : message;
    for (const piece of pieces) this.#bytesOut += piece.byteLength;
    return this.#compresses() ? this.#deflated(pieces) : framePieces(pieces);
  }

  async #deflated(pieces: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const { bytes, compressed } = await deflated(Buffer.concat(pieces));
    return [frame(bytes, compressed)];
  }

  /** Whether more can be written at once. */
  #write(pieces: readonly Uint8Array[]): boolean {
    const [only, ...others] = pieces;
    if (others.length === 0) return this.#stream.write(only);
    this.#stream.cork();
    const room = pieces.map((piece) => this.#stream.write(piece));
    this.#stream.uncork();
    return room.at(-1) === true;
  }

  #compresses(): boolean {
    return this.#headers['grpc-encoding'] === 'gzip' && /\bgzip\b/.test(String(this.#headers['grpc-accept-encoding'] ?? ''));
  }

  #open(): void {
    if (this.#stream.headersSent || this.#stream.destroyed) return;
    this.#stream.once('wantTrailers', () => {
      this.#stream.sendTrailers(this.#trailers);
    });
    this.#stream.respond(this.#answerHeaders(), { waitForTrailers: true });
  }

  #end(last: readonly Uint8Array[] = []): void {
    this.#finished = true;
    this.#trailers = { 'grpc-status': String(GRPC.ok) };
    this.#log(GRPC.ok);
    const [only, ...others] = last;
    if (others.length > 0) this.#write(last);
    if (only === undefined || others.length > 0) this.#stream.end();
    else this.#stream.end(only);
  }

  #fail(thrown: unknown): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#log(thrown instanceof GrpcError ? thrown.code : statusOf(asInferenceError(thrown)));
    if (this.#stream.destroyed) return;
    const status = this.#statusHeaders(thrown);
    if (this.#stream.headersSent) {
      this.#trailers = status;
      this.#stream.end();
    } else {
      const misdirected = thrown instanceof InferenceError && thrown.code === 'model_version_elsewhere';
      this.#stream.respond({ ...this.#answerHeaders(), ...(misdirected ? { ':status': thrown.status } : {}), ...status }, { endStream: true });
    }
    this.#stream.resume();
    if (!this.#stream.readableEnded) this.#stream.close(http2.constants.NGHTTP2_NO_ERROR);
  }

  /** One line for a call, whatever its kind; health checks are not logged. */
  #log(status: number): void {
    const { access } = this.#options;
    const path = this.#headers[':path'] ?? '';
    if (access?.on !== true || path.startsWith(HEALTH) || !access.keeps(this.#call.requestId, status !== GRPC.ok, performance.now())) return;
    const known = Object.hasOwn(this.#options.methods, path);
    const { requestId: reqId, began } = this.#call;
    const { traceparent } = this.#headers;
    const line = { reqId, traceparent: typeof traceparent === 'string' ? traceparent : undefined, method: 'GRPC', path: known ? path : '', status };
    access.write({ ...line, ms: performance.now() - began, bytesIn: this.#bytesIn, bytesOut: this.#bytesOut }, this.#note);
  }

  #statusHeaders(thrown: unknown): OutgoingHttpHeaders {
    const error = thrown instanceof GrpcError ? thrown : asInferenceError(thrown);
    if (error.code === 'internal_error') this.#options.failed(error.cause ?? error, this.#call.requestId);
    const pushback = error.retryAfterSeconds === undefined ? {} : { 'grpc-retry-pushback-ms': String(error.retryAfterSeconds * 1000) };
    const status = error instanceof GrpcError ? error.code : statusOf(error);
    return { 'grpc-status': String(status), 'grpc-message': messageHeader(error.message), ...pushback };
  }

  #answerHeaders(): OutgoingHttpHeaders {
    const { traceparent } = this.#headers;
    return {
      ':status': 200,
      'content-type': CONTENT_TYPE,
      'grpc-accept-encoding': ACCEPTED,
      [HEADERS.requestId]: this.#call.requestId,
      ...(this.#compresses() ? { 'grpc-encoding': 'gzip' } : {}),
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(this.#options.revision === undefined ? {} : { [HEADERS.revision]: this.#options.revision }),
      ...this.#extra,
    };
  }
}
