// Owns ONNX models: loading, the signature as the file declares it, one run, disposal. Must not know packages or batching.
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type * as Onnx from 'onnxruntime-node';
import type { DType, TensorSpec } from '@slipway/api';
import { LoadError, type BackendModel, type LoadRequest } from './backend.ts';
import { loadFault, runFault } from './faults.ts';
import { fromOrt, toOrt, type OnnxRuntime } from './onnx-tensor.ts';
import type { Tensor } from '../inference/tensor.ts';

export interface OnnxHost {
  ort: OnnxRuntime;
  /** Threads inside one operation. */
  threads: number;
}

type Session = Onnx.InferenceSession;
type Metadata = Session['inputMetadata'][number];

const ERRORS_ONLY = 3;

/** @throws LoadError naming the file and what is wrong with it. */
export async function loadOnnx({ ort, threads }: OnnxHost, request: LoadRequest): Promise<BackendModel> {
  const session = await open(ort, threads, request.path);
  try {
    const signature = { inputs: specsOf(session.inputMetadata, 'input', request.path), outputs: specsOf(session.outputMetadata, 'output', request.path) };
    return {
      signature,
      bytes: bytesBeside(request.path),
      maxInt64: Number.MAX_SAFE_INTEGER,
      run: (inputs) => run(ort, session, inputs),
      dispose: () => session.release(),
    };
  } catch (error) {
    await session.release();
    throw error;
  }
}

async function open(ort: OnnxRuntime, threads: number, file: string): Promise<Session> {
  try {
    return await ort.InferenceSession.create(file, {
      intraOpNumThreads: threads,
      // Operators of one run do not run beside each other, so that a run never takes more threads than it was given.
      interOpNumThreads: 1,
      executionMode: 'sequential',
      logSeverityLevel: ERRORS_ONLY,
      // Threads that wait must not spin: on shared CPUs spinning took six times the CPU and three times the time of a run (docs/formats.md).
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
  } catch (error) {
    throw loadFault(error, file);
  }
}

/** @throws LoadError where two have one name, which a call could not tell apart. */
function specsOf(values: readonly Metadata[], kind: string, file: string): TensorSpec[] {
  const names = values.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new LoadError('WrongSignature', `${file} has two ${kind}s with the name ${twice}; export it with a name for each`);
  return values.map((value) => specOf(value, file));
}

function specOf(value: Metadata, file: string): TensorSpec {
  if (!value.isTensor) {
    const how = 'export it as tensors (scikit-learn: convert_sklearn(..., options={"zipmap": False}))';
    throw new LoadError('UnsupportedDType', `${file}: ${value.name} is a sequence or a map, not a tensor; ${how}`);
  }
  // Unknown dimensions have names in ONNX.
  return { name: value.name, dtype: value.type as DType, shape: value.shape.map((dim) => (typeof dim === 'number' ? dim : -1)) };
}

async function run(ort: OnnxRuntime, session: Session, inputs: readonly Tensor[]): Promise<Tensor[]> {
  const fed: Record<string, Onnx.Tensor> = {};
  try {
    for (const input of inputs) fed[input.name] = toOrt(ort, input);
    const made = await session.run(fed);
    return session.outputNames.map((name) => fromOrt(name, made[name]));
  } catch (error) {
    throw runFault(error);
  }
}

const NOT_WEIGHTS = /\.(yaml|yml|json|md|txt)$/;

/** Bytes of the model and of weights in files of their own, which is what they take in memory. */
function bytesBeside(file: string): number {
  return readdirSync(path.dirname(file), { withFileTypes: true })
    .filter((entry) => entry.isFile() && !NOT_WEIGHTS.test(entry.name))
    .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
}
