// Owns the schema of a model package's `model.yaml` (modelpackage.slipway.dev/v1). Must not read files or load models.
import { z } from 'zod';

export const MODEL_PACKAGE_API = 'modelpackage.slipway.dev/v1';
export const MODEL_FORMATS = ['saved-model', 'tfjs-graph', 'tfjs-layers', 'onnx'] as const;
export const DTYPES = ['float32', 'int32', 'bool', 'string', 'uint8', 'int64', 'float16', 'float64', 'int8', 'int16', 'uint16', 'uint32', 'uint64', 'complex64'] as const;

export const ISOLATIONS = ['thread', 'process'] as const;

/** Where a model's workers run: threads of the server, or child processes of their own, which a native abort ends alone. */
export const Isolation = z.enum(ISOLATIONS);
export type Isolation = z.infer<typeof Isolation>;
export const ModelFormat = z.enum(MODEL_FORMATS);
export type ModelFormat = z.infer<typeof ModelFormat>;
export const DType = z.enum(DTYPES);
export type DType = z.infer<typeof DType>;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256: 64 hexadecimal digits in lower case');
/** -1 is an unknown dimension; the first dimension is the batch. */
const shape = z.array(z.number().int().min(-1));

export const TensorSpec = z.strictObject({
  name: z.string().min(1),
  dtype: DType.default('float32'),
  shape,
  /** Labels of the last axis (outputs). */
  labels: z.array(z.string()).optional(),
});
export type TensorSpec = z.infer<typeof TensorSpec>;

/** y = ((x / scale) - mean) / std; mean and std broadcast on the last axis. */
export const NumericPreprocessing = z.strictObject({
  normalize: z.boolean().optional(),
  scale: z.number().optional(),
  mean: z.array(z.number()).optional(),
  std: z.array(z.number()).optional(),
});
export type NumericPreprocessing = z.infer<typeof NumericPreprocessing>;

export const TextPreprocessing = z.strictObject({
  vocabulary: z.strictObject({ file: z.string().min(1), sha256 }),
  lowercase: z.boolean().default(true),
  /** JavaScript regular expression source, matched with flags gu. */
  tokenPattern: z.string().default("[\\p{L}\\p{N}]+(?:['’][\\p{L}]+)*"),
  ngrams: z.strictObject({ min: z.number().int().min(1).max(4), max: z.number().int().min(1).max(4) }).default({ min: 1, max: 1 }),
  mode: z.enum(['count', 'binary', 'tfidf', 'ids']),
  maxLength: z.number().int().min(1).max(65_536).optional(),
  padId: z.number().int().min(0).default(0),
  oovId: z.number().int().min(0).default(1),
});
export type TextPreprocessing = z.infer<typeof TextPreprocessing>;

export const PreprocessingStep = z.union([
  z.strictObject({ numeric: NumericPreprocessing }),
  z.strictObject({ text: TextPreprocessing }),
], 'expected one step: numeric: {...} or text: {...}');
export type PreprocessingStep = z.infer<typeof PreprocessingStep>;

export const PostprocessingStep = z.union([
  z.strictObject({ softmax: z.strictObject({}) }),
  z.strictObject({ sigmoid: z.strictObject({}) }),
  z.strictObject({ threshold: z.strictObject({ value: z.number().default(0.5) }) }),
  z.strictObject({ labels: z.array(z.string().min(1)).min(1) }),
  z.strictObject({ topK: z.strictObject({ k: z.number().int().min(1).max(1000) }) }),
], 'expected one step: softmax: {}, sigmoid: {}, threshold: {value}, labels: [...] or topK: {k}');
export type PostprocessingStep = z.infer<typeof PostprocessingStep>;

export const FeatureContract = z.strictObject({
  name: z.string().min(1),
  type: z.enum(['number', 'integer', 'string', 'boolean']),
  min: z.number().optional(),
  max: z.number().optional(),
  enum: z.array(z.union([z.string(), z.number()])).optional(),
  nullable: z.boolean().default(false),
  finite: z.boolean().default(true),
});
export type FeatureContract = z.infer<typeof FeatureContract>;

const batchSizes = z.array(z.number().int().min(1).max(4096)).min(1).max(32).optional();

/** How calls share batches. What the server is told (spec.model.batching, or its environment) goes first. */
export const PackageBatching = z.strictObject({
  /** Sizes at which a batch runs at once instead of waiting for more. */
  preferredSizes: batchSizes,
  /** The only sizes that run: smaller batches are filled up, and what was added is dropped. Sizes above MAX_BATCH_SIZE are not used. */
  allowedSizes: batchSizes,
});
export type PackageBatching = z.infer<typeof PackageBatching>;

/** Answers that are given again for the same input; off without it. Not for models whose answers are random. */
export const PackageCache = z.strictObject({
  /** Most bytes of answers in each server. */
  maxBytes: z.number().int().min(0),
  maxEntries: z.number().int().min(1).optional(),
  /** A duration such as 10m; default: as long as there is room. */
  ttl: z.string().regex(/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/).optional(),
});
export type PackageCache = z.infer<typeof PackageCache>;

export const ModelPackage = z.strictObject({
  apiVersion: z.literal(MODEL_PACKAGE_API),
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/),
  version: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/),
  numericVersion: z.number().int().min(1).optional(),
  description: z.string().optional(),
  format: ModelFormat,
  /** Path of the model inside the package: a folder (SavedModel) or a model.json. Default: found from the files. */
  path: z.string().optional(),
  /** SavedModel signature; default serving_default. */
  signature: z.string().optional(),
  /** An .mjs file of the package that exports preprocess, postprocess or both. Runs only where the server allows it. */
  handlers: z.strictObject({ module: z.string().regex(/^[^/\\].*\.mjs$/) }).optional(),
  /** Where its workers run, which it shares with no other model then; the server's own setting wins. Default: threads, shared by small models where there are many. */
  isolation: Isolation.optional(),
  inputs: z.array(TensorSpec).min(1).optional(),
  outputs: z.array(TensorSpec).min(1).optional(),
  preprocessing: z.array(PreprocessingStep).optional(),
  postprocessing: z.array(PostprocessingStep).optional(),
  dataContract: z.strictObject({ id: z.string().min(1), features: z.array(FeatureContract) }).optional(),
  uncertainty: z.union([z.enum(['entropy', 'margin']), z.string().regex(/^output:.+$/, 'expected entropy, margin or output:NAME')], 'expected entropy, margin or output:NAME').optional(),
  /** How a prediction is explained: `occlusion` leaves out one feature (or token) at a time. */
  explanation: z.enum(['occlusion', 'none']).optional(),
  trainingData: z.strictObject({ tag: z.string().min(1), sha256: sha256.optional() }).optional(),
  baseline: z.record(z.string(), z.number()).optional(),
  batching: PackageBatching.optional(),
  cache: PackageCache.optional(),
  samples: z.array(z.strictObject({ request: z.string().min(1), response: z.string().optional() })).optional(),
  licence: z.string().optional(),
});
export type ModelPackage = z.infer<typeof ModelPackage>;

/** JSON Schema of model.yaml as one writes it, for editors and other tools. */
export function modelPackageJsonSchema(): Record<string, unknown> {
  return { title: `model.yaml of a model package (${MODEL_PACKAGE_API})`, ...z.toJSONSchema(ModelPackage, { io: 'input', target: 'draft-2020-12' }) };
}
