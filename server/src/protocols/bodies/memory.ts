// Owns which memory moves from one thread to another, with tensors or as a body. PURE.
import type { Tensor } from '../../inference/tensor.ts';

/** The memory of tensors of numbers; strings are copied. */
export const memoryOf = (tensors: readonly Tensor[]): ArrayBuffer[] => tensors.flatMap((tensor) => (Array.isArray(tensor.data) ? [] : [tensor.data.buffer as ArrayBuffer]));

/**
 * The bytes in memory that may move to another thread: a large body lies alone in its memory and moves without a copy; a view on a part
 * of some memory is copied. Whoever transfers it must not look at the body again.
 */
export function movableBytes(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = body;
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? new Uint8Array(buffer) : new Uint8Array(body);
}
