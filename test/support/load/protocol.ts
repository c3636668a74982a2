// Owns the words between a test and the load process: options, phases, and the report. Must not know any test.

export interface LoadOptions {
  url: string;
  path: string;
  /** Open-loop arrival rate in requests per second; a slow answer never delays the next request. */
  rate: number;
  body: Record<string, unknown>;
  /** Expected prediction by model version; another answer counts as failed. Numbers may differ in the sixth digit. */
  expect: Record<string, unknown>;
  /** Whose answers they are; default native. */
  reads?: 'native' | 'v2';
  /** Milliseconds after which a request without an answer counts as failed. */
  timeoutMs: number;
}

/** Lines on the load process's standard input. */
export type LoadCommand =
  | { kind: 'phase'; name: string }
  /** Model versions that every second caller pins, in turn; an empty list pins nothing. */
  | { kind: 'pin'; versions: string[] }
  /** Answered once the present phase has sent this many requests. */
  | { kind: 'sent'; count: number }
  | { kind: 'stop' };

export interface PhaseReport {
  sent: number;
  failed: number;
  /** Answers to callers that pin nothing, by revision. */
  free: Record<string, number>;
  /** Answers to callers that pin a version, by `asked->answered`. */
  pinned: Record<string, number>;
  latencyMs: { p50: number; p99: number; max: number };
}

export interface LoadReport {
  sent: number;
  failed: number;
  /** The first failures, in words. */
  failures: string[];
  phases: Record<string, PhaseReport>;
}
