// Owns what each code of the catalogue is to TensorFlow Serving's clients: a status of gRPC and one of HTTP, and the error body. PURE.
import type { ErrorCode } from '../../inference/errors.ts';
import { PrettyWriter } from './pretty-writer.ts';

/** Canonical codes, their gRPC numbers and the HTTP status that TensorFlow Serving gives them. */
export const CANONICAL = {
  OK: { grpc: 0, http: 200 },
  CANCELLED: { grpc: 1, http: 499 },
  UNKNOWN: { grpc: 2, http: 500 },
  INVALID_ARGUMENT: { grpc: 3, http: 400 },
  DEADLINE_EXCEEDED: { grpc: 4, http: 504 },
  NOT_FOUND: { grpc: 5, http: 404 },
  ALREADY_EXISTS: { grpc: 6, http: 409 },
  PERMISSION_DENIED: { grpc: 7, http: 403 },
  RESOURCE_EXHAUSTED: { grpc: 8, http: 429 },
  FAILED_PRECONDITION: { grpc: 9, http: 400 },
  ABORTED: { grpc: 10, http: 409 },
  OUT_OF_RANGE: { grpc: 11, http: 400 },
  UNIMPLEMENTED: { grpc: 12, http: 501 },
  INTERNAL: { grpc: 13, http: 500 },
  UNAVAILABLE: { grpc: 14, http: 503 },
  DATA_LOSS: { grpc: 15, http: 500 },
  UNAUTHENTICATED: { grpc: 16, http: 401 },
} as const;
export type Canonical = keyof typeof CANONICAL;

/** A full queue is UNAVAILABLE, as in the original. `http` is given where the router or HTTP itself needs another status. */
export const TFSERVING_ERRORS: Readonly<Record<ErrorCode, { code: Canonical; http?: number }>> = {
  malformed_request: { code: 'INVALID_ARGUMENT' },
  invalid_input: { code: 'INVALID_ARGUMENT' },
  data_contract_violation: { code: 'INVALID_ARGUMENT' },
  model_name_required: { code: 'INVALID_ARGUMENT' },
  unauthorized: { code: 'UNAUTHENTICATED' },
  management_disabled: { code: 'PERMISSION_DENIED' },
  not_found: { code: 'NOT_FOUND' },
  model_not_found: { code: 'NOT_FOUND' },
  method_not_allowed: { code: 'INVALID_ARGUMENT' },
  model_conflict: { code: 'ALREADY_EXISTS' },
  body_too_large: { code: 'RESOURCE_EXHAUSTED', http: 413 },
  too_many_items: { code: 'RESOURCE_EXHAUSTED', http: 413 },
  exceeds_memory_budget: { code: 'RESOURCE_EXHAUSTED', http: 413 },
  unsupported_media_type: { code: 'INVALID_ARGUMENT' },
  model_version_elsewhere: { code: 'NOT_FOUND', http: 421 },
  queue_full: { code: 'UNAVAILABLE' },
  client_closed_request: { code: 'CANCELLED' },
  inference_failed: { code: 'INTERNAL' },
  internal_error: { code: 'INTERNAL' },
  not_supported: { code: 'UNIMPLEMENTED' },
  model_not_ready: { code: 'UNAVAILABLE' },
  model_failed: { code: 'UNAVAILABLE' },
  worker_failed: { code: 'UNAVAILABLE' },
  memory_exhausted: { code: 'UNAVAILABLE' },
  draining: { code: 'UNAVAILABLE' },
  deadline_exceeded: { code: 'DEADLINE_EXCEEDED' },
};

/** HTTP status of a code. */
export function httpStatusOf(code: ErrorCode): number {
  const { code: canonical, http } = TFSERVING_ERRORS[code];
  return http ?? CANONICAL[canonical].http;
}

export function errorBody(message: string): string {
  const writer = new PrettyWriter();
  writer.startObject();
  writer.key('error');
  writer.string(message);
  writer.endObject();
  return writer.toString();
}
