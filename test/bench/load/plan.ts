// Owns the words between the bench and its load process: what to send, how, for how long, and what came back. Must not know servers.

export interface LoadPlan {
  port: number;
  wire: 'http' | 'grpc';
  path: string;
  headers: Readonly<Record<string, string>>;
  /** File that holds the body (HTTP) or the message (gRPC). */
  bodyFile: string;
  /** Calls under way at once: connections over HTTP/1.1, streams of one connection over gRPC. */
  concurrency: number;
  /** Seconds before counting begins. */
  warmup: number;
  /** Seconds that count. */
  seconds: number;
  /** Calls per second whatever comes back (open loop); absent: as fast as the answers come (closed loop). */
  rate?: number;
  /** Ends after so many calls instead of after `seconds`. */
  calls?: number;
}

export interface LoadResult {
  answered: number;
  bad: number;
  /** Open loop: calls that were due and got no answer. */
  unanswered: number;
  seconds: number;
  /** Microseconds; in an open loop from the moment a call was due. */
  p50: number;
  p99: number;
  /** CPU seconds of the load process per second: near 1 it was the limit. */
  clientCpu: number;
  /** What the first bad answer looked like. */
  firstBad: string;
}

/** Printed by the load process when counting begins; the result follows as one JSON line. */
export const BEGIN = 'begin';
