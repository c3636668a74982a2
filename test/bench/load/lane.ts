// Owns what a load process has of a connection: a place where one call can be under way. Must not know what is sent.

/** Told how a call ended: undefined when well, else what was wrong. */
export type Ended = (wrong: string | undefined) => void;

export interface Lane {
  /** Sends the one request that the lane was made for; not again before `ended` was called. */
  send(ended: Ended): void;
}

/** What is wrong with a call whose connection is gone; its lane sends no more. */
export const CLOSED = 'the connection was closed';
