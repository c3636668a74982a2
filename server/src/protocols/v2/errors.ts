// Owns how a code of the error catalogue looks in the Open Inference Protocol V2: status and `{"error": ...}`. PURE.
import type { ErrorCode, InferenceError } from '../../inference/errors.ts';
import type { HttpAnswer } from '../protocol.ts';

/** Codes whose status is not the catalogue's own. Triton and MLServer answer what the caller got wrong with 400. */
const STATUS: Partial<Record<ErrorCode, number>> = {};

/** The error as V2 clients read it. */
export function writeError(error: InferenceError): HttpAnswer {
  return { status: STATUS[error.code] ?? error.status, type: 'application/json', body: JSON.stringify({ error: error.message }) };
}
