// Owns the bodies of the native API as zod schemas; types, checks and the OpenAPI document all come from here.
// Must not know Fastify.
import { z } from 'zod';

const modelName = z.string().min(1).optional().describe('Name of the model; may be left out when exactly one model fits.');
const modelVersion = z.coerce.string().min(1).optional().describe('Version of the model; default: the highest, or the one the rollout gives.');

/** Whether it is 0 is checked with the tensors; the document says so. */
const divisor = z.number().meta({ not: { const: 0 } });

/** Strict, unlike the bodies around it: a typing error here would give wrong numbers instead of an error. */
export const Preprocessing = z
  .strictObject({
    normalize: z.boolean().optional().describe('Divide by 255 unless scale is given.'),
    scale: divisor.optional(),
    mean: z.union([z.number().transform((value) => [value]), z.array(z.number())]).optional(),
    std: z.union([divisor.transform((value) => [value]), z.array(divisor)]).optional(),
  })
  .describe("y = ((x / scale) - mean) / std. Replaces the package's numeric steps.");

const inputs = z.unknown().describe('Rows of the only input, or an object of inputs by name. Always with the batch dimension. A picture is {"b64": "..."}.');
const text = z.union([z.string(), z.array(z.string()).min(1)]).describe('One text, or a list of texts, for text models.');

export const PredictRequest = z.looseObject({ modelName, modelVersion, inputs: inputs.optional(), text: text.optional(), preprocessing: Preprocessing.optional() });
export type PredictRequest = z.output<typeof PredictRequest>;

export const BatchItem = z.looseObject({ inputs: inputs.optional(), text: text.optional(), preprocessing: Preprocessing.optional() });

export const BatchPredictRequest = z.looseObject({
  modelName,
  modelVersion,
  maxBatchSize: z.number().int().min(1).optional().describe('Rows of one run; at most MAX_BATCH_SIZE.'),
  batch: z.array(BatchItem).min(1),
});
export type BatchPredictRequest = z.output<typeof BatchPredictRequest>;

const timings = { modelVersion: z.string(), inferenceTimeMs: z.number(), preprocessingTimeMs: z.number(), postprocessingTimeMs: z.number() };

export const PredictResponse = z.looseObject({ predictions: z.unknown().describe('One per row; several outputs are an object of lists by name.'), ...timings });

export const TextResponse = z.looseObject({
  prediction: z.union([z.string(), z.array(z.string())]),
  score: z.number(),
  probabilities: z.record(z.string(), z.number()),
  ...timings,
});

export const BatchPredictResponse = z.looseObject({ results: z.array(z.union([PredictResponse, TextResponse])) });

/** What is not a finite number: a model that overflowed on this input. */
const measured = z.number().nullable().describe('null where the model\'s score is not finite.');

export const Explanation = z.object({ top_feature: z.string(), contrib: z.record(z.string(), measured) });

/** Version 2 of the API: one envelope. Lists run parallel to `predictions`; single values belong to `prediction`. */
export const Envelope = z.object({
  prediction: z.unknown().optional(),
  predictions: z.unknown().optional(),
  uncertainty: z.union([z.number(), z.array(measured)]).nullable(),
  explanation: z.union([Explanation, z.array(Explanation)]).nullable(),
  model_version: z.string(),
  training_data_tag: z.string().nullable(),
  revision: z.string().nullable(),
  request_id: z.string(),
});
export const BatchEnvelope = z.object({ results: z.array(Envelope) });

export const ModelListing = z.object({
  models: z.array(
    z.looseObject({
      name: z.string(),
      version: z.string(),
      inputShape: z.unknown().describe('-1 is an unknown dimension; by name where there are several inputs.'),
      outputShape: z.unknown(),
      loadedAt: z.string().nullable(),
      warmupComplete: z.boolean(),
    }),
  ),
});

export const Health = z.looseObject({ status: z.literal('healthy') });
export const Readiness = z.looseObject({ status: z.enum(['ready', 'unready']) });
export const MetricsSummary = z.object({
  requestCount: z.number(),
  averageInferenceTimeMs: z.number(),
  errorCount: z.number(),
  errorRate: z.number(),
  uptime: z.number(),
  memoryUsage: z.object({ rss: z.number(), heapTotal: z.number(), heapUsed: z.number(), external: z.number() }),
});

export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string(),
  requestId: z.string(),
  errors: z.array(z.object({ path: z.string(), expected: z.string(), got: z.string() })),
});
