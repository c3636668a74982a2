// Owns SavedModels: the signature as its file declares it (alias names kept), loading, one run, disposal.
// Must not know packages or batching.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { DType, TensorSpec } from '@slipway/api';
import { INT32_MAX, LoadError, type BackendModel, type LoadRequest } from './backend.ts';
import { loadFault, runFault } from './faults.ts';
import { Handles, TF_TYPES, type Native } from './native.ts';
import type { Runtime } from './runtime.ts';
import { bytesOf, type ModelSignature, type Tensor } from '../inference/tensor.ts';

/** What is used of the generated protobuf classes of tfjs-node. */
interface ProtoMap<T> {
  forEach(visit: (value: T, key: string) => void): void;
}
interface TensorInfoProto {
  getName(): string;
  getDtype(): number;
  getTensorShape(): { getDimList(): { getSize(): number | string }[]; getUnknownRank(): boolean } | undefined;
}
interface SignatureProto {
  getInputsMap(): ProtoMap<TensorInfoProto>;
  getOutputsMap(): ProtoMap<TensorInfoProto>;
}
interface MetaGraphProto {
  getMetaInfoDef(): { getTagsList(): string[] } | undefined;
  getSignatureDefMap(): ProtoMap<SignatureProto>;
}
interface Messages {
  SavedModel: { deserializeBinary(bytes: Uint8Array): { getMetaGraphsList(): MetaGraphProto[] } };
}

/** A tensor of a signature: its public alias and the node it stands for. */
interface Binding extends TensorSpec {
  node: string;
}

interface Signature {
  inputs: Binding[];
  outputs: Binding[];
}

interface Graph {
  tags: string;
  signature: Signature;
  others: ReadonlyMap<string, Signature>;
}

/** @throws LoadError naming the file and what is wrong with it. */
export async function loadSavedModel(runtime: Runtime, request: LoadRequest): Promise<BackendModel> {
  const { native } = runtime;
  if (native === undefined) throw new LoadError('NativeBackendUnavailable', `${request.path} is a SavedModel, which only native TensorFlow runs`);
  const graph = await readGraph(request);
  let session: number;
  try {
    session = native.binding.loadSavedModel(request.path, graph.tags);
  } catch (error) {
    throw loadFault(error, request.path);
  }
  return modelOf(native, session, graph, request);
}

/** Native bookkeeping of one tensor, roughly. */
const HANDLE_BYTES = 512;

function modelOf(native: Native, session: number, { signature: own, others }: Graph, request: LoadRequest): BackendModel {
  let lostBytes = 0;
  return {
    signature: publicSignature(own),
    ...(others.size === 0 ? {} : { others: Object.fromEntries([...others].map(([name, other]) => [name, publicSignature(other)])) }),
    bytes: folderBytes(request.path),
    maxInt64: INT32_MAX,
    get lostBytes(): number {
      return lostBytes;
    },
    run: (inputs, name) => {
      const signature = name === undefined ? own : others.get(name);
      if (signature === undefined) throw new Error(`the model has no signature ${String(name)}`);
      try {
        return runSession(native, session, signature, inputs);
      } catch (error) {
        // The addon does not free its view of the inputs when a session fails.
        lostBytes += inputs.reduce((sum, input) => sum + bytesOf(input) + HANDLE_BYTES, 0);
        throw error;
      }
    },
    dispose: () => {
      native.binding.deleteSavedModel(session);
    },
  };
}

const publicSpec = ({ name, dtype, shape }: Binding): TensorSpec => ({ name, dtype, shape });
const publicSignature = ({ inputs, outputs }: Signature): ModelSignature => ({ inputs: inputs.map(publicSpec), outputs: outputs.map(publicSpec) });

function runSession(native: Native, session: number, signature: Signature, inputs: readonly Tensor[]): Tensor[] {
  const handles = new Handles(native.binding);
  try {
    const byName = new Map(inputs.map((tensor) => [tensor.name, tensor]));
    const ids = signature.inputs.map((input) => {
      const tensor = byName.get(input.name);
      if (tensor === undefined) throw new Error(`input ${input.name} is missing`);
      return handles.put(tensor);
    });
    const names = (list: readonly Binding[]): string => list.map((item) => item.node).join(',');
    const made = native.binding.runSavedModel(session, ids, names(signature.inputs), names(signature.outputs)).map((info) => handles.adopt(info));
    return signature.outputs.map((output, index) => {
      const info = made[index];
      if (info === undefined) throw new Error(`output ${output.name} is missing`);
      return handles.get(info, output.name);
    });
  } catch (error) {
    throw runFault(error);
  } finally {
    handles.close();
  }
}

async function readGraph(request: LoadRequest): Promise<Graph> {
  const graphs = await readMetaGraphs(path.join(request.path, 'saved_model.pb'));
  const graph = graphs.find((candidate) => tagsOf(candidate).includes('serve')) ?? graphs[0];
  if (graph === undefined) throw new LoadError('ModelParseFailed', `${request.path}/saved_model.pb holds no graph`);
  const found = new Map<string, SignatureProto>();
  graph.getSignatureDefMap().forEach((signature, name) => {
    if (!name.startsWith('__saved_model')) found.set(name, signature);
  });
  const proto = found.get(request.signatureName);
  if (proto === undefined) {
    const names = [...found.keys()].sort().join(', ') || 'none';
    throw new LoadError('WrongSignature', `${request.path}/saved_model.pb has no signature ${request.signatureName}; it has: ${names}`);
  }
  const others = [...found].filter(([name]) => name !== request.signatureName).sort(([a], [b]) => (a < b ? -1 : 1));
  return { tags: tagsOf(graph).join(','), signature: read(proto, request), others: new Map(others.flatMap(([name, other]) => readable(name, other, request))) };
}

function read(proto: SignatureProto, request: LoadRequest): Signature {
  const bindings = (map: ProtoMap<TensorInfoProto>, kind: string): Binding[] => bindingsOf(map, `${request.path}/saved_model.pb, ${kind}`);
  return { inputs: bindings(proto.getInputsMap(), 'input'), outputs: bindings(proto.getOutputsMap(), 'output') };
}

/** A further signature that cannot be served is left out: the model's own is what it was loaded for. */
function readable(name: string, proto: SignatureProto, request: LoadRequest): [string, Signature][] {
  try {
    return [[name, read(proto, request)]];
  } catch {
    return [];
  }
}

const tagsOf = (graph: MetaGraphProto): string[] => graph.getMetaInfoDef()?.getTagsList() ?? [];

async function readMetaGraphs(file: string): Promise<MetaGraphProto[]> {
  // @ts-expect-error the generated file has no declarations; the interfaces above are what is used of it
  const { default: messages } = (await import('@tensorflow/tfjs-node/dist/proto/api_pb.js')) as { default: Messages };
  try {
    return messages.SavedModel.deserializeBinary(new Uint8Array(readFileSync(file))).getMetaGraphsList();
  } catch (error) {
    throw new LoadError('ModelParseFailed', `${file} is cut, damaged or no SavedModel: ${(error as Error).message}`, error);
  }
}

function bindingsOf(map: ProtoMap<TensorInfoProto>, where: string): Binding[] {
  const bindings: Binding[] = [];
  map.forEach((info, name) => {
    bindings.push({ name, dtype: dtypeOf(info.getDtype(), `${where} ${name}`), shape: shapeOf(info, `${where} ${name}`), node: info.getName() });
  });
  return bindings.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function dtypeOf(number: number, where: string): DType {
  const found = Object.entries(TF_TYPES).find(([, value]) => value === number);
  if (found === undefined) throw new LoadError('UnsupportedDType', `${where} has TensorFlow's dtype number ${String(number)}, which this runtime lacks`);
  return found[0] as DType;
}

function shapeOf(info: TensorInfoProto, where: string): number[] {
  const shape = info.getTensorShape();
  if (shape === undefined || shape.getUnknownRank()) throw new LoadError('WrongSignature', `${where} has no rank; export the model with an input signature`);
  return shape.getDimList().map((dim) => Number(dim.getSize()));
}

/** Bytes of the graph and its variables on disk, which is what they take in memory. */
function folderBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
}
