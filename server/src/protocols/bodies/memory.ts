// Owns which memory moves from one thread to another, with tensors or as a body. PURE.
import type { Tensor } from '../../inference/tensor.ts';
import type { CallResult } from '../../pipeline/call.ts';

/** The memory of tensors of numbers; strings are copied. */
export const memoryOf = (tensors: readonly Tensor[]): ArrayBuffer[] => tensors.flatMap((tensor) => (Array.isArray(tensor.data) ? [] : [tensor.data.buffer as ArrayBuffer]));

/** What may lie beside a body in its memory: it may end where the widest element of a tensor could. */
const BESIDE_BYTES = 8;

/**
 * The bytes in memory that may move to another thread: a large body lies alone in its memory and moves without a copy; a view on a part
 * of some memory is copied. Whoever transfers it must not look at the body again.
 */
export function movableBytes(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = body;
  const alone = buffer instanceof ArrayBuffer && buffer.byteLength - byteLength < BESIDE_BYTES && byteLength > BESIDE_BYTES * BESIDE_BYTES;
  return alone ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(body);
}

/** The same bytes as a Buffer, not copied. */
export const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A body as text: every character of it, as it is read on the event loop. */
export const textOf = (body: Uint8Array): string => bufferOf(body).toString('utf8');

/** Tensors for another thread, and the memory that moves there with them. */
interface Moving<T> {
  value: T;
  transfer: ArrayBuffer[];
}

/**
 * Tensors that somebody is done with: numbers that fill their memory move without a copy, of others just their own part is copied.
 * @param kept whether somebody else has them too (a cache): then all are copied
 */
export function movableTensors(tensors: readonly Tensor[], kept: boolean): Moving<Tensor[]> {
  const value = tensors.map((tensor) => {
    const { data } = tensor;
    if (Array.isArray(data)) return tensor;
    const own = !kept && data.byteLength === data.buffer.byteLength ? data : data.slice();
    return { ...tensor, data: own };
  });
  return { value, transfer: [...new Set(memoryOf(value))] };
}

/** A result whose answer is printed in another thread; nothing of it but shapes can be looked at here afterwards. */
export function movableResult(result: CallResult): Moving<CallResult> {
  const moved = result.results.map((item) => movableTensors(item.outputs, result.cache !== undefined));
  const results = result.results.map((item, index) => ({ ...item, outputs: moved[index]?.value ?? [] }));
  return { value: { ...result, results }, transfer: [...new Set(moved.flatMap(({ transfer }) => transfer))] };
}
