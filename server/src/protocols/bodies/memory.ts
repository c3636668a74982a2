// Owns which memory moves with tensors from one thread to another. PURE.
import type { Tensor } from '../../inference/tensor.ts';

/** The memory of tensors of numbers; strings are copied. */
export const memoryOf = (tensors: readonly Tensor[]): ArrayBuffer[] => tensors.flatMap((tensor) => (Array.isArray(tensor.data) ? [] : [tensor.data.buffer as ArrayBuffer]));
