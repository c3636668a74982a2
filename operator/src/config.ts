// Owns the operator's configuration: one catalogue of flags with their environment variables, parsed once into one frozen value.
// The only file of the operator that knows the names of environment variables. A flag wins over its variable, that over the default.
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { PORTS, VERSION } from '@slipway/api';
import { LOG_LEVELS } from './runtime/log.ts';
import type { LogLevel } from './runtime/log.ts';
import type { NamespaceConfig, NetworkPeers, OperatorImages, PlanConfig } from './types.ts';

export interface OperatorConfig {
  /** What the planner of one InferenceService may know. */
  readonly plan: PlanConfig;
  /** What the planner of a namespace may know. */
  readonly namespace: NamespaceConfig;
  /** Namespaces to look after; empty means all. */
  readonly watchNamespaces: readonly string[];
  readonly lease: { readonly name: string; readonly namespace: string; readonly identity: string };
  readonly adminPort: number;
  readonly logLevel: LogLevel;
  /** Passes at the same time. */
  readonly workers: number;
  /** Namespaces whose routers may be rolling at the same time, after an operator upgrade. */
  readonly routerRollouts: number;
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
}

export interface FlagEntry {
  env: string;
  help: string;
  /** Undefined: must be given. Empty: none. */
  fallback?: string;
}

export const FLAGS = {
  'server-image': { env: 'SERVER_IMAGE', help: 'Image of the server, for revisions made from now on.' },
  'server-onnx-image': { env: 'SERVER_ONNX_IMAGE', help: 'Smaller image of the server, for revisions whose format is onnx. Empty: the server image.', fallback: '' },
  'router-image': { env: 'ROUTER_IMAGE', help: 'Image of the routers; it also holds slipway-fetch.' },
  'image-pull-secrets': { env: 'IMAGE_PULL_SECRETS', help: 'Names of Secrets for these images, separated by commas; they must exist where pods run.', fallback: '' },
  'router-cluster-role': { env: 'ROUTER_CLUSTER_ROLE', help: 'ClusterRole that routers are bound to in their namespace.', fallback: 'slipway-router' },
  'router-replicas': { env: 'ROUTER_REPLICAS', help: 'Routers in each namespace that has an InferenceService.', fallback: '2' },
  'router-resources': { env: 'ROUTER_RESOURCES', help: 'Requests and limits of a router, as JSON.', fallback: '{"requests":{"cpu":"20m","memory":"64Mi"}}' },
  'router-node-selector': { env: 'ROUTER_NODE_SELECTOR', help: 'Node labels that routers need, as a JSON object.', fallback: '{}' },
  'router-rollouts': { env: 'ROUTER_ROLLOUTS', help: 'Namespaces whose routers may roll at the same time after an upgrade.', fallback: '3' },
  'network-policy': { env: 'NETWORK_POLICY', help: 'Who beside the routers reaches serving pods and admin ports, as JSON: {"operator": PEER, "prometheus": PEER}, each a peer of a NetworkPolicy. Empty: no NetworkPolicy.', fallback: '' },
  'watch-namespaces': { env: 'WATCH_NAMESPACES', help: 'Namespaces to look after, separated by commas. Empty: all.', fallback: '' },
  'cluster-domain': { env: 'CLUSTER_DOMAIN', help: "The cluster's DNS domain, as in the URLs of services.", fallback: 'cluster.local' },
  'lease-name': { env: 'LEASE_NAME', help: 'Name of the Lease that decides which replica leads.', fallback: 'slipway-operator' },
  'lease-namespace': { env: 'POD_NAMESPACE', help: 'Namespace of that Lease.', fallback: 'default' },
  identity: { env: 'POD_NAME', help: 'Name of this replica, unique among all. Default: made up.', fallback: '' },
  'admin-port': { env: 'ADMIN_PORT', help: 'Port of /healthz, /readyz and /metrics; 0 picks a free one.', fallback: String(PORTS.admin) },
  'log-level': { env: 'LOG_LEVEL', help: `One of ${LOG_LEVELS.join(', ')}.`, fallback: 'info' },
  workers: { env: 'WORKERS', help: 'Passes at the same time.', fallback: '16' },
  kubeconfig: { env: 'SLIPWAY_KUBECONFIG', help: "Kubeconfig to use instead of the pod's own identity.", fallback: '' },
  context: { env: 'SLIPWAY_CONTEXT', help: "Context of the kubeconfig to use instead of the pod's own identity.", fallback: '' },
} as const satisfies Record<string, FlagEntry>;

type FlagName = keyof typeof FLAGS;

/** The configuration cannot be used; the message says which flag and why. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** The page that --help prints. */
export function helpText(): string {
  const lines = Object.entries<FlagEntry>(FLAGS).map(([name, { env, help, fallback }]) => {
    const shown = fallback === undefined ? 'required' : `default ${fallback === '' ? 'none' : fallback}`;
    return `  --${name} (${env}; ${shown})\n      ${help}`;
  });
  return [`The Slipway operator for InferenceService ${VERSION}.`, '', 'Flags (environment variable; default):', ...lines, ''].join('\n');
}

type Texts = (name: FlagName) => string;

function textsOf(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Texts {
  const options = Object.fromEntries(Object.keys(FLAGS).map((name) => [name, { type: 'string' as const }]));
  let values: Record<string, unknown>;
  try {
    ({ values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false }));
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
  return (name) => {
    const entry: FlagEntry = FLAGS[name];
    const text = (values[name] as string | undefined) ?? env[entry.env] ?? entry.fallback;
    if (text === undefined) throw new ConfigError(`--${name} (or ${entry.env}) must be given: ${entry.help}`);
    return text;
  };
}

function numberOf(texts: Texts, name: FlagName, min: number, max: number): number {
  const value = Number(texts(name));
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new ConfigError(`--${name} is ${JSON.stringify(texts(name))}; it must be a whole number from ${min} to ${max}`);
}

function jsonOf<T>(texts: Texts, name: FlagName): T {
  try {
    const value = JSON.parse(texts(name)) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as T;
  } catch {
    // Reported below, like any other text that is no JSON object.
  }
  throw new ConfigError(`--${name} is ${JSON.stringify(texts(name))}; it must be a JSON object`);
}

function peersOf(texts: Texts): NetworkPeers {
  const { operator, prometheus, ...others } = jsonOf<Partial<NetworkPeers>>(texts, 'network-policy');
  if (operator !== undefined && prometheus !== undefined && Object.keys(others).length === 0) return { operator, prometheus };
  throw new ConfigError('--network-policy must hold operator and prometheus, and nothing else');
}

function logLevelOf(texts: Texts): LogLevel {
  const level = LOG_LEVELS.find((known) => known === texts('log-level'));
  if (level === undefined) throw new ConfigError(`--log-level is ${JSON.stringify(texts('log-level'))}; it must be one of ${LOG_LEVELS.join(', ')}`);
  return level;
}

const listOf = (text: string): string[] => text.split(',').map((part) => part.trim()).filter((part) => part !== '');
const orUndefined = (text: string): string | undefined => (text === '' ? undefined : text);

function imagesOf(texts: Texts): OperatorImages {
  const serverOnnx = orUndefined(texts('server-onnx-image'));
  return { server: texts('server-image'), router: texts('router-image'), ...(serverOnnx === undefined ? {} : { serverOnnx }) };
}

/** Reads flags and environment once. Throws ConfigError. */
export function loadConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): OperatorConfig {
  const texts = textsOf(args, env);
  const images = imagesOf(texts);
  const imagePullSecrets = listOf(texts('image-pull-secrets'));
  return Object.freeze({
    plan: { images, clusterDomain: texts('cluster-domain'), imagePullSecrets },
    namespace: {
      images,
      imagePullSecrets,
      routerClusterRole: texts('router-cluster-role'),
      routerReplicas: numberOf(texts, 'router-replicas', 1, 100),
      nodeSelector: jsonOf<Record<string, string>>(texts, 'router-node-selector'),
      resources: jsonOf<NamespaceConfig['resources']>(texts, 'router-resources'),
      ...(texts('network-policy') === '' ? {} : { networkPolicy: peersOf(texts) }),
    },
    watchNamespaces: listOf(texts('watch-namespaces')),
    lease: { name: texts('lease-name'), namespace: texts('lease-namespace'), identity: orUndefined(texts('identity')) ?? `operator-${randomUUID()}` },
    adminPort: numberOf(texts, 'admin-port', 0, 65_535),
    logLevel: logLevelOf(texts),
    workers: numberOf(texts, 'workers', 1, 64),
    routerRollouts: numberOf(texts, 'router-rollouts', 1, 1_000),
    kubeconfig: orUndefined(texts('kubeconfig')),
    context: orUndefined(texts('context')),
  });
}
