// Owns the way of tensors into ONNX Runtime and back, every dtype without loss. Must not know models.
import type { DType } from '@slipway/api';
import type * as Onnx from 'onnxruntime-node';
import { InferenceError } from '../inference/errors.ts';
import type { Tensor, TensorData } from '../inference/tensor.ts';

export type OnnxRuntime = typeof Onnx;
type OrtTensor = Onnx.Tensor;

/** Shares the numbers' memory with the tensor. @throws InferenceError for strings that ONNX cannot hold. */
export function toOrt(ort: OnnxRuntime, tensor: Tensor): OrtTensor {
  const { dtype, data, shape } = tensor;
  if (Array.isArray(data)) return new ort.Tensor('string', data.map((item) => text(item, tensor.name)), shape);
  if (dtype === 'float16') return halfTensor(ort, data as Float32Array, shape);
  return new ort.Tensor(dtype as 'float32', data as Float32Array, shape);
}

/** The addon (1.30) reads half floats from 16-bit integers only, but the library makes the engine's own Float16Array of them. */
function halfTensor(ort: OnnxRuntime, data: Float32Array, shape: readonly number[]): OrtTensor {
  const tensor = new ort.Tensor('uint16', new Uint16Array(Half.from(data).buffer), shape);
  return Object.assign(tensor, { type: 'float16' });
}

/** Node 24 has it, TypeScript's library of that year does not. */
const Half = (globalThis as unknown as { Float16Array: { from(values: ArrayLike<number>): { buffer: ArrayBuffer } } }).Float16Array;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** ONNX strings are UTF-8 text; the addon passes them on as C strings, which end at the first NUL. */
function text(item: string | Uint8Array, name: string): string {
  const value = typeof item === 'string' ? item : decoded(item, name);
  if (!value.includes('\0') && value.isWellFormed()) return value;
  throw unfit(name, 'a string with a NUL character or half a surrogate pair');
}

function decoded(bytes: Uint8Array, name: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw unfit(name, 'bytes that are not UTF-8');
  }
}

function unfit(name: string, got: string): InferenceError {
  return new InferenceError('invalid_input', `Input ${name}: ONNX models take text without NUL characters.`, { errors: [{ path: `inputs.${name}`, expected: 'UTF-8 text without NUL', got }] });
}

/** Elements of an output in memory of their own. @throws Error when the run did not give it. */
export function fromOrt(name: string, made: OrtTensor | undefined): Tensor {
  if (made === undefined) throw new Error(`output ${name} is missing`);
  const dtype = made.type as DType;
  return { name, dtype, shape: [...made.dims], data: hostData(dtype, made.data) };
}

function hostData(dtype: DType, data: OrtTensor['data']): TensorData {
  if (dtype === 'float16') return Float32Array.from(data as unknown as ArrayLike<number>);
  return data;
}
