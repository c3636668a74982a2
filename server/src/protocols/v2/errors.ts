// Owns how a code of the error catalogue looks in the Open Inference Protocol V2: status and `{"error": ...}`. PURE.
// Only status and the one key are read by clients; everything else of the error goes into the sentence.
import type { ErrorCode, InferenceError } from '../../inference/errors.ts';
import type { HttpAnswer } from '../../http/answer.ts';

/** Codes whose status is not the catalogue's own: V2 knows only 400 for a body it cannot read. */
const STATUS: Partial<Record<ErrorCode, number>> = { unsupported_media_type: 400 };

/** The error as V2 clients read it. */
export function writeError(error: InferenceError): HttpAnswer {
  return { status: STATUS[error.code] ?? error.status, type: 'application/json', body: JSON.stringify({ error: error.message }) };
}
