// Owns what a job of the body thread is, and how what it refuses crosses to the event loop. PURE. Must not know what a body means.
import { asInferenceError, fromRecord, toRecord, type ErrorRecord } from '../../inference/errors.ts';
import { GrpcError, type GrpcCode } from '../grpc/status.ts';

/** What a job gives back, and the memory that moves with it. */
export interface Done {
  value: unknown;
  transfer: ArrayBuffer[];
}

export interface Job<T> {
  /**
   * Bytes of memory that reading takes, upper estimate; a job without it takes no more than it is given. What is wrong with a body is for
   * `run` to say.
   * @param max beyond it the body is refused, so nothing more needs to be looked at
   */
  weigh?(value: T, max: number): number;
  run(value: T): Done;
}

/** The jobs of a protocol, by their names. */
export type Jobs = Readonly<Record<string, Job<never>>>;

/** A refusal as plain data: of the catalogue, or with the status that gRPC has for it. */
export type Refused = ErrorRecord | { grpc: GrpcCode; detail: string };

export const refusedBy = (thrown: unknown): Refused => (thrown instanceof GrpcError ? { grpc: thrown.code, detail: thrown.message } : toRecord(asInferenceError(thrown)));
export const errorOf = (refused: Refused): Error => ('grpc' in refused ? new GrpcError(refused.grpc, refused.detail) : fromRecord(refused));

/** What was read, or why it was refused: told once the model is found. */
export type Read<T> = { read: T } | { refused: Refused };

export function readWith<T>(read: () => T): Read<T> {
  try {
    return { read: read() };
  } catch (error) {
    return { refused: refusedBy(error) };
  }
}

/** @throws InferenceError, GrpcError what the reader refused */
export function readOf<T>(done: Read<T>): T {
  if ('refused' in done) throw errorOf(done.refused);
  return done.read;
}
