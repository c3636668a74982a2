// Owns the words between the proxy and whatever carries a request to a pod, HTTP/1.1 or HTTP/2.
// Must not know how either is spoken.

/** Header names and values in turn, as they were received: name, value, name, value. */
export type FlatHeaders = string[];

/** The whole of a small body is known before sending; a stream has a length or not. */
export type BodyPlan = { kind: 'whole'; bytes: Buffer | undefined } | { kind: 'stream'; length: number | undefined };

export interface OutgoingRequest {
  method: string;
  /** Path with query. */
  path: string;
  host: string;
  /** Without host, framing and hop-by-hop headers. */
  headers: FlatHeaders;
}

export type FailureKind =
  /** Nothing was sent: the connection could not be made. */
  | 'connect'
  /** The connection ended or the stream was reset. */
  | 'reset'
  /** The pod's answer is not HTTP, or not the HTTP we accept. */
  | 'bad-answer';

export interface Failure {
  kind: FailureKind;
  /** The connection had carried a request before: it may have been closed by the pod in the same moment. */
  reused: boolean;
  message: string;
}

/**
 * Hears one attempt. `head` comes first, then `data`, then `end`; `failed` may come at any time and is the last.
 * The bytes of `data` and `end` are only valid during the call: who keeps them copies them.
 */
export interface Receiver {
  /** `ended`: nothing follows, `end` is not called. */
  head(status: number, headers: FlatHeaders, ended: boolean): void;
  data(chunk: Buffer): void;
  end(last: Buffer | undefined, trailers: FlatHeaders): void;
  failed(failure: Failure): void;
  /** More of the request body may be written. */
  drained(): void;
}

/** One request under way to a pod. */
export interface Attempt {
  /** False: wait for `drained` before writing more. */
  write(chunk: Buffer): boolean;
  end(trailers: FlatHeaders): void;
  /** Stops and resumes the answer's body. */
  pause(): void;
  resume(): void;
  /** Gives the request up; the receiver hears nothing more. */
  abort(): void;
}
