// Owns what each code of the catalogue is to the managed clouds. They read the status; the body goes to their logs and callers. PURE.
import type { ErrorCode, InferenceError } from '../../inference/errors.ts';
import type { HttpAnswer } from '../../http/answer.ts';

/** Google's canonical names, which Vertex AI's own errors carry. */
export const CLOUD_ERRORS: Readonly<Record<ErrorCode, { status: number; name: string }>> = {
  malformed_request: { status: 400, name: 'INVALID_ARGUMENT' },
  invalid_input: { status: 400, name: 'INVALID_ARGUMENT' },
  data_contract_violation: { status: 400, name: 'INVALID_ARGUMENT' },
  model_name_required: { status: 400, name: 'INVALID_ARGUMENT' },
  unauthorized: { status: 401, name: 'UNAUTHENTICATED' },
  management_disabled: { status: 403, name: 'PERMISSION_DENIED' },
  not_found: { status: 404, name: 'NOT_FOUND' },
  model_not_found: { status: 404, name: 'NOT_FOUND' },
  method_not_allowed: { status: 405, name: 'UNIMPLEMENTED' },
  model_conflict: { status: 409, name: 'ALREADY_EXISTS' },
  body_too_large: { status: 413, name: 'INVALID_ARGUMENT' },
  too_many_items: { status: 413, name: 'INVALID_ARGUMENT' },
  exceeds_memory_budget: { status: 413, name: 'INVALID_ARGUMENT' },
  unsupported_media_type: { status: 415, name: 'INVALID_ARGUMENT' },
  model_version_elsewhere: { status: 421, name: 'NOT_FOUND' },
  queue_full: { status: 429, name: 'RESOURCE_EXHAUSTED' },
  client_closed_request: { status: 499, name: 'CANCELLED' },
  inference_failed: { status: 500, name: 'INTERNAL' },
  internal_error: { status: 500, name: 'INTERNAL' },
  not_supported: { status: 501, name: 'UNIMPLEMENTED' },
  model_not_ready: { status: 503, name: 'UNAVAILABLE' },
  model_failed: { status: 503, name: 'UNAVAILABLE' },
  worker_failed: { status: 503, name: 'UNAVAILABLE' },
  memory_exhausted: { status: 503, name: 'UNAVAILABLE' },
  draining: { status: 503, name: 'UNAVAILABLE' },
  deadline_exceeded: { status: 504, name: 'DEADLINE_EXCEEDED' },
};

/** `{"error": {"code", "message", "status"}}`, the form of Google's APIs; Azure's reads the same, SageMaker passes any body on. */
export function writeError(error: InferenceError): HttpAnswer {
  const { status, name } = CLOUD_ERRORS[error.code];
  return { status, type: 'application/json', body: JSON.stringify({ error: { code: status, message: error.message, status: name } }) };
}
