// Judges one run of a codec: only errors of the catalogue, in bounded time and memory.
import { InferenceError } from '../../../server/src/inference/errors.ts';
import { GrpcError } from '../../../server/src/protocols/grpc/status.ts';
import type { Target } from './targets.ts';

/** A few kilobytes of input take far less; a busy machine may pause for a while. */
const LIMIT_MS = 2_000;
const LIMIT_BYTES = 64 * 1024 * 1024;

/** What is wrong with what the codec did, or undefined. */
export function judge(target: Target, bytes: Buffer): string | undefined {
  const held = process.memoryUsage().arrayBuffers;
  const began = performance.now();
  try {
    target.run(Buffer.from(bytes));
  } catch (error) {
    if (!(error instanceof InferenceError || error instanceof GrpcError) || error.code === 'internal_error') return error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (error.message.length > 4096) return `an error of ${String(error.message.length)} characters`;
  }
  const ms = performance.now() - began;
  if (ms > LIMIT_MS) return `took ${String(Math.round(ms))} ms`;
  const grown = process.memoryUsage().arrayBuffers - held;
  return grown > LIMIT_BYTES ? `allocated ${String(grown)} bytes for ${String(bytes.byteLength)}` : undefined;
}
