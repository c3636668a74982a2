// Owns how the bytes of a body are put together. A large body goes into memory of its own as it comes, and what it came in is given back at
// once: V8 else counts every piece of 64 KiB until a full collection, and among bodies of 600 KB those collections took a quarter of all CPU.
// Must not parse.
import type { IncomingMessage } from 'node:http';
import { errorCodes, type FastifyRequest } from 'fastify';
import { endingAligned } from '../inference/tensor.ts';

const { FST_ERR_CTP_BODY_TOO_LARGE, FST_ERR_CTP_INVALID_CONTENT_LENGTH } = errorCodes;

type Payload = IncomingMessage & {
  /** Bytes before they were inflated. */
  receivedEncodedLength?: number;
};
type Done = (error: Error | null, body?: Buffer) => void;

/** Smaller bodies come in a piece or two. */
const LARGE_BYTES = 64 * 1024;

interface Pieces {
  add(piece: Buffer): void;
  whole(): Buffer;
}

class Kept implements Pieces {
  readonly #pieces: Buffer[] = [];

  add(piece: Buffer): void {
    this.#pieces.push(piece);
  }

  /** Always a copy, so that nobody looks at memory of the socket. */
  whole(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

class Copied implements Pieces {
  readonly #body: Buffer;
  #have = 0;

  constructor(length: number) {
    this.#body = endingAligned(length);
  }

  /** Node's parser gives each piece memory of its own; what is a view on more is left alone. */
  add(piece: Buffer): void {
    this.#have += piece.copy(this.#body, this.#have);
    if (piece.byteLength === piece.buffer.byteLength) (piece.buffer as ArrayBuffer).transfer(0);
  }

  whole(): Buffer {
    return this.#body.subarray(0, this.#have);
  }
}

/** Reads the body of a request within its limit: the parser of a content type. */
export function readBody(request: FastifyRequest, payload: Payload, done: Done): void {
  const limit = request.routeOptions.bodyLimit;
  const announced = Number(request.headers['content-length']);
  if (announced > limit) {
    done(FST_ERR_CTP_BODY_TOO_LARGE());
    return;
  }
  // What is inflated, or comes over HTTP/2, comes in memory that is not the piece's alone.
  const direct = payload === request.raw && request.raw.httpVersionMajor === 1;
  gather(payload, direct && announced > LARGE_BYTES ? new Copied(announced) : new Kept(), { limit, announced, done });
}

function gather(payload: Payload, pieces: Pieces, { limit, announced, done }: { limit: number; announced: number; done: Done }): void {
  let received = 0;
  const end = (error: Error | null | undefined, body?: Buffer): void => {
    payload.off('data', onData).off('end', onEnd).off('error', onError);
    if (error == null) done(null, body);
    else done(error);
  };
  const onData = (piece: Buffer): void => {
    received += piece.length;
    if (Math.max(received, payload.receivedEncodedLength ?? 0) > limit) end(FST_ERR_CTP_BODY_TOO_LARGE());
    else pieces.add(piece);
  };
  const onEnd = (): void => {
    const fits = Number.isNaN(announced) || (payload.receivedEncodedLength ?? received) === announced;
    if (fits) end(null, pieces.whole());
    else end(FST_ERR_CTP_INVALID_CONTENT_LENGTH());
  };
  const onError = (error: Error & { statusCode?: number }): void => {
    if (!(error.statusCode !== undefined && error.statusCode >= 400)) error.statusCode = 400;
    end(error);
  };
  payload.on('data', onData).on('end', onEnd).on('error', onError);
  payload.resume();
}
