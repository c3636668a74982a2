// Owns the container of somebody else's model server (spec.runtime). Must not assume that it knows Slipway:
// it drains by preStop.sleep, and readiness is what it answers on its own port.
import { DRAIN_DELAY_SECONDS, MODELS_MOUNT, PACKAGE_LINK } from '@slipway/api';
import type { RuntimeSpec } from '@slipway/api';
import { constantEnv } from './env.ts';
import type { EnvVar } from './env.ts';
import type { RevisionInput } from './revision-input.ts';
import { RESTRICTED_CONTAINER } from './security.ts';

/** Container `server` with the user's image. */
export function runtimeContainer({ isvc }: RevisionInput, runtime: RuntimeSpec): Record<string, unknown> {
  const { resources } = isvc.spec;
  const { args } = runtime;
  return {
    name: 'server',
    image: runtime.image,
    ...(args === undefined ? {} : { args }),
    env: runtimeEnv(isvc.metadata.name, runtime),
    ports: [{ name: 'http', containerPort: runtime.port, protocol: 'TCP' }],
    ...(resources === undefined ? {} : { resources }),
    ...probes(runtime),
    // Keeps serving until every router has seen the removal; the image need not know SIGTERM.
    lifecycle: { preStop: { sleep: { seconds: DRAIN_DELAY_SECONDS } } },
    securityContext: RESTRICTED_CONTAINER,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [{ name: 'models', mountPath: MODELS_MOUNT, readOnly: true }],
  };
}

/** The user's variables win over ours of the same name. */
function runtimeEnv(isvc: string, runtime: RuntimeSpec): EnvVar[] {
  const own = runtime.env ?? [];
  const given = new Set(own.map((entry) => entry.name));
  const ours = constantEnv({ MODEL_PATH: `${MODELS_MOUNT}/${PACKAGE_LINK}`, MODEL_NAME: isvc }).filter((entry) => !given.has(entry.name));
  return [...ours, ...(own as EnvVar[])];
}

/** HTTP servers are asked on readyPath; of a gRPC server only the open port is common to all. */
function probes({ protocol, readyPath }: RuntimeSpec): Record<string, unknown> {
  const open = { tcpSocket: { port: 'http' } };
  const ready = protocol === 'grpc' ? open : { httpGet: { path: readyPath ?? '/', port: 'http' } };
  return {
    startupProbe: { ...open, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 300 },
    readinessProbe: { ...ready, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 3 },
    livenessProbe: { ...open, periodSeconds: 10, timeoutSeconds: 10, failureThreshold: 6 },
  };
}
