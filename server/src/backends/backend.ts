// Owns the interface between the server and what runs models: what a worker is asked and what it answers.
// Must not import a runtime: this file is loaded in the main thread too.
import type { ModelFormat, Reason } from '@slipway/api';
import type { ErrorRecord } from '../inference/errors.ts';
import type { ModelSignature, Tensor } from '../inference/tensor.ts';

/** Why a model cannot be loaded: a reason of the shared catalogue and a sentence that names the file. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  readonly reason: Reason;
  constructor(reason: Reason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

/** What runs a model: libraries that a worker loads on first use, each only where a model of its formats is loaded. */
export type RuntimeKind = 'tensorflow' | 'onnx';

export const runtimeOf = (format: ModelFormat): RuntimeKind => (format === 'onnx' ? 'onnx' : 'tensorflow');

export interface LoadRequest {
  format: ModelFormat;
  /** Folder of a SavedModel, a model.json, or an ONNX file. */
  path: string;
  /** SavedModel signature. */
  signatureName: string;
  /** Threads inside one operation of an ONNX model; TensorFlow reads its own from the environment. Default 1. */
  threads?: number;
}

export interface LoadedInfo {
  signature: ModelSignature;
  /** Further signatures of a SavedModel, by name. */
  others?: Readonly<Record<string, ModelSignature>>;
  /** Bytes of the weights in one worker. */
  bytes: number;
  maxInt64: number;
}

/** A model inside a worker. Tensors of the runtime are made and disposed inside `run`, whatever happens. */
export interface BackendModel extends LoadedInfo {
  /** Bytes that failed runs left behind in native code and that nothing but a new worker frees. */
  readonly lostBytes?: number;
  /** `signature`: one of `others`; absent = the model's own. */
  run(inputs: readonly Tensor[], signature?: string): Tensor[] | Promise<Tensor[]>;
  dispose(): void | Promise<void>;
}

export interface RuntimeInfo {
  /** `tensorflow` and `onnxruntime` are native; `tfjs-cpu` is the slow one, only by ALLOW_SLOW_BACKEND. */
  backend: 'tensorflow' | 'tfjs-cpu' | 'onnxruntime';
  version: string;
}

export interface RuntimeStats {
  /** tf.memory().numTensors */
  tensors: number;
  tensorBytes: number;
  /** Handles that native TensorFlow holds for this worker; tf.memory() does not see all of them. */
  nativeTensors: number;
  heapUsed: number;
}

/** Picture of known size to decode. */
export interface ImageJob {
  bytes: Uint8Array;
  channels: number;
}

/** A runtime inside a worker. */
export interface Backend {
  readonly info: RuntimeInfo;
  load(request: LoadRequest): Promise<BackendModel>;
  /** Pictures -> uint8 [height, width, channels]. @throws Error when the bytes are no picture, or the runtime has no decoder. */
  decode(job: ImageJob): Tensor;
  stats(): RuntimeStats;
}

/** What a worker is told once, when it starts. */
export interface WorkerSettings {
  allowSlowBackend: boolean;
}

export interface WorkerCalls {
  start: { payload: RuntimeKind; value: RuntimeInfo };
  load: { payload: LoadRequest; value: LoadedInfo };
  /** Several calls' inputs, stacked by the worker; the outputs of all of them. */
  run: { payload: { parts: readonly (readonly Tensor[])[]; signature?: string | undefined }; value: { outputs: Tensor[]; computeMs: number } };
  decode: { payload: ImageJob; value: Tensor };
  unload: { payload: null; value: null };
  stats: { payload: null; value: RuntimeStats };
}
export type WorkerOp = keyof WorkerCalls;

/** Of a call that is no model's: the worker's own start and figures. */
export const NO_MODEL = 0;

export interface WorkerRequest {
  id: number;
  op: WorkerOp;
  /** Which of the worker's models the call is for. */
  model: number;
  payload: unknown;
}

/** `worn`: the worker should be replaced when there is time. */
export type WorkerReply = { id: number; ok: true; value: unknown } | { id: number; ok: false; error: WorkerFault; worn: boolean };

/** A failure as plain data, to cross the thread. */
export type WorkerFault = { kind: 'load'; reason: Reason; message: string } | { kind: 'inference'; record: ErrorRecord } | { kind: 'bug'; message: string };

/** tfjs-node passes on int64 elements of this magnitude only, by contract: never truncated. */
export const INT32_MAX = 2_147_483_647;
