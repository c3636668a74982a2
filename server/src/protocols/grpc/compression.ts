// Owns the compression of single gRPC messages, with a limit on what comes out. Must not know framing.
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { GRPC, GrpcError } from './status.ts';

type Inflate = (bytes: Buffer, limit: number) => Promise<Buffer>;

const gunzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const inflate = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.inflate);
const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);

const INFLATE: Readonly<Record<string, Inflate>> = {
  gzip: (bytes, limit) => gunzip(bytes, { maxOutputLength: limit }),
  deflate: (bytes, limit) => inflate(bytes, { maxOutputLength: limit }),
};

/** What `grpc-accept-encoding` says. */
export const ACCEPTED = 'identity,gzip,deflate';
const GZIP_LEVEL = 3;
/** Smaller answers are not worth it. */
const MIN_BYTES = 2048;

/** @throws GrpcError for an encoding there is not, broken data, or more than `limit` bytes. */
export async function inflated(bytes: Buffer, encoding: string, limit: number): Promise<Buffer> {
  if (encoding === 'identity') throw new GrpcError(GRPC.internal, 'The message says that it is compressed, but grpc-encoding does not say how.');
  const expand = INFLATE[encoding];
  if (expand === undefined) throw new GrpcError(GRPC.unimplemented, `grpc-encoding ${encoding.slice(0, 40)} is not read; send ${ACCEPTED}.`);
  try {
    return await expand(bytes, limit);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw new GrpcError(GRPC.resourceExhausted, `The inflated message is over the limit of ${String(limit)} bytes.`);
    throw new GrpcError(GRPC.invalidArgument, `The message cannot be inflated: ${(error as Error).message}`);
  }
}

/** The message for the wire: compressed if it is worth it. */
export async function deflated(message: Uint8Array): Promise<{ bytes: Uint8Array; compressed: boolean }> {
  if (message.byteLength < MIN_BYTES) return { bytes: message, compressed: false };
  return { bytes: await gzip(message, { level: GZIP_LEVEL }), compressed: true };
}
