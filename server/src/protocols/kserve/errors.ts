// Owns what each code of the catalogue is in KServe's V1 protocol: the status, and the words where KServe has its own. PURE.
import type { ErrorCode, InferenceError } from '../../inference/errors.ts';
import type { HttpAnswer } from '../../http/answer.ts';

/** KServe knows 400, 404, 500, 501 and 503; the rest is HTTP's own. */
export const KSERVE_STATUS: Readonly<Record<ErrorCode, number>> = {
  malformed_request: 400,
  invalid_input: 400,
  data_contract_violation: 400,
  model_name_required: 400,
  unauthorized: 401,
  management_disabled: 403,
  not_found: 404,
  model_not_found: 404,
  method_not_allowed: 405,
  model_conflict: 409,
  body_too_large: 413,
  too_many_items: 413,
  exceeds_memory_budget: 413,
  unsupported_media_type: 415,
  model_version_elsewhere: 421,
  queue_full: 429,
  client_closed_request: 499,
  inference_failed: 500,
  internal_error: 500,
  not_supported: 501,
  model_not_ready: 503,
  model_failed: 503,
  worker_failed: 503,
  memory_exhausted: 503,
  draining: 503,
  deadline_exceeded: 504,
};

/** @param model the name that the URL gave */
export function writeError(error: InferenceError, model?: string): HttpAnswer {
  return { status: KSERVE_STATUS[error.code], type: 'application/json', body: JSON.stringify({ error: words(error, model) }) };
}

function words(error: InferenceError, model: string | undefined): string {
  if (model !== undefined && error.code === 'model_not_found') return `Model with name ${model} does not exist.`;
  if (model !== undefined && (error.code === 'model_not_ready' || error.code === 'model_failed')) return `Model with name ${model} is not ready.`;
  return error.code === 'internal_error' ? `${error.code} : ${error.message}` : error.message;
}
