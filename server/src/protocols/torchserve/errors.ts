// Owns what each code of the catalogue is to TorchServe's clients: the status and the Java class that its `type` names; and the form of
// whatever is not a model's answer. PURE.
import type { ErrorCode, InferenceError } from '../../inference/errors.ts';
import type { HttpAnswer } from '../../http/answer.ts';

/** 507 is TorchServe's status for a worker that died; 413 and 421 are HTTP's and the router's. */
export const TORCHSERVE_ERRORS: Readonly<Record<ErrorCode, { status: number; type: string }>> = {
  malformed_request: { status: 400, type: 'BadRequestException' },
  invalid_input: { status: 400, type: 'BadRequestException' },
  data_contract_violation: { status: 400, type: 'BadRequestException' },
  model_name_required: { status: 400, type: 'BadRequestException' },
  unauthorized: { status: 401, type: 'InvalidKeyException' },
  management_disabled: { status: 403, type: 'InvalidModelException' },
  not_found: { status: 404, type: 'ResourceNotFoundException' },
  model_not_found: { status: 404, type: 'ModelNotFoundException' },
  method_not_allowed: { status: 405, type: 'MethodNotAllowedException' },
  model_conflict: { status: 409, type: 'ConflictStatusException' },
  body_too_large: { status: 413, type: 'RequestEntityTooLargeException' },
  too_many_items: { status: 413, type: 'RequestEntityTooLargeException' },
  exceeds_memory_budget: { status: 413, type: 'RequestEntityTooLargeException' },
  unsupported_media_type: { status: 415, type: 'BadRequestException' },
  model_version_elsewhere: { status: 421, type: 'ModelVersionNotFoundException' },
  queue_full: { status: 503, type: 'ServiceUnavailableException' },
  client_closed_request: { status: 499, type: 'InternalServerException' },
  inference_failed: { status: 500, type: 'InternalServerException' },
  internal_error: { status: 500, type: 'InternalServerException' },
  not_supported: { status: 501, type: 'NotImplementedException' },
  model_not_ready: { status: 503, type: 'ServiceUnavailableException' },
  model_failed: { status: 503, type: 'ServiceUnavailableException' },
  worker_failed: { status: 507, type: 'InternalServerException' },
  memory_exhausted: { status: 503, type: 'ServiceUnavailableException' },
  draining: { status: 503, type: 'ServiceUnavailableException' },
  deadline_exceeded: { status: 504, type: 'RequestTimeoutException' },
};

export function writeError(error: InferenceError): HttpAnswer {
  const { status, type } = TORCHSERVE_ERRORS[error.code];
  return jsonAnswer(status, { code: status, type, message: error.message });
}

/** What TorchServe itself says, unlike a model: JSON on lines with a line end after it, and no charset. */
export const jsonAnswer = (status: number, body: unknown): HttpAnswer => ({ status, type: 'application/json', bare: true, body: `${JSON.stringify(body, null, 2)}\n` });
