// Owns the refusal of a body that would burst the heap of the thread that parses it. PURE.
import { jsonCost } from '../../http/json-cost.ts';
import { InferenceError } from '../../inference/errors.ts';

/** Of the thread's heap, for one body. */
const HEAP_SHARE = 0.6;

/** Bytes that one parsed body may take in a thread with this heap. */
export const maxCostOf = (maxHeapMb: number): number => maxHeapMb * 1024 * 1024 * HEAP_SHARE;

/** @throws InferenceError exceeds_memory_budget before the parser would burst the heap, which would end the process. */
export function checkCost(body: Uint8Array, maxCost: number, costOf: (body: Uint8Array) => number = jsonCost): void {
  const cost = costOf(body);
  if (cost <= maxCost) return;
  const mib = (bytes: number): string => `${String(Math.ceil(bytes / 1024 / 1024))} MiB`;
  throw new InferenceError('exceeds_memory_budget', `The body would take about ${mib(cost)} once parsed; the limit is ${mib(maxCost)}. Send fewer or smaller items.`);
}
