// Owns what spec.runtime comes to: its own fields, else the table of its protocol (api/src/runtimes.ts), with every text filled in.
// Must not know how a container is made of it.
import { RUNTIME_ENV, RUNTIMES, versionNumber } from '@slipway/api';
import type { RuntimeSpec } from '@slipway/api';
import type { RevisionInput } from './revision-input.ts';

export interface ResolvedRuntime {
  image: string;
  port: number;
  /** Where gRPC calls go, where that is another port. */
  grpcPort: number | undefined;
  metrics: { port: number; path: string } | undefined;
  ready: { path: string } | { service: string } | 'open-port';
  /** Folder of the package. */
  mountPath: string;
  args: readonly string[] | undefined;
  /** Variables of the table; those of the user come on top. */
  env: Readonly<Record<string, string>>;
  /** Ends what is under way on SIGTERM. */
  drains: boolean;
  readOnlyRootFilesystem: boolean;
}

/** Ports and metrics, which are the same for every revision of such a spec. */
export function runtimePorts(runtime: RuntimeSpec): Pick<ResolvedRuntime, 'port' | 'grpcPort' | 'metrics'> {
  const table = RUNTIMES[runtime.protocol];
  return { port: runtime.port ?? table.port, grpcPort: runtime.grpcPort ?? table.grpcPort, metrics: runtime.metrics ?? table.metrics };
}

/** Everything about the user's server that making its pods takes. */
export function resolveRuntime({ isvc, number, modelVersion }: RevisionInput, runtime: RuntimeSpec): ResolvedRuntime {
  const table = RUNTIMES[runtime.protocol];
  const { port, grpcPort, metrics } = runtimePorts(runtime);
  const facts = { name: isvc.metadata.name, version: modelVersion, number: String(versionNumber(modelVersion) ?? number) };
  const mountPath = runtime.mountPath ?? filled(table.mountPath, facts);
  const all = { ...facts, package: mountPath, port: String(port), grpcPort: String(grpcPort ?? port), metricsPort: String(metrics?.port ?? port) };
  return {
    image: runtime.image,
    port,
    grpcPort,
    metrics,
    ready: readinessOf(runtime, all),
    mountPath,
    args: runtime.args ?? table.args?.map((text) => filled(text, all)),
    env: Object.fromEntries(Object.entries({ ...RUNTIME_ENV, ...table.env }).map(([name, text]) => [name, filled(text, all)])),
    drains: table.drains,
    readOnlyRootFilesystem: runtime.readOnlyRootFilesystem,
  };
}

function readinessOf({ protocol, readyPath, readyService }: RuntimeSpec, facts: Readonly<Record<string, string>>): ResolvedRuntime['ready'] {
  if (readyService !== undefined) return { service: readyService };
  const path = readyPath ?? RUNTIMES[protocol].readyPath;
  return path === undefined ? 'open-port' : { path: readyPath ?? filled(path, facts) };
}

/** The text with every `{fact}` put in. */
const filled = (text: string, facts: Readonly<Record<string, string>>): string => text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => facts[name] ?? whole);
