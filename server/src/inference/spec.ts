// Owns what the pipeline needs to know of a model that is ready to serve: plain data, safe to copy into a worker.
// Must not know where the model came from or what runs it.
import type { ModelFormat, ModelPackage, NumericPreprocessing, PostprocessingStep } from '@slipway/api';
import type { ModelSignature } from './tensor.ts';

export type DataContract = NonNullable<ModelPackage['dataContract']>;

/** An input that takes pictures: [rows, height, width, channels]. */
export interface ImageInput {
  name: string;
  height: number;
  width: number;
  channels: number;
}

/** The signature of a SavedModel that is served where nobody names another. */
export const DEFAULT_SIGNATURE = 'serving_default';

export interface ServingSpec {
  name: string;
  version: string;
  format: ModelFormat;
  signature: ModelSignature;
  /** Name of the signature, where it is a SavedModel's. */
  signatureName?: string;
  /** What a call of another signature of the model finds, by name. */
  others?: Readonly<Record<string, ServingSpec>>;
  /** What a caller sends: tensors (or pictures), or texts. */
  takes: 'tensors' | 'text';
  /** The package's numeric steps, in order; a request's own preprocessing replaces them all. */
  numeric: readonly NumericPreprocessing[];
  postprocessing: readonly PostprocessingStep[];
  contract?: DataContract;
  /** Largest magnitude of an int64 element that the runtime passes on without loss. */
  maxInt64: number;
  image?: ImageInput;
  uncertainty?: string;
  explanation: 'occlusion' | 'none';
  /** Which handlers the package brings. */
  handlers?: readonly ('preprocess' | 'postprocess')[];
  trainingDataTag?: string;
  baseline: Readonly<Record<string, number>>;
}

/** The name under which a text model takes its texts in tensor protocols; its own input's name is taken too. */
export const TEXT_INPUT = 'text';

/** What a caller of a tensor protocol sends and gets: of a text model one string per row instead of the vectorizer's numbers. */
export function callerSignature(spec: ServingSpec): ModelSignature {
  if (spec.takes === 'tensors') return spec.signature;
  return { inputs: [{ name: TEXT_INPUT, dtype: 'string', shape: [-1] }], outputs: spec.signature.outputs };
}

const CHANNELS = [1, 3, 4];
const PICTURE_DTYPES = ['float32', 'uint8', 'int32'];

/** The picture input of a signature: one input of rank 4 with known height and width and 1, 3 or 4 channels. */
export function imageInputOf(signature: ModelSignature): ImageInput | undefined {
  const [input] = signature.inputs;
  if (input === undefined || signature.inputs.length > 1 || input.shape.length !== 4) return undefined;
  const [height, width, channels] = input.shape.slice(1) as [number, number, number];
  const known = height > 0 && width > 0 && CHANNELS.includes(channels) && PICTURE_DTYPES.includes(input.dtype);
  return known ? { name: input.name, height, width, channels } : undefined;
}
