// Owns the init container that downloads the package (slipway-fetch, in the router image). Must not know the server.
import { FETCH_DEADLINE_SECONDS, MODELS_MOUNT, PACKAGE_KEY, packageConfigMapName, PORTS, PVC_MOUNT, RUN_AS } from '@slipway/api';
import type { ResourcesSpec } from '@slipway/api';
import { constantEnv, optionalEnv } from './env.ts';
import type { EnvVar } from './env.ts';
import type { RevisionInput } from './revision-input.ts';
import { OWN_CONTAINER } from './security.ts';
import { storageOf } from './storage.ts';

/** Keys of model.secretName; the kubelet names a missing one, so the operator needs no right on Secrets. */
const SECRET_KEYS: Record<string, { optional: boolean }> = {
  AWS_ACCESS_KEY_ID: { optional: false },
  AWS_SECRET_ACCESS_KEY: { optional: false },
  AWS_SESSION_TOKEN: { optional: true },
  AWS_ENDPOINT_URL: { optional: true },
  AWS_ENDPOINT_URL_S3: { optional: true },
  AWS_REGION: { optional: true },
  AWS_DEFAULT_REGION: { optional: true },
};

/** Init container `fetch`: fills the models volume, reports progress on its own port and failure as its termination message. */
export function fetchContainer({ isvc, images, revision }: RevisionInput): Record<string, unknown> {
  const { model } = isvc.spec;
  const storage = storageOf(model.storageUri);
  return {
    name: 'fetch',
    image: images.fetch,
    imagePullPolicy: 'IfNotPresent',
    command: ['node', '/app/fetch.mjs'],
    env: [
      ...constantEnv({ STORAGE_URI: storage.uri, DEST: MODELS_MOUNT, FETCH_DEADLINE_SECONDS: String(FETCH_DEADLINE_SECONDS) }),
      ...optionalEnv('EXPECTED_SHA256', model.sha256),
      pinnedDigest(revision),
      ...(model.secretName === undefined ? [] : secretEnv(model.secretName)),
    ],
    ports: [{ name: 'progress', containerPort: PORTS.fetch, protocol: 'TCP' }],
    resources: fetchResources(isvc.spec.resources),
    securityContext: { ...OWN_CONTAINER, runAsUser: RUN_AS, runAsGroup: RUN_AS },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'models', mountPath: MODELS_MOUNT },
      { name: 'tmp', mountPath: '/tmp' },
      ...(storage.claim === undefined ? [] : [{ name: 'pvc', mountPath: PVC_MOUNT, readOnly: true }]),
    ],
  };
}

/** What a quota or a Guaranteed pod needs is asked of every container, and init containers cost nothing beside a server of that size. */
const SHARED_RESOURCES = ['cpu', 'memory', 'ephemeral-storage'];
const SMALL: ResourcesSpec = { requests: { cpu: '20m', memory: '64Mi' }, limits: { memory: '512Mi' } };

/** The server's requests and limits, without devices; small ones of its own where the server has none. */
function fetchResources(asked: ResourcesSpec | undefined): ResourcesSpec {
  if (asked === undefined) return SMALL;
  const entries = Object.entries(asked).map(([kind, amounts]) => [kind, Object.fromEntries(Object.entries(amounts ?? {}).filter(([resource]) => SHARED_RESOURCES.includes(resource)))]);
  return Object.fromEntries(entries) as ResourcesSpec;
}

/** Written after the first ready pod; absent before, so optional. Later pods that fetch other bytes must not serve. */
function pinnedDigest(revision: string): EnvVar {
  return { name: 'PINNED_SHA256', valueFrom: { configMapKeyRef: { name: packageConfigMapName(revision), key: PACKAGE_KEY, optional: true } } };
}

function secretEnv(secret: string): EnvVar[] {
  return Object.entries(SECRET_KEYS).map(([key, { optional }]) => ({ name: key, valueFrom: { secretKeyRef: { name: secret, key, ...(optional ? { optional } : {}) } } }));
}
