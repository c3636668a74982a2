// Owns gzip and brotli, both ways: bodies are inflated with a limit on what comes out, answers are compressed where asked.
// Must not know what a body means.
import { PassThrough, Transform, type Readable } from 'node:stream';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { FastifyInstance, FastifyReply, RequestPayload } from 'fastify';
import { InferenceError } from '../inference/errors.ts';
import type { Growth } from './memory-admission.ts';

/** Smaller answers are not worth it. */
const MIN_BYTES = 2048;
/** Most callers accept compression without having asked for it; it must not cost more than the prediction. */
const BROTLI_QUALITY = 2;
const GZIP_LEVEL = 3;

const INFLATE: Record<string, () => Transform> = {
  gzip: () => zlib.createGunzip(),
  'x-gzip': () => zlib.createGunzip(),
  br: () => zlib.createBrotliDecompress(),
  deflate: () => zlib.createInflate(),
  identity: () => new PassThrough(),
};

const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);
const brotli = promisify<zlib.InputType, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);
const DEFLATE: Record<string, (body: Buffer) => Promise<Buffer>> = {
  br: (body) => brotli(body, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }),
  gzip: (body) => gzip(body, { level: GZIP_LEVEL }),
};

/** @param grows what is told of the bytes of a body that did not say its size */
export function addCompression(app: FastifyInstance, limits: { maxBodyBytes: number; grows: (reply: FastifyReply) => Growth }): void {
  app.addHook('preParsing', (request, reply, payload, done) => {
    const encoding = request.headers['content-encoding']?.toLowerCase() || 'identity';
    if (encoding === 'identity' && request.headers['transfer-encoding'] === undefined) {
      done(null, payload);
      return;
    }
    const inflate = INFLATE[encoding];
    if (inflate === undefined) {
      done(new InferenceError('unsupported_media_type', `Content-Encoding ${encoding.slice(0, 40)} is not read; send gzip, br or deflate.`));
      return;
    }
    done(null, inflated(payload, inflate(), { limit: limits.maxBodyBytes, words: encoding === 'identity' ? 'body' : 'inflated body', grown: limits.grows(reply) }));
  });
  // With a callback: a promise for each answer would cost small ones more than this hook does for them.
  app.addHook('onSend', (request, reply, payload, done) => {
    const body = worthIt(payload);
    if (body === undefined || reply.hasHeader('content-encoding')) {
      done(null, payload);
      return;
    }
    reply.header('vary', VARY);
    const deflated = deflatedFor(request.headers['accept-encoding'], body);
    if (deflated === undefined) {
      done(null, payload);
      return;
    }
    reply.header('content-encoding', deflated.encoding).removeHeader('content-length');
    deflated.body.then((bytes) => {
      done(null, bytes);
    }, done);
  });
}

/** Said with every answer that is large enough to be compressed, whether it was or not. */
export const VARY = 'accept-encoding';

/** The body as the caller wants it compressed, if it does. */
export function deflatedFor(accepted: string | string[] | undefined, body: Buffer): { encoding: string; body: Promise<Buffer> } | undefined {
  const encoding = choose(accepted);
  const deflate = encoding === undefined ? undefined : DEFLATE[encoding];
  return encoding === undefined || deflate === undefined ? undefined : { encoding, body: deflate(body) };
}

/** The bytes of an answer that is large enough. */
export function worthIt(payload: unknown): Buffer | undefined {
  if (typeof payload === 'string') {
    // At most three bytes a character: a short text is known to be small without counting.
    if (payload.length * 3 < MIN_BYTES || Buffer.byteLength(payload) < MIN_BYTES) return undefined;
    return Buffer.from(payload);
  }
  return Buffer.isBuffer(payload) && payload.byteLength >= MIN_BYTES ? payload : undefined;
}

interface Inflated {
  /** Bytes that may come out. */
  limit: number;
  /** What comes out. */
  words: string;
  grown: Growth;
}

/** Counts what came and what comes out: Fastify compares the first with Content-Length, we limit the second. */
function inflated(payload: Readable, inflate: Transform, { limit, words, grown }: Inflated): RequestPayload {
  const counted = Object.assign(
    new Transform({
      transform(chunk: Buffer, _encoding, next): void {
        try {
          out += chunk.byteLength;
          if (out > limit) throw new InferenceError('body_too_large', `The ${words} is over the limit of ${String(limit)} bytes.`);
          grown(chunk.byteLength);
          next(null, chunk);
        } catch (error) {
          next(error as Error);
        }
      },
    }),
    { receivedEncodedLength: 0 },
  );
  let out = 0;
  const fail = (error: Error): void => {
    counted.destroy(error instanceof InferenceError ? error : new InferenceError('malformed_request', `The body cannot be inflated: ${error.message}`, { cause: error }));
  };
  payload.on('data', (chunk: Buffer) => {
    counted.receivedEncodedLength += chunk.byteLength;
  });
  payload.on('error', fail);
  inflate.on('error', fail);
  counted.once('close', () => {
    payload.unpipe(inflate);
    payload.resume();
    inflate.destroy();
  });
  payload.pipe(inflate).pipe(counted);
  return counted;
}

/** br before gzip, unless the caller gave one of them q=0. */
function choose(accepted: string | string[] | undefined): 'br' | 'gzip' | undefined {
  const offers = String(accepted ?? '')
    .toLowerCase()
    .split(',')
    .map((part) => part.trim().split(/\s*;\s*q=/))
    .filter(([, quality]) => quality === undefined || Number(quality) > 0)
    .map(([name]) => name);
  if (offers.includes('br')) return 'br';
  return offers.includes('gzip') || offers.includes('*') ? 'gzip' : undefined;
}
