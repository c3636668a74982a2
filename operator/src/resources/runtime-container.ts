// Owns the container of somebody else's model server (spec.runtime). Must not assume that it knows Slipway:
// it drains by preStop.sleep, and readiness is what it answers on its own port.
import { DRAIN_DELAY_SECONDS, MODELS_MOUNT, PACKAGE_LINK } from '@slipway/api';
import type { RuntimeSpec } from '@slipway/api';
import { constantEnv } from './env.ts';
import type { EnvVar } from './env.ts';
import type { RevisionInput } from './revision-input.ts';
import { resolveRuntime } from './runtime-conventions.ts';
import type { ResolvedRuntime } from './runtime-conventions.ts';
import { OWN_CONTAINER, RESTRICTED_CONTAINER } from './security.ts';

type Json = Record<string, unknown>;

/** Container `server` with the user's image. `timeoutSeconds` is the longest a request may take. */
export function runtimeContainer(input: RevisionInput, runtime: RuntimeSpec, timeoutSeconds: number): Json {
  const { resources } = input.isvc.spec;
  const resolved = resolveRuntime(input, runtime);
  const { image, args, drains, readOnlyRootFilesystem } = resolved;
  return {
    name: 'server',
    image,
    ...(args === undefined ? {} : { args }),
    env: runtimeEnv(resolved, runtime.env ?? []),
    ports: containerPorts(resolved),
    ...(resources === undefined ? {} : { resources }),
    ...probes(resolved),
    // Keeps serving until every router has seen the removal, and where SIGTERM breaks off what is under way, until that has had its time.
    lifecycle: { preStop: { sleep: { seconds: drains ? DRAIN_DELAY_SECONDS : DRAIN_DELAY_SECONDS + timeoutSeconds } } },
    securityContext: readOnlyRootFilesystem ? OWN_CONTAINER : RESTRICTED_CONTAINER,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [packageMount(resolved), ...(readOnlyRootFilesystem ? [{ name: 'tmp', mountPath: '/tmp' }] : [])],
  };
}

/** The whole volume where the package is wanted in the usual place, else the package alone. */
function packageMount({ mountPath }: ResolvedRuntime): Json {
  if (mountPath === `${MODELS_MOUNT}/${PACKAGE_LINK}`) return { name: 'models', mountPath: MODELS_MOUNT, readOnly: true };
  return { name: 'models', mountPath, subPath: PACKAGE_LINK, readOnly: true };
}

/** The user's variables win over ours of the same name. */
function runtimeEnv({ env }: ResolvedRuntime, own: NonNullable<RuntimeSpec['env']>): EnvVar[] {
  const given = new Set(own.map((entry) => entry.name));
  return [...constantEnv(env as Record<string, string>).filter((entry) => !given.has(entry.name)), ...(own as EnvVar[])];
}

/** Kubernetes keys container ports by their number, so metrics on the port of the calls need no entry. */
function containerPorts({ port, grpcPort, metrics }: ResolvedRuntime): Json[] {
  const named = { http: port, grpc: grpcPort, metrics: metrics?.port === port || metrics?.port === grpcPort ? undefined : metrics?.port };
  return Object.entries(named).flatMap(([name, containerPort]) => (containerPort === undefined ? [] : [{ name, containerPort, protocol: 'TCP' }]));
}

/** HTTP servers are asked on their path, gRPC servers about their health where they tell it; else only the open port is common to all. */
function probes({ ready, port }: ResolvedRuntime): Json {
  const open = { tcpSocket: { port: 'http' } };
  return {
    startupProbe: { ...open, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 300 },
    readinessProbe: { ...readiness(ready, port), periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 3 },
    livenessProbe: { ...open, periodSeconds: 10, timeoutSeconds: 10, failureThreshold: 6 },
  };
}

function readiness(ready: ResolvedRuntime['ready'], port: number): Json {
  if (ready === 'open-port') return { tcpSocket: { port: 'http' } };
  return 'path' in ready ? { httpGet: { path: ready.path, port: 'http' } } : { grpc: { port, service: ready.service } };
}
