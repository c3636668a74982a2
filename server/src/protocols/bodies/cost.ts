// Owns what the event loop leaves to the body thread, and the refusal of a body that would burst the heap of that thread. PURE.
import { InferenceError } from '../../inference/errors.ts';

/** Elements of outputs up to which an answer is written on the event loop. */
export const INLINE_ELEMENTS = 16_384;

/** Bytes of a binary message, beside tensors that are views on it, up to which it is read on the event loop: lists are read one element at a time. */
export const INLINE_LIST_BYTES = 16_384;

/** Of the thread's heap, for one body. */
const HEAP_SHARE = 0.6;

/** Bytes that one parsed body may take in a thread with this heap. */
export const maxCostOf = (maxHeapMb: number): number => maxHeapMb * 1024 * 1024 * HEAP_SHARE;

/** @throws InferenceError exceeds_memory_budget before the parser would burst the heap, which would end the process. */
export function checkCost(cost: number, maxCost: number): void {
  if (cost <= maxCost) return;
  const mib = (bytes: number): string => `${String(Math.ceil(bytes / 1024 / 1024))} MiB`;
  throw new InferenceError('exceeds_memory_budget', `The body would take about ${mib(cost)} once parsed; the limit is ${mib(maxCost)}. Send fewer or smaller items.`);
}
