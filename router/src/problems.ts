// Owns the catalogue of answers that the router gives itself, and their shape: problem+json, or gRPC's own for gRPC calls.
// Must not know what led to them; the detail is said where it happens.
import type { FlatHeaders } from './upstream/exchange.ts';

interface ProblemKind {
  status: number;
  title: string;
  /** gRPC status code. */
  grpc: number;
}

const UNKNOWN = 2;
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const UNAVAILABLE = 14;

export const PROBLEMS = {
  bad_request: { status: 400, title: 'The request cannot be read', grpc: INVALID_ARGUMENT },
  model_not_found: { status: 404, title: 'No live revision has this model version', grpc: NOT_FOUND },
  request_timeout: { status: 408, title: 'The request did not arrive in time', grpc: DEADLINE_EXCEEDED },
  body_too_large: { status: 413, title: 'The request body is too large', grpc: RESOURCE_EXHAUSTED },
  expectation_failed: { status: 417, title: 'This expectation cannot be met', grpc: INVALID_ARGUMENT },
  misdirected: { status: 421, title: 'This revision lacks the model version', grpc: NOT_FOUND },
  headers_too_large: { status: 431, title: 'The request headers are too large', grpc: RESOURCE_EXHAUSTED },
  not_supported: { status: 501, title: 'The router does not support this', grpc: UNIMPLEMENTED },
  bad_gateway: { status: 502, title: 'The pod did not answer properly', grpc: UNKNOWN },
  unavailable: { status: 503, title: 'No pod can answer at present', grpc: UNAVAILABLE },
  gateway_timeout: { status: 504, title: 'The answer did not come in time', grpc: DEADLINE_EXCEEDED },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;

export interface Problem {
  code: ProblemCode;
  /** What is wrong and what to do, in a sentence. */
  detail: string;
  /** More headers, such as Retry-After. */
  headers?: FlatHeaders;
}

export interface ProblemAnswer {
  status: number;
  headers: FlatHeaders;
  /** Undefined: the headers are the whole answer. */
  body: Buffer | undefined;
}

/** gRPC puts its message into a header, percent-encoded. */
const grpcMessage = (text: string): string => text.replace(/[^\x20-\x24\x26-\x7e]/g, (c) => encodeURIComponent(c));

/** The answer to a call; a gRPC call gets its status as headers alone ("trailers-only"). */
export function answerOf(problem: Problem, requestId: string, isGrpc: boolean): ProblemAnswer {
  const { status, title, grpc } = PROBLEMS[problem.code];
  const more = problem.headers ?? [];
  if (isGrpc) {
    const headers = ['content-type', 'application/grpc', 'grpc-status', String(grpc), 'grpc-message', grpcMessage(problem.detail)];
    return { status: 200, headers: [...headers, ...more], body: undefined };
  }
  const { code, detail } = problem;
  const body = Buffer.from(JSON.stringify({ type: 'about:blank', title, status, detail, code, requestId }));
  return { status, headers: ['Content-Type', 'application/problem+json', 'Content-Length', String(body.length), ...more], body };
}

const TEXT_CODES: Record<number, ProblemCode> = { 400: 'bad_request', 408: 'request_timeout', 431: 'headers_too_large', 501: 'not_supported' };

/** A whole HTTP/1.1 answer for what never became a request; the connection ends with it. */
export function errorText(status: number): string {
  const code = TEXT_CODES[status] ?? 'bad_request';
  const { status: known, title } = PROBLEMS[code];
  const body = JSON.stringify({ type: 'about:blank', title, status: known, detail: title, code });
  const head = [`HTTP/1.1 ${known} ${title}`, 'Content-Type: application/problem+json', `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close'];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
