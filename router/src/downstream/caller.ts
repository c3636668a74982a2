// Owns the words between the proxy and whoever calls it, over HTTP/1.1 or HTTP/2.
// Must not know routes, pods or sockets.
import type { FlatHeaders } from '../upstream/exchange.ts';

/** What a caller's side tells while a request is under way. */
export interface CallerListener {
  bodyData(chunk: Buffer): void;
  bodyEnd(trailers: FlatHeaders): void;
  /** More of the answer may be written. */
  writable(): void;
  /** The caller hung up before the answer was complete. Nothing is told after this. */
  gone(): void;
}

/** One request and the way to answer it. */
export interface Caller {
  readonly protocol: 'http1' | 'http2';
  /** Listening port that the request came in on. */
  readonly port: number;
  readonly method: string;
  /** Request target as it came. */
  readonly target: string;
  /** HTTP/2's :authority; undefined in HTTP/1.1, where it is among the headers. */
  readonly authority: string | undefined;
  readonly headers: FlatHeaders;
  readonly remoteAddress: string;
  /** False: the request is complete without a body. */
  readonly hasBody: boolean;
  /** Begins to tell. */
  listen(listener: CallerListener): void;
  /** Stops and resumes the request's body. */
  pauseBody(): void;
  resumeBody(): void;
  /** Begins the answer. `ended`: it has no body, `end` is not called. */
  head(status: number, headers: FlatHeaders, ended: boolean): void;
  /** False: wait for `writable` before writing more. */
  write(chunk: Buffer): boolean;
  end(last: Buffer | undefined, trailers: FlatHeaders): void;
  /** Breaks the answer off in a way that the caller cannot take for its end. */
  destroy(): void;
}

export type OnCaller = (caller: Caller) => void;
