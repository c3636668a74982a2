// Owns handles of native TensorFlow: our tensors -> native tensors and back, every dtype without loss, always deleted.
// Speaks to the addon directly: tfjs has no int64, uint8 or float64 tensors, and its runSavedModel keeps the handles it
// makes for them when a run fails. Must not know models.
import type { DType } from '@slipway/api';
import type * as TensorFlow from '@tensorflow/tfjs';
import { ATTRIBUTE_NAMES } from './attribute-names.ts';
import type { StringData, Tensor, TensorData } from '../inference/tensor.ts';

export interface HandleInfo {
  id: number;
  shape: number[];
  dtype: number;
}

/** The functions of tfjs-node's addon that are used here. */
export interface Binding {
  TF_Version: string;
  TF_ATTR_TYPE: number;
  TF_ATTR_BOOL: number;
  TF_ATTR_INT: number;
  createTensor(shape: readonly number[], dtype: number, data: unknown): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): unknown;
  executeOp(name: string, attributes: readonly Attribute[], inputs: readonly number[], outputs: number): HandleInfo[];
  loadSavedModel(path: string, tags: string): number;
  deleteSavedModel(id: number): void;
  runSavedModel(id: number, inputs: readonly number[], inputNames: string, outputNames: string): HandleInfo[];
}

interface Attribute {
  name: string;
  type: number;
  value: number | boolean;
}

export interface Native {
  binding: Binding;
  /** Native tensors alive in this worker. */
  count(): number;
}

export function nativeOf(tf: typeof TensorFlow): Native {
  const backend = tf.backend() as unknown as { binding?: Binding; getNumOfTFTensors(): number };
  if (backend.binding === undefined) throw new Error('tfjs-node came without its native addon');
  return { binding: backend.binding, count: () => backend.getNumOfTFTensors() };
}

const NO_ATTRIBUTE_TYPE = 9999;

/**
 * The addon keeps attribute names in one set for the whole process and adds to it without a lock, so two workers that see
 * a name for the first time at once could break it. Called in the first worker before there is a second: puts every name in.
 */
export function primeAttributeNames(native: Native): void {
  const { binding } = native;
  const attributes = ATTRIBUTE_NAMES.map((name) => ({ name, type: binding.TF_ATTR_BOOL, value: false }));
  try {
    // The last attribute has a type that does not exist: the addon gives up there, after the names and before running anything.
    binding.executeOp('NoOp', [...attributes, { name: 'T', type: NO_ATTRIBUTE_TYPE, value: false }], [], 0);
  } catch {
    // As intended.
  }
}

/** TF_DataType numbers (tensorflow/c/tf_datatype.h). */
export const TF_TYPES: Record<DType, number | undefined> = {
  float32: 1, float64: 2, int32: 3, uint8: 4, int16: 5, int8: 6, string: 7, int64: 9, bool: 10, uint16: 17, float16: 19, uint32: 22, uint64: 23, complex64: undefined,
};
const DTYPE_BY_NUMBER = new Map(Object.entries(TF_TYPES).map(([name, number]) => [number, name as DType]));

/** Dtypes the addon cannot carry, and how they travel: as another type, by value (Cast) or bit by bit (Bitcast). */
const DETOURS: Partial<Record<DType, { by: 'Cast' | 'Bitcast'; as: 'int32' | 'int64' | 'float32'; inbound: boolean }>> = {
  float64: { by: 'Bitcast', as: 'int64', inbound: true },
  uint32: { by: 'Bitcast', as: 'int32', inbound: true },
  uint64: { by: 'Bitcast', as: 'int64', inbound: true },
  float16: { by: 'Cast', as: 'float32', inbound: true },
  int8: { by: 'Cast', as: 'int32', inbound: true },
  int16: { by: 'Cast', as: 'int32', inbound: true },
  uint16: { by: 'Cast', as: 'int32', inbound: true },
  uint8: { by: 'Cast', as: 'int32', inbound: false },
};

/** Native handles of one run; `close` deletes those that were not deleted yet. */
export class Handles {
  readonly #binding: Binding;
  readonly #open = new Set<number>();

  constructor(binding: Binding) {
    this.#binding = binding;
  }

  /** Shares the tensor's memory with native code until the handle is deleted. */
  put(tensor: Tensor): number {
    const detour = DETOURS[tensor.dtype];
    if (detour?.inbound !== true) return this.#create(tensor.shape, tensor.dtype, nativeData(tensor.data));
    const carried = detour.by === 'Cast' && detour.as === 'int32' ? Int32Array.from(tensor.data as Int8Array) : tensor.data;
    const carrier = this.#create(tensor.shape, detour.as, nativeData(carried));
    return this.#convert(detour.by, carrier, detour.as, tensor.dtype).id;
  }

  /** Takes over a handle that a run made. */
  adopt(info: HandleInfo): HandleInfo {
    this.#open.add(info.id);
    return info;
  }

  /** Copies a native tensor out. @throws RangeError for a dtype that has no form here. */
  get(info: HandleInfo, name: string): Tensor {
    const dtype = DTYPE_BY_NUMBER.get(info.dtype);
    if (dtype === undefined) throw new RangeError(`output ${name} has the dtype number ${String(info.dtype)}, which this runtime does not support`);
    const detour = DETOURS[dtype];
    const source = detour === undefined ? info : this.#convert(detour.by, info.id, dtype, detour.as);
    return { name, dtype, shape: info.shape, data: hostData(dtype, this.#binding.tensorDataSync(source.id)) };
  }

  close(): void {
    for (const id of this.#open) this.#binding.deleteTensor(id);
    this.#open.clear();
  }

  #create(shape: readonly number[], dtype: DType, data: unknown): number {
    const id = this.#binding.createTensor(shape, TF_TYPES[dtype] ?? 0, data);
    this.#open.add(id);
    return id;
  }

  #convert(by: 'Cast' | 'Bitcast', id: number, from: DType, to: DType): HandleInfo {
    const { TF_ATTR_TYPE: type, TF_ATTR_BOOL: bool } = this.#binding;
    const source = TF_TYPES[from] ?? 0;
    const target = TF_TYPES[to] ?? 0;
    const attributes =
      by === 'Cast'
        ? [{ name: 'SrcT', type, value: source }, { name: 'DstT', type, value: target }, { name: 'Truncate', type: bool, value: false }]
        : [{ name: 'T', type, value: source }, { name: 'type', type, value: target }];
    const [info] = this.#binding.executeOp(by, attributes, [id], 1);
    if (info === undefined) throw new Error(`${by} gave nothing`);
    return this.adopt(info);
  }
}

const encoder = new TextEncoder();

/** The addon takes 64-bit elements as pairs of 32 bits, strings as bytes. */
function nativeData(data: TensorData): unknown {
  if (Array.isArray(data)) return data.map((item) => (typeof item === 'string' ? encoder.encode(item) : item));
  const wide = data instanceof BigInt64Array || data instanceof BigUint64Array || data instanceof Float64Array;
  return wide || data instanceof Uint32Array ? new Int32Array(data.buffer, data.byteOffset, data.byteLength / 4) : data;
}

type HostView = (buffer: ArrayBuffer) => TensorData;
const BITS: Partial<Record<DType, HostView>> = {
  float64: (buffer) => new Float64Array(buffer),
  uint32: (buffer) => new Uint32Array(buffer),
  uint64: (buffer) => new BigUint64Array(buffer),
};
const VALUES: Partial<Record<DType, (data: Int32Array) => TensorData>> = {
  uint8: (data) => Uint8Array.from(data),
  int8: (data) => Int8Array.from(data),
  int16: (data) => Int16Array.from(data),
  uint16: (data) => Uint16Array.from(data),
};

function hostData(dtype: DType, raw: unknown): TensorData {
  if (dtype === 'string') return raw as StringData;
  const array = raw as Int32Array<ArrayBuffer>;
  return BITS[dtype]?.(array.buffer) ?? VALUES[dtype]?.(array) ?? array;
}
