// Owns the memory of the head that a connection brought last. A caller may send the same head with every request, and the same bytes mean the
// same, so it is read once. Must not know what a head means, and keeps nothing for callers whose heads differ (a request id in each).

/** Longer heads are not kept: a connection is to cost little. */
const MAX_BYTES = 1024;
/** Heads that may differ in a row until no further one is kept. */
const MAX_OTHERS = 3;

/** @template T what was read of a head */
export class LastHead<T> {
  #bytes: Buffer | undefined;
  #meaning: T | undefined;
  #others = 0;

  /** What the head that `bytes` begin with means, if it is the one that was kept. */
  find(bytes: Buffer): T | undefined {
    const kept = this.#bytes;
    if (kept === undefined || bytes.length < kept.length || kept.compare(bytes, 0, kept.length) !== 0) return undefined;
    this.#others = 0;
    return this.#meaning;
  }

  /** @param size bytes of the head, with its empty line, so that no other head begins with it */
  keep(bytes: Buffer, size: number, meaning: T): T {
    const keeps = size <= MAX_BYTES && this.#others < MAX_OTHERS;
    this.#others += 1;
    if (keeps) bytes.copy((this.#bytes = Buffer.allocUnsafeSlow(size))); // a slice would keep all that was read with it
    else this.#bytes = undefined;
    this.#meaning = keeps ? meaning : undefined;
    return meaning;
  }
}
