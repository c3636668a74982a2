// Owns what is done at the end of a turn of the event loop: writes to many sockets leave there, close together. Who reads them is woken once for
// many messages instead of once for each; where that is a process of the same machine, the waking costs the writer more than the write.
// Must not know what is written.

export interface Flushable {
  /** Writes what was held back in this turn. */
  flush(): void;
}

let waiting: Flushable[] = [];

function flushAll(): void {
  const all = waiting;
  waiting = [];
  for (const each of all) each.flush();
}

/** Calls `flush` once the sockets that are readable now have been read. */
export function atEndOfTurn(each: Flushable): void {
  if (waiting.push(each) === 1) setImmediate(flushAll);
}
