// Owns where an HTTP/2 session of Node keeps its open streams. Node has a Map of them, which V8 copies into a new table again and again
// while streams come and go; each outgrown table points to the next one. As soon as one of them lies in the old generation, every later one
// is kept until a full collection, with the streams that were open when it was outgrown: a third of all, and all that hangs on them. Each
// small collection then copied 15 MB, which was the slowest percent of gRPC calls and a fifth of their CPU time. Must not know gRPC.
import type { ServerHttp2Session } from 'node:http2';

/** Ids follow each other, so open streams spread evenly. */
const BUCKETS = 64;

/** As much of a Map as Node uses; what is deleted leaves nothing behind. */
export class StreamTable<T> {
  readonly #buckets: { id: number; stream: T }[][] = Array.from({ length: BUCKETS }, () => []);
  size = 0;

  get(id: number): T | undefined {
    return this.#bucket(id).find((entry) => entry.id === id)?.stream;
  }

  has(id: number): boolean {
    return this.#bucket(id).some((entry) => entry.id === id);
  }

  set(id: number, stream: T): this {
    this.delete(id);
    this.#bucket(id).push({ id, stream });
    this.size += 1;
    return this;
  }

  delete(id: number): boolean {
    const bucket = this.#bucket(id);
    const at = bucket.findIndex((entry) => entry.id === id);
    if (at < 0) return false;
    bucket.splice(at, 1);
    this.size -= 1;
    return true;
  }

  /** Streams may be deleted meanwhile. */
  forEach(tell: (stream: T, id: number) => void): void {
    for (const { id, stream } of this.#buckets.flat()) tell(stream, id);
  }

  #bucket(id: number): { id: number; stream: T }[] {
    return this.#buckets[(id >>> 1) % BUCKETS] ?? [];
  }
}

/**
 * Gives a new session a table of this kind. Where Node keeps its streams is its own affair: a session that looks otherwise stays as it is.
 * @returns whether it has one now
 */
export function keepStreamsApart(session: ServerHttp2Session): boolean {
  const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'state');
  const state = key === undefined ? undefined : (session as unknown as Record<symbol, { streams?: { size?: unknown } } | undefined>)[key];
  if (state?.streams?.size !== 0) return false;
  state.streams = new StreamTable();
  return true;
}
