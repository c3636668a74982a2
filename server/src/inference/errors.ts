// Owns the catalogue of everything that can go wrong with a request: code, title, HTTP status, meaning.
// Must not know a protocol's body: each protocol maps a code to its own words. docs/reference/errors.md is tested against it.

export interface ErrorEntry {
  title: string;
  status: number;
  /** What it means and what the caller does next, one sentence. */
  meaning: string;
  /** Seconds after which the same call may succeed; sent as Retry-After. */
  retryAfterSeconds?: number;
}

export const ERRORS = {
  malformed_request: { title: 'Malformed request', status: 400, meaning: 'The body is not what this endpoint reads; correct it as the detail says.' },
  invalid_input: { title: 'Invalid input', status: 400, meaning: 'An input has the wrong name, shape or dtype; errors names it, what is expected and what came.' },
  data_contract_violation: { title: 'Data contract violation', status: 400, meaning: 'A value is missing, not finite, out of range or of an unknown category; errors names it.' },
  model_name_required: { title: 'Model name required', status: 400, meaning: 'More than one model could answer; name one of those in the detail.' },
  unauthorized: { title: 'Unauthorized', status: 401, meaning: 'The admin port asks for the bearer token in ADMIN_TOKEN.' },
  management_disabled: { title: 'Management is off', status: 403, meaning: 'Models are managed by the InferenceService (or ADMIN_TOKEN is not set); change its spec instead.' },
  not_found: { title: 'Not found', status: 404, meaning: 'There is no such path; /docs lists those there are.' },
  model_not_found: { title: 'Model not found', status: 404, meaning: 'No model of that name or version is served here; the detail names those that are.' },
  method_not_allowed: { title: 'Method not allowed', status: 405, meaning: 'The path exists, but not for this method; see the Allow header.' },
  model_conflict: { title: 'Model conflict', status: 409, meaning: 'That version is already loaded, or being loaded or unloaded.' },
  body_too_large: { title: 'Body too large', status: 413, meaning: 'The body, as sent or inflated, is over MAX_BODY_BYTES; send fewer or smaller items.' },
  too_many_items: { title: 'Too many items', status: 413, meaning: 'The call holds more items than MAX_BATCH_ITEMS; split it.' },
  exceeds_memory_budget: { title: 'Exceeds the memory budget', status: 413, meaning: 'This call alone would not fit into the memory of the server; send fewer or smaller items.' },
  unsupported_media_type: { title: 'Unsupported media type', status: 415, meaning: 'The Content-Type or Content-Encoding is not one this endpoint reads.' },
  model_version_elsewhere: { title: 'Misdirected request', status: 421, meaning: 'Another revision has that model version; the router sends the call there.' },
  queue_full: { title: 'Queue full', status: 429, meaning: 'More calls wait for this model than its queue holds; slow down and try again.', retryAfterSeconds: 1 },
  client_closed_request: { title: 'Client closed request', status: 499, meaning: 'The caller hung up before the answer was ready.' },
  inference_failed: { title: 'Inference failed', status: 500, meaning: 'The model failed on this input; the detail has the runtime\'s words.' },
  internal_error: { title: 'Internal error', status: 500, meaning: 'The server failed; its log has the cause under this request id.' },
  not_supported: { title: 'Not supported', status: 501, meaning: 'This server or model has no such feature; the detail says which, and what there is instead.' },
  model_not_ready: { title: 'Model not ready', status: 503, meaning: 'The model is loading or warming up; try again soon.', retryAfterSeconds: 1 },
  model_failed: { title: 'Model failed', status: 503, meaning: 'The model could not be loaded; /state on the admin port says which file and why.', retryAfterSeconds: 30 },
  worker_failed: { title: 'Worker failed', status: 503, meaning: 'The worker that held the model ended; it is being started again.', retryAfterSeconds: 1 },
  memory_exhausted: { title: 'Memory exhausted', status: 503, meaning: 'Calls under way use the memory budget; try again soon.', retryAfterSeconds: 1 },
  draining: { title: 'Draining', status: 503, meaning: 'This server is shutting down; the call can be sent again elsewhere at once.', retryAfterSeconds: 1 },
  deadline_exceeded: { title: 'Deadline exceeded', status: 504, meaning: 'The answer was not ready in time; try again, with fewer items if it repeats.', retryAfterSeconds: 1 },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** One thing that is wrong in a request. */
export interface Issue {
  /** Where, in the words of the body: `inputs[0][2]`. */
  path: string;
  expected: string;
  got: string;
}

/** A model that a call meant. */
export interface Meant {
  name: string | undefined;
  version: string | undefined;
}

export interface ErrorOptions {
  errors?: readonly Issue[];
  /** The model that the call meant, where the reader of its body is the only one who knows. */
  meant?: Meant | undefined;
  retryAfterSeconds?: number;
  cause?: unknown;
}

/** A request that cannot be answered. Carries a code of the catalogue; the message is the detail for the caller. */
export class InferenceError extends Error {
  override readonly name = 'InferenceError';
  readonly code: ErrorCode;
  readonly errors: readonly Issue[];
  readonly retryAfterSeconds: number | undefined;
  readonly meant: Meant | undefined;

  constructor(code: ErrorCode, detail: string, options: ErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.errors = options.errors ?? [];
    this.meant = options.meant;
    const entry: ErrorEntry = ERRORS[code];
    this.retryAfterSeconds = options.retryAfterSeconds ?? entry.retryAfterSeconds;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** An InferenceError as plain data, to cross a thread. */
export interface ErrorRecord {
  code: ErrorCode;
  detail: string;
  errors: readonly Issue[];
  meant: Meant | undefined;
}

export const toRecord = (error: InferenceError): ErrorRecord => ({ code: error.code, detail: error.message, errors: error.errors, meant: error.meant });
export const fromRecord = ({ code, detail, errors, meant }: ErrorRecord): InferenceError => new InferenceError(code, detail, { errors, meant });

/** Does a step of a call; what it refuses carries the model that the call meant. */
export function meaning<T>(meant: Meant, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    throw new InferenceError(error.code, error.message, { errors: error.errors, meant, cause: error });
  }
}

/** Anything thrown, as an InferenceError; what is not one is an internal error that tells the caller nothing. */
export function asInferenceError(thrown: unknown): InferenceError {
  if (thrown instanceof InferenceError) return thrown;
  return new InferenceError('internal_error', 'The server failed on this call.', { cause: thrown });
}

/** invalid_input about one thing. */
export const invalidInput = (detail: string, issue: Issue): InferenceError => new InferenceError('invalid_input', detail, { errors: [issue] });

/** An error of one item of a call: its place goes before every path. */
export function atItem(error: unknown, place: string): unknown {
  if (!(error instanceof InferenceError)) return error;
  const errors = error.errors.map((issue) => ({ ...issue, path: `${place}.${issue.path}` }));
  return new InferenceError(error.code, `${place}: ${error.message}`, { errors, cause: error });
}

/** The problem+json body (RFC 9457) of an error. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  requestId: string;
  errors: readonly Issue[];
}

/** Builds the problem+json body of an error for one request. */
export function problemFor(error: InferenceError, requestId: string): Problem {
  const { title, status } = ERRORS[error.code];
  return { type: `urn:slipway:error:${error.code}`, title, status, detail: error.message, code: error.code, requestId, errors: error.errors };
}
