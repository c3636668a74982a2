// Owns how V8 uses the young generation of its heap in this process. Must not know what is kept there.
import v8 from 'node:v8';

/**
 * What is made for a call is young, and stays so. V8 otherwise learns, while the heap is still small, that some of it outlives small
 * collections, and from then on makes it in the old generation, where it keeps all it points to until a full collection: small ones then
 * copy 15 MB each, in 10 to 20 ms. Which process learns that is a matter of luck.
 */
export function keepCallsYoung(): void {
  v8.setFlagsFromString('--no-allocation-site-pretenuring');
}
