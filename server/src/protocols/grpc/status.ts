// Owns the status codes of gRPC: their numbers, which one an error of the catalogue becomes, and how a message travels in a
// header. PURE. Must not know services.
import type { InferenceError } from '../../inference/errors.ts';

export const GRPC = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;
export type GrpcCode = (typeof GRPC)[keyof typeof GRPC];

/** A refusal in gRPC's own terms, for what the catalogue of errors has no code for. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  readonly code: GrpcCode;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: GrpcCode, message: string, retryAfterSeconds?: number) {
    super(message);
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const BY_HTTP: Readonly<Record<number, GrpcCode>> = {
  400: GRPC.invalidArgument,
  401: GRPC.unauthenticated,
  403: GRPC.permissionDenied,
  404: GRPC.notFound,
  405: GRPC.unimplemented,
  409: GRPC.aborted,
  413: GRPC.resourceExhausted,
  415: GRPC.invalidArgument,
  421: GRPC.notFound,
  429: GRPC.resourceExhausted,
  499: GRPC.cancelled,
  500: GRPC.internal,
  501: GRPC.unimplemented,
  503: GRPC.unavailable,
  504: GRPC.deadlineExceeded,
};

/** The status of an error of the catalogue, by its HTTP status. */
export const statusOf = (error: InferenceError): GrpcCode => BY_HTTP[error.status] ?? GRPC.unknown;

/** `grpc-message`: percent-encoded UTF-8, short enough for any header limit. */
export function messageHeader(message: string): string {
  const bytes = new TextEncoder().encode(message.slice(0, MAX_MESSAGE));
  let text = '';
  for (const byte of bytes) text += byte >= 0x20 && byte <= 0x7e && byte !== PERCENT ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return text;
}

const PERCENT = 0x25;
const MAX_MESSAGE = 1024;

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };

/** Milliseconds of a `grpc-timeout` header such as `250m`; undefined if there is none that can be read. */
export function timeoutOf(header: string | string[] | undefined): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(header ?? '')) ?? [];
  return digits === undefined ? undefined : Number(digits) * (UNIT_MS[unit] ?? 0);
}
