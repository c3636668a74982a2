// Owns the bodies of status and metadata, over REST laid out as protobuf prints them. PURE.
import type { ModelState, TensorSpec } from '@slipway/api';
import { callerSignature, type ServingSpec } from '../../inference/spec.ts';
import type { ErrorCode } from '../../inference/errors.ts';
import { TYPES } from './dtypes.ts';
import { protobufJson, type Printable } from './protobuf-json.ts';
import { allOf } from './signatures.ts';

/** TensorFlow Serving's states and their numbers. */
export const STATES = { UNKNOWN: 0, START: 10, LOADING: 20, AVAILABLE: 30, UNLOADING: 40, END: 50 } as const;
export type State = keyof typeof STATES;

/** A phase in its words. A version that could not be loaded is at its END, with an error. */
const STATE_OF: Readonly<Record<ModelState['phase'], State>> = {
  Pending: 'START',
  Loading: 'LOADING',
  WarmingUp: 'LOADING',
  Ready: 'AVAILABLE',
  Unloading: 'UNLOADING',
  Failed: 'END',
};

/** A version that its next call loads is available. */
export const stateOf = ({ phase, servable }: { phase: ModelState['phase']; servable: boolean }): State => STATE_OF[servable ? 'Ready' : phase];

export interface VersionStatus {
  version: number;
  state: State;
  /** Why it could not be loaded. */
  error: { code: ErrorCode; message: string } | undefined;
}

/** Highest version first. */
export function statusBody(versions: readonly VersionStatus[]): string {
  const ordered = [...versions].sort((a, b) => b.version - a.version);
  return protobufJson({
    model_version_status: ordered.map(({ version, state, error }) => ({
      version: String(version),
      state,
      status: { error_code: error === undefined ? 'OK' : 'UNKNOWN', error_message: error?.message ?? '' },
    })),
  });
}

/** What metadata says of a model; the pieces are put together by hand in the original, hence the odd white space. */
export function metadataBody(name: string, version: number, spec: ServingSpec): string {
  const model = protobufJson({ name, signature_name: '', version: String(version) });
  const signatures = protobufJson({ signature_def: Object.fromEntries(Object.entries(allOf(spec)).map(([key, each]) => [key, signatureOf(each)])) });
  return `{\n"model_spec":${model},\n"metadata": {"signature_def": ${signatures}}\n}\n`;
}

/** `tensorflow/serving/predict`: the one method that every model answers. */
export const PREDICT_METHOD = 'tensorflow/serving/predict';

function signatureOf(spec: ServingSpec): Printable {
  const { inputs, outputs } = callerSignature(spec);
  return { inputs: tensorInfos(inputs), outputs: tensorInfos(outputs), method_name: PREDICT_METHOD };
}

/** The name inside of the graph is nobody's business here; the public name stands for it. */
const tensorInfos = (tensors: readonly TensorSpec[]): Printable => Object.fromEntries(tensors.map((tensor) => [tensor.name, tensorInfo(tensor)]));

function tensorInfo({ name, dtype, shape }: TensorSpec): Printable {
  return { dtype: TYPES[dtype].name, tensor_shape: { dim: shape.map((size) => ({ size: String(size), name: '' })), unknown_rank: false }, name: `${name}:0` };
}
