// Owns the signature of tfjs models: public names, dtypes and shapes, and the graph nodes they stand for.
// Must not run anything.
import type * as TensorFlow from '@tensorflow/tfjs';
import type { DType, TensorSpec } from '@slipway/api';
import { LoadError } from './backend.ts';

export interface NodeBinding extends TensorSpec {
  node: string;
}

interface Bindings {
  inputs: NodeBinding[];
  outputs: NodeBinding[];
}

/** The converter's copy of a SavedModel's signature, in protobuf JSON. */
interface SignatureTensor {
  name?: string;
  dtype?: string;
  tensorShape?: { dim?: { size?: string | number }[] };
  resourceId?: unknown;
}
export interface GraphSignature {
  inputs?: Record<string, SignatureTensor>;
  outputs?: Record<string, SignatureTensor>;
}

const DTYPES: Record<string, DType> = {
  DT_FLOAT: 'float32', DT_INT32: 'int32', DT_BOOL: 'bool', DT_STRING: 'string', float32: 'float32', int32: 'int32', bool: 'bool', string: 'string',
  // The converter keeps the words of the SavedModel, but tfjs carries these as int32.
  DT_INT64: 'int32', DT_UINT8: 'int32', int64: 'int32', uint8: 'int32',
};

export const publicSpec = ({ name, dtype, shape }: NodeBinding): TensorSpec => ({ name, dtype, shape });

export function layersBindings(model: TensorFlow.LayersModel): Bindings {
  const bind = (tensors: readonly { name: string; dtype: string; shape: readonly (number | null)[] }[], names: readonly string[]): NodeBinding[] =>
    tensors.map((tensor, index) => {
      const name = names[index] ?? tensor.name;
      return { name, dtype: dtypeOf(tensor.dtype, name), shape: tensor.shape.map((dim) => dim ?? -1), node: name };
    });
  return { inputs: bind(model.inputs, model.inputNames), outputs: bind(model.outputs, model.outputNames) };
}

/** By the signature the converter wrote (alias names kept), else by the graph's own placeholders and outputs. */
export function graphBindings(model: { modelSignature?: GraphSignature } & TensorFlow.GraphModel): Bindings {
  const signature = model.modelSignature;
  return {
    inputs: signed(signature?.inputs) ?? model.inputs.map((info) => placeholder(info)),
    outputs: signed(signature?.outputs) ?? model.outputs.map((info) => placeholder(info)),
  };
}

function signed(tensors: Record<string, SignatureTensor> | undefined): NodeBinding[] | undefined {
  if (tensors === undefined) return undefined;
  const entries = Object.entries(tensors).filter(([, tensor]) => tensor.resourceId === undefined);
  if (entries.length === 0) return undefined;
  return entries
    .map(([name, tensor]) => ({ name, dtype: dtypeOf(tensor.dtype ?? '', name), shape: dims(tensor), node: tensor.name ?? name }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

const dims = (tensor: SignatureTensor): number[] => (tensor.tensorShape?.dim ?? []).map((dim) => Number(dim.size ?? -1));

function placeholder(info: TensorFlow.ModelTensorInfo): NodeBinding {
  const shape = ((info.shape ?? []) as (number | null)[]).map((dim) => dim ?? -1);
  return { name: info.name, dtype: dtypeOf(info.dtype, info.name), shape, node: info.name };
}

function dtypeOf(name: string, tensor: string): DType {
  const dtype = DTYPES[name];
  if (dtype === undefined) throw new LoadError('UnsupportedDType', `${tensor} has dtype ${name}, which tfjs lacks`);
  return dtype;
}
