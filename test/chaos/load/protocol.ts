// Owns the words between the chaos run and its load process: what to send where, and one record per request. Must not know operations.

/** Ways to send a request. Each is one that callers use, and each ends differently when the process that serves it goes away. */
export const LANES = {
  'keep-alive': { about: 'HTTP/1.1 over connections that are kept', share: 40, quick: true },
  close: { about: 'HTTP/1.1, a new connection for each request', share: 25, quick: true },
  h2c: { about: 'cleartext HTTP/2, one connection for many requests', share: 15, quick: true },
  chunked: { about: 'a body of unknown length in pieces, 40 ms in all', share: 12, quick: false },
  slow: { about: 'a body of unknown length that takes a second to arrive', share: 4, quick: false },
  large: { about: '1,500 rows, and an answer of about 100 kB', share: 1, quick: false },
  upload: { about: 'a body of 1.2 MiB: too large for the router to send twice', share: 1, quick: false },
} as const satisfies Record<string, Lane>;

interface Lane {
  about: string;
  /** How many of all requests go this way, relative to the others. */
  share: number;
  /** Whether the revision is chosen as soon as the request is sent; only these tell when a split has changed. */
  quick: boolean;
}

export type LaneName = keyof typeof LANES;
export const LANE_NAMES = Object.keys(LANES) as LaneName[];

/** One URL that gets requests. */
export interface Target {
  /** Name of the InferenceService. */
  name: string;
  url: string;
}

export interface LoadOptions {
  targets: Target[];
  /** Open-loop arrival rate in requests per second for each target: a slow answer never delays the next request. */
  rate: number;
  /** Milliseconds after which a request without an answer has failed. */
  timeoutMs: number;
  /** One row of numbers, and the `predictions` for it by model version. */
  row: number[];
  expect: Record<string, number[]>;
}

/** How one request went. */
export interface Sent {
  target: string;
  lane: LaneName;
  /** When it should have been sent, milliseconds since the epoch: a late sender does not make latency look small. */
  due: number;
  /** Milliseconds from `due` until it was sent: what the sender, not the service, kept it waiting. */
  lateMs: number;
  /** Milliseconds from `due` until the answer was complete or the request had failed. */
  ms: number;
  /** Revision that answered, as the router says. */
  revision?: string;
  /** What is wrong: an error, a status other than 200, or a wrong answer. */
  problem?: string;
}
