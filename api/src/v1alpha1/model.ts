// Owns spec.model: which package is served and how it is loaded. Must not know how anything is fetched.
import { z } from 'zod';
import { doc, kube } from '../meta.ts';
import { duration, objectName } from './fields.ts';

const storageUri = kube(z.string().min(1).max(2048).regex(/^\S+$/), {
  description:
    'Where the model package is: file:///PATH (inside the fetching image), pvc://CLAIM/PATH, s3://BUCKET/PREFIX, or https://HOST/PATH ending in .tar.gz or .zip. ' +
    'A folder that holds only numeric subfolders serves the highest; anything else is one package.',
  cel: [
    {
      rule: "self.matches('^(file:///|pvc://|s3://|https://)')",
      message: 'storageUri must start with file:///, pvc://CLAIM/, s3://BUCKET/ or https://; other schemes are not fetched',
    },
    {
      rule: "!self.startsWith('pvc://') || self.matches('^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/.*)?$')",
      message: 'after pvc:// comes the name of a PersistentVolumeClaim in this namespace, then the path in it: pvc://CLAIM/PATH',
    },
    {
      rule: "!self.startsWith('s3://') || self.matches('^s3://[a-z0-9][-a-z0-9.]+[a-z0-9](/.*)?$')",
      message: 'after s3:// comes the name of a bucket, then the prefix of the package in it: s3://BUCKET/PREFIX',
    },
    {
      rule: "!self.startsWith('https://') || self.matches('^https://[^/?#@]+/[^?#]*[.](tar[.]gz|zip)([?].*)?$')",
      message: 'an https:// package is one archive, without user or password in the URL: https://HOST/PATH ending in .tar.gz or .zip',
    },
    { rule: "!self.matches('(^|/)[.][.](/|$)')", message: 'storageUri must not contain a .. segment; write the resolved path' },
  ],
});

const WarmupSpec = doc(
  z.object({ iterations: doc(z.int().min(0).max(1000).default(3), 'Predictions made before the pod is ready; 0 skips the warm-up.') }),
  "Warm-up of Slipway's own server.",
);

const batchSizes = (description: string): z.ZodOptional<z.ZodArray<z.ZodInt>> => kube(z.array(z.int().min(1).max(4096)).min(1).max(32).optional(), { description, listType: 'set' });

const BatchingSpec = kube(
  z.object({
    maxBatchSize: doc(z.int().min(1).max(4096).default(32), 'Most items in one batch.'),
    maxDelay: doc(duration().default('0s'), 'Longest wait for a fuller batch, as a duration such as 5ms; 0s takes what is queued when a worker is free.'),
    preferredSizes: batchSizes("Sizes at which a batch runs at once instead of waiting for more; default: the package's own, else none."),
    allowedSizes: batchSizes("The only sizes that run: smaller batches are filled up, and what was added is dropped from the answers. Default: the package's own, else any size runs."),
  }),
  {
    description: "Batching of Slipway's own server.",
    cel: [
      {
        rule: '!has(self.preferredSizes) || self.preferredSizes.all(size, size <= self.maxBatchSize)',
        message: 'preferredSizes must not be larger than maxBatchSize; raise maxBatchSize or remove them',
      },
      {
        rule: '!has(self.allowedSizes) || self.allowedSizes.all(size, size <= self.maxBatchSize)',
        message: 'allowedSizes must not be larger than maxBatchSize; raise maxBatchSize or remove them',
      },
    ],
  },
);

const CacheSpec = doc(
  z.object({
    maxBytes: doc(z.int().min(0).max(2 ** 40), 'Most bytes of answers in each pod; they count in the memory of the pod. 0 switches the cache off.'),
    maxEntries: doc(z.int().min(1).max(100_000_000).default(10_000), 'Most answers in each pod.'),
    ttl: doc(duration().default('0s'), 'How long an answer may be given again, as a duration such as 10m; 0s as long as there is room.'),
  }),
  "Answers of Slipway's own server that are given again for the same input. Off unless set here or in the package. Not for models whose answers are random.",
);

export const ModelSpec = kube(
  z.object({
    storageUri,
    version: doc(
      z.string().min(1).max(63).regex(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/).optional(),
      "Model version that callers see. Default: the package's own version, else the revision's hash.",
    ),
    format: doc(z.enum(['saved-model', 'tfjs-graph', 'tfjs-layers', 'onnx']).optional(), 'Model format. Default: found from the files. Declared as onnx, the smaller server image without TensorFlow runs it.'),
    sha256: doc(z.string().max(64).regex(/^[0-9a-f]{64}$/).optional(), 'Pin of the package digest: pods that fetch other bytes do not serve.'),
    secretName: doc(
      objectName().optional(),
      'Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and, where needed, AWS_ENDPOINT_URL, AWS_REGION and AWS_SESSION_TOKEN.',
    ),
    warmup: WarmupSpec.optional(),
    batching: BatchingSpec.optional(),
    cache: CacheSpec.optional(),
    allowHandlers: doc(
      z.boolean().optional(),
      'Whether code that the package brings (its handlers) may run in the serving pods. A package that has handlers is refused otherwise. Default: false.',
    ),
    isolation: doc(
      z.enum(['thread', 'process']).optional(),
      "Where the model runs: in threads of the server, or each worker in a child process of its own, so that a crash of native code fails only the calls under way. Either is then the model's own; unset, and where the package says nothing, it runs in a thread, which small models of one server share.",
    ),
    v1Dialect: doc(z.enum(['tfserving', 'kserve']).optional(), 'Whose protocol /v1/models speaks: TensorFlow Serving or KServe V1. Default: tfserving.'),
  }),
  {
    description: 'The model to serve. A change here makes a new revision.',
    cel: [{ rule: "!has(self.secretName) || self.storageUri.startsWith('s3://')", message: 'secretName is read for s3:// only; remove it or use an s3:// storageUri' }],
  },
);
export type ModelSpec = z.infer<typeof ModelSpec>;
