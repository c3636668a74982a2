// Owns how a code of the error catalogue looks in the Open Inference Protocol V2: status and `{"error": ...}`, or a status of gRPC. PURE.
// Only status and the one key are read by clients; everything else of the error goes into the sentence.
import type { ErrorCode, InferenceError } from '../../inference/errors.ts';
import type { HttpAnswer } from '../../http/answer.ts';
import { GRPC, GrpcError, statusOf } from '../grpc/status.ts';

/** Codes whose status is not the catalogue's own: V2 knows only 400 for a body it cannot read, and Triton 503 for a queue that is full or slow. */
const STATUS: Partial<Record<ErrorCode, number>> = { unsupported_media_type: 400, queue_full: 503, deadline_exceeded: 503 };

/** Triton's words, by which its clients know these. */
const WORDS: Partial<Record<ErrorCode, string>> = { queue_full: 'Exceeds maximum queue size', deadline_exceeded: 'Request timeout expired' };

const wordsOf = ({ code, message }: InferenceError): string => (WORDS[code] === undefined ? message : `${WORDS[code]}: ${message}`);

/** The error as V2 clients read it. */
export function writeError(error: InferenceError): HttpAnswer {
  return { status: STATUS[error.code] ?? error.status, type: 'application/json', bare: true, body: JSON.stringify({ error: wordsOf(error) }) };
}

/** The same over gRPC, where a time limit has a status of its own. */
export function grpcErrorOf(error: InferenceError): InferenceError | GrpcError {
  if (WORDS[error.code] === undefined) return error;
  return new GrpcError(error.code === 'queue_full' ? GRPC.unavailable : statusOf(error), wordsOf(error), error.retryAfterSeconds);
}
