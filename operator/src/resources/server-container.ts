// Owns the container that runs Slipway's own server. Must not know how the package got into the volume.
import { DRAIN_DELAY_SECONDS, durationMs, MODELS_MOUNT, PORTS } from '@slipway/api';
import { constantEnv, optionalEnv } from './env.ts';
import type { EnvVar } from './env.ts';
import type { RevisionInput } from './revision-input.ts';
import { OWN_CONTAINER } from './security.ts';

/** Container `server`. `timeoutSeconds` is the longest a request may take; the server drains for as long. */
export function serverContainer(input: RevisionInput, timeoutSeconds: number): Record<string, unknown> {
  const { isvc, images } = input;
  const { resources } = isvc.spec;
  return {
    name: 'server',
    image: images.server,
    imagePullPolicy: 'IfNotPresent',
    env: serverEnv(input, timeoutSeconds),
    ports: [
      { name: 'http', containerPort: PORTS.server, protocol: 'TCP' },
      { name: 'admin', containerPort: PORTS.admin, protocol: 'TCP' },
    ],
    ...(resources === undefined ? {} : { resources }),
    ...PROBES,
    securityContext: OWN_CONTAINER,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'models', mountPath: MODELS_MOUNT, readOnly: true },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}

function serverEnv({ isvc, revision, number }: RevisionInput, timeoutSeconds: number): EnvVar[] {
  const { model } = isvc.spec;
  return [
    ...constantEnv({
      PORT: String(PORTS.server),
      ADMIN_PORT: String(PORTS.admin),
      MODEL_PATH: MODELS_MOUNT,
      MODEL_NAME: isvc.metadata.name,
      REVISION: revision,
      REVISION_NUMBER: String(number),
      BEHIND_ROUTER: 'true',
      WARMUP_ITERATIONS: String(model.warmup?.iterations ?? 3),
      MAX_BATCH_SIZE: String(model.batching?.maxBatchSize ?? 32),
      BATCH_MAX_DELAY_MS: String(durationMs(model.batching?.maxDelay ?? '0s')),
      DRAIN_DELAY_SECONDS: String(DRAIN_DELAY_SECONDS),
      REQUEST_TIMEOUT_SECONDS: String(timeoutSeconds),
      // Named, since the server takes no folder of its own choice in a /tmp without a sticky bit, as an emptyDir is. This one is the server's alone.
      COMPILE_CACHE: '/tmp/compile-cache',
    }),
    ...batchSizesEnv(model.batching),
    ...cacheEnv(model.cache),
    ...optionalEnv('MODEL_VERSION', model.version),
    ...optionalEnv('MODEL_FORMAT', model.format),
    ...optionalEnv('ALLOW_HANDLERS', model.allowHandlers === true ? 'true' : undefined),
    ...optionalEnv('MODEL_ISOLATION', model.isolation),
    ...optionalEnv('V1_DIALECT', model.v1Dialect),
  ];
}

type Model = RevisionInput['isvc']['spec']['model'];

const batchSizesEnv = (batching: Model['batching']): EnvVar[] => [
  ...optionalEnv('BATCH_PREFERRED_SIZES', batching?.preferredSizes?.join()),
  ...optionalEnv('BATCH_ALLOWED_SIZES', batching?.allowedSizes?.join()),
];

function cacheEnv(cache: Model['cache']): EnvVar[] {
  if (cache === undefined) return [];
  return constantEnv({ CACHE_MAX_BYTES: String(cache.maxBytes), CACHE_MAX_ENTRIES: String(cache.maxEntries), CACHE_TTL_SECONDS: String(durationMs(cache.ttl) / 1000) });
}

/**
 * The startup probe waits for the process, not for the model: a server whose model cannot load stays up, unready, and
 * says why on /state. Liveness is slow on purpose, so that a busy CPU never restarts a pod that still answers.
 */
const PROBES = {
  startupProbe: { httpGet: { path: '/health', port: 'http' }, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 180 },
  readinessProbe: { httpGet: { path: '/health/ready', port: 'http' }, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 3 },
  livenessProbe: { httpGet: { path: '/health', port: 'http' }, periodSeconds: 10, timeoutSeconds: 10, failureThreshold: 6 },
} as const;
