// Owns numeric preprocessing: y = ((x / scale) - mean) / std. Must not know who asked for it (package or request).
import type { NumericPreprocessing } from '@slipway/api';
import { InferenceError } from './errors.ts';
import type { Tensor } from './tensor.ts';

const DEFAULT_NORMALIZE_SCALE = 255;

/** @throws InferenceError invalid_input when mean or std fits neither one value nor the last axis, or a divisor is 0. */
export function applyNumeric(tensor: Tensor, step: NumericPreprocessing): Tensor {
  const { data } = tensor;
  if (!(data instanceof Float32Array) && !(data instanceof Float64Array)) return tensor;
  const width = tensor.shape.at(-1) ?? 1;
  const scale = scaleOf(step);
  const mean = broadcast(step.mean ?? [0], width, 'preprocessing.mean');
  const std = divisors(broadcast(step.std ?? [1], width, 'preprocessing.std'));
  return { ...tensor, data: data.map((value, index) => (value / scale - at(mean, index % width)) / at(std, index % width)) };
}

/** An index that is known to be inside. */
const at = (values: readonly number[], index: number): number => values[index] as number;

/** Applies steps in order to every float tensor; tensors of other dtypes pass as they are. */
export function applyNumericSteps(tensors: readonly Tensor[], steps: readonly NumericPreprocessing[]): Tensor[] {
  return tensors.map((tensor) => steps.reduce(applyNumeric, tensor));
}

/** `scale`, else 255 when normalize is given, else 1. */
function scaleOf(step: NumericPreprocessing): number {
  const scale = step.scale ?? (step.normalize === true ? DEFAULT_NORMALIZE_SCALE : 1);
  if (scale === 0 || !Number.isFinite(scale)) throw bad('preprocessing.scale', 'a finite number other than 0', String(scale));
  return scale;
}

function broadcast(values: readonly number[], width: number, path: string): readonly number[] {
  if (!values.every(Number.isFinite)) throw bad(path, 'finite numbers', values.join(', '));
  if (values.length === width) return values;
  if (values.length === 1) return new Array<number>(width).fill(values[0] ?? 0);
  throw bad(path, `1 or ${String(width)} values (the last axis)`, `${String(values.length)} values`);
}

function divisors(std: readonly number[]): readonly number[] {
  if (std.includes(0)) throw bad('preprocessing.std', 'no 0', '0');
  return std;
}

function bad(path: string, expected: string, got: string): InferenceError {
  return new InferenceError('invalid_input', `${path}: expected ${expected}, got ${got}.`, { errors: [{ path, expected, got }] });
}
