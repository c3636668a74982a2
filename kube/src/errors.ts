// Owns the two ways a call to the API server fails: it answered no (ApiError), or no whole answer came (TransportError).
// Must not decide what to do about it; callers ask the predicates below.
import type { KubeStatus, StatusCause } from './types.ts';

/** The API server answered with a status of 400 or above. */
export class ApiError extends Error {
  /** HTTP status, or the `code` of a Status that came as a watch event. */
  readonly status: number;
  /** Machine-readable word of the API server, such as `NotFound` or `Conflict`; empty if it gave none. */
  readonly reason: string;
  readonly causes: readonly StatusCause[];
  /** Seconds the API server asks to wait before the next try, if it does. */
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, body: KubeStatus, retryAfterSeconds?: number) {
    super(body.message ?? `the API server answered ${status}`);
    this.name = 'ApiError';
    this.status = status;
    this.reason = body.reason ?? '';
    this.causes = body.details?.causes ?? [];
    this.retryAfterSeconds = retryAfterSeconds ?? body.details?.retryAfterSeconds;
  }
}

export type TransportFailure = 'Timeout' | 'Unreachable' | 'Reset' | 'Inactive' | 'BadAnswer' | 'Aborted' | 'Credentials';

/** No whole, readable answer came; whether the request took effect is unknown. */
export class TransportError extends Error {
  readonly failure: TransportFailure;

  constructor(failure: TransportFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TransportError';
    this.failure = failure;
  }
}

const hasStatus = (error: unknown, status: number, reason?: string): error is ApiError =>
  error instanceof ApiError && error.status === status && (reason === undefined || error.reason === reason);

export const isNotFound = (error: unknown): error is ApiError => hasStatus(error, 404);
/** An apply that names another uid than the object has is answered as if the uid were being changed. */
const isReplaced = (error: unknown): boolean => hasStatus(error, 422) && error.causes.some((cause) => cause.field === 'metadata.uid');
/** The object changed or was replaced since it was read: a precondition does not hold. */
export const isConflict = (error: unknown): error is ApiError => hasStatus(error, 409, 'Conflict') || isReplaced(error);
export const isAlreadyExists = (error: unknown): error is ApiError => hasStatus(error, 409, 'AlreadyExists');
/** The asked resourceVersion or page token is no longer known: list again. */
export const isExpired = (error: unknown): error is ApiError => hasStatus(error, 410);
export const isForbidden = (error: unknown): error is ApiError => hasStatus(error, 403);
/** An apply whose fields the schema does not know is answered 500, although it is the object's fault. */
const isUntyped = (error: unknown): boolean => hasStatus(error, 500) && error.message.startsWith('failed to create typed patch object');
/** The object is refused as it is; trying again without a change cannot help. */
export const isInvalid = (error: unknown): error is ApiError =>
  (hasStatus(error, 422) && !isReplaced(error)) || hasStatus(error, 400) || isUntyped(error);
/** The namespace or object is being deleted, so nothing can be created in it. */
export const isTerminating = (error: unknown): error is ApiError =>
  isForbidden(error) && error.causes.some((cause) => cause.reason === 'NamespaceTerminating');
/** Fields of the applied intent are owned by another field manager. */
export const isApplyConflict = (error: unknown): error is ApiError =>
  isConflict(error) && error.causes.some((cause) => cause.reason === 'FieldManagerConflict');

/** No wait that the other side asks for is longer, milliseconds: a wrong header must not switch off a watch for a day. */
const LONGEST_RETRY_AFTER_MS = 2 * 60_000;

/** Milliseconds the other side asked to wait, if it did; two minutes at most. */
export function retryAfterMs(error: unknown): number | undefined {
  if (!(error instanceof ApiError) || error.retryAfterSeconds === undefined) return undefined;
  return Math.min(error.retryAfterSeconds * 1000, LONGEST_RETRY_AFTER_MS);
}

const RESET_CODES = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED']);
const TIMEOUT_CODES = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT']);

function failureOf(code: string, name: string): TransportFailure {
  if (name === 'AbortError' || code === 'UND_ERR_ABORTED') return 'Aborted';
  if (name === 'TimeoutError' || TIMEOUT_CODES.has(code)) return 'Timeout';
  if (code === 'UND_ERR_BODY_TIMEOUT') return 'Inactive';
  if (RESET_CODES.has(code)) return 'Reset';
  return code === '' ? 'BadAnswer' : 'Unreachable';
}

/** Turns whatever the HTTP layer threw into a TransportError; errors of this catalogue pass unchanged. */
export function transportErrorOf(error: unknown, what: string): ApiError | TransportError {
  if (error instanceof ApiError || error instanceof TransportError) return error;
  const { code = '', name = '', message = String(error) } = (error ?? {}) as { code?: string | number; name?: string; message?: string };
  return new TransportError(failureOf(String(code), name), `${what}: ${message}`, { cause: error });
}
