// Owns tfjs models (graph and layers): artifacts from disk, the signature they declare, one run, disposal.
// Must not know packages or batching. Works on the native and on the slow backend alike.
import type * as TensorFlow from '@tensorflow/tfjs';
import { INT32_MAX, type BackendModel, type LoadRequest } from './backend.ts';
import { loadFault, runFault } from './faults.ts';
import { readArtifacts } from './tfjs-artifacts.ts';
import { graphBindings, layersBindings, publicSpec, type NodeBinding } from './tfjs-signature.ts';
import type { Runtime } from './runtime.ts';
import { InferenceError } from '../inference/errors.ts';
import type { StringData, Tensor } from '../inference/tensor.ts';

type TfTensor = TensorFlow.Tensor;
/** Runs the model on native tensors: inputs in the order of the signature, outputs likewise. */
type Execute = (inputs: TfTensor[]) => TfTensor[] | Promise<TfTensor[]>;

interface Loaded {
  inputs: NodeBinding[];
  outputs: NodeBinding[];
  execute: Execute;
  /** What an asynchronous or failed run leaves behind goes with its scope. Not where the first run makes tables to keep. */
  scoped: boolean;
  dispose(): void;
}

/** @throws LoadError naming the file and what is wrong with it. */
export async function loadTfjs(runtime: Runtime, request: LoadRequest): Promise<BackendModel> {
  const before = runtime.tf.memory().numBytes;
  try {
    const loaded = request.format === 'tfjs-layers' ? await loadLayers(runtime, request.path) : await loadGraph(runtime, request.path);
    const bytes = runtime.tf.memory().numBytes - before;
    return {
      signature: { inputs: loaded.inputs.map(publicSpec), outputs: loaded.outputs.map(publicSpec) },
      bytes,
      maxInt64: INT32_MAX,
      run: (inputs) => run(runtime, loaded, inputs),
      dispose: () => {
        loaded.dispose();
      },
    };
  } catch (error) {
    throw loadFault(error, request.path);
  }
}

async function loadLayers(runtime: Runtime, file: string): Promise<Loaded> {
  const model = await runtime.tf.loadLayersModel(await readArtifacts(file));
  const { inputs, outputs } = layersBindings(model);
  return {
    inputs,
    outputs,
    scoped: true,
    execute: (tensors) => {
      const made = model.predictOnBatch(tensors.length === 1 ? (tensors[0] as TfTensor) : tensors);
      return Array.isArray(made) ? made : [made];
    },
    dispose: () => {
      model.dispose();
    },
  };
}

async function loadGraph(runtime: Runtime, file: string): Promise<Loaded> {
  const model = await runtime.tf.loadGraphModel(await readArtifacts(file));
  const { inputs, outputs } = graphBindings(model);
  const names = outputs.map((output) => output.node);
  const feed = (tensors: TfTensor[]): Record<string, TfTensor> => Object.fromEntries(inputs.map((input, index) => [input.node, tensors[index] as TfTensor]));
  const list = (made: TfTensor | TfTensor[]): TfTensor[] => (Array.isArray(made) ? made : [made]);
  let dynamic = false;
  return {
    inputs,
    outputs,
    scoped: (model as unknown as { initializer?: unknown }).initializer === undefined,
    execute: (tensors) => {
      if (dynamic) return model.executeAsync(feed(tensors), names).then(list);
      try {
        return list(model.execute(feed(tensors), names));
      } catch (error) {
        // Control flow and ops of dynamic shape only run asynchronously; the graph says so on the first run.
        if (!/dynamic op|executeAsync|control flow/i.test((error as Error).message)) throw error;
        dynamic = true;
        return model.executeAsync(feed(tensors), names).then(list);
      }
    },
    dispose: () => {
      model.dispose();
    },
  };
}

async function run(runtime: Runtime, loaded: Loaded, inputs: readonly Tensor[]): Promise<Tensor[]> {
  const { tf } = runtime;
  const scope = loaded.scoped ? tf.engine() : undefined;
  scope?.startScope('run');
  try {
    const byName = new Map(inputs.map((tensor) => [tensor.name, tensor]));
    const fed = loaded.inputs.map((input) => toTf(tf, byName.get(input.name), input.name));
    const pending = loaded.execute(fed);
    const made = pending instanceof Promise ? await pending : pending;
    const tensors = loaded.outputs.map((output, index) => fromTf(made[index], output));
    tf.dispose(made);
    tf.dispose(fed);
    return tensors;
  } catch (error) {
    throw runFault(error);
  } finally {
    scope?.endScope();
  }
}

function toTf(tf: typeof TensorFlow, tensor: Tensor | undefined, name: string): TfTensor {
  if (tensor === undefined) throw new InferenceError('invalid_input', `input ${name} is missing`);
  const dtype = tensor.dtype as 'float32' | 'int32' | 'bool' | 'string';
  return tf.tensor(tensor.data as Float32Array, tensor.shape as number[], dtype);
}

function fromTf(made: TfTensor | undefined, output: NodeBinding): Tensor {
  if (made === undefined) throw new Error(`output ${output.name} is missing`);
  const raw = made.dataSync<'float32' | 'int32' | 'bool' | 'string'>();
  // dataSync may hand out memory that the tensor still owns; the copy is what leaves this worker.
  const data = Array.isArray(raw) ? (raw as unknown as StringData) : (raw as Float32Array).slice();
  return { name: output.name, dtype: made.dtype, shape: made.shape, data };
}
