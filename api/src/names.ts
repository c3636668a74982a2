// Owns every derived name, label, annotation, port and field manager of Slipway: the only file with such literals.
// Must not know any schema or any I/O.

export const GROUP = 'serving.slipway.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;
export const KIND = 'InferenceService';
export const PLURAL = 'inferenceservices';

/** Field manager of everything the operator applies. */
export const FIELD_MANAGER = 'slipway-operator';
export const MANAGED_BY = 'slipway';

export const LABELS = {
  name: 'app.kubernetes.io/name',
  instance: 'app.kubernetes.io/instance',
  component: 'app.kubernetes.io/component',
  managedBy: 'app.kubernetes.io/managed-by',
  inferenceService: `${GROUP}/inferenceservice`,
  revision: `${GROUP}/revision`,
  route: `${GROUP}/route`,
  monitor: `${GROUP}/monitor`,
  /** On revision Services only (pods never change their labels); become Prometheus labels by relabelling. */
  role: `${GROUP}/role`,
  modelVersion: `${GROUP}/model-version`,
} as const;

export const ANNOTATIONS = {
  promote: `${GROUP}/promote`,
  abort: `${GROUP}/abort`,
  retry: `${GROUP}/retry`,
  /** Hash of the rendered intent, to see at a glance whether a child is as we last applied it. */
  intent: `${GROUP}/intent`,
} as const;

export const PORTS = {
  /** The server's public port inside a serving pod. */
  server: 3000,
  /** Admin port of server, router and operator; never routed. */
  admin: 9090,
  /** Progress of slipway-fetch on its pod address. */
  fetch: 9091,
  /** Router ports are allocated from this range (below the ephemeral range), two per InferenceService. */
  routerFirst: 20_000,
  routerLast: 29_999,
} as const;

/** Ports of the Service `<isvc>`; all of them lead to the public router port, so every protocol's usual port works. */
export const SERVICE_PORTS = [
  { name: 'http', port: 80 },
  { name: 'http-native', port: 3000 },
  { name: 'http-v2', port: 8000 },
  { name: 'grpc-v2', port: 8001 },
  { name: 'http-v1', port: 8080 },
  { name: 'grpc-tfserving', port: 8500 },
  { name: 'http-tfserving', port: 8501 },
] as const;

/** Milliseconds before a released router port may be given to another InferenceService. */
export const PORT_REUSE_DELAY_MS = 10 * 60_000;

export const ROUTER_NAME = 'slipway-router';
/** The two NetworkPolicies of a namespace, where the chart's networkPolicy is on. */
export const NETWORK_POLICY_NAMES = { server: 'slipway-server', router: ROUTER_NAME } as const;
export const ROUTER_PORTS_CONFIGMAP = 'slipway-router-ports';
export const ROUTE_KEY = 'route.json';
export const PACKAGE_KEY = 'sha256';
/** Key of the port allocation inside ROUTER_PORTS_CONFIGMAP. */
export const PORTS_KEY = 'ports.json';

/** Unprivileged user and group of every image of ours. */
export const RUN_AS = 65_532;

export const MODELS_MOUNT = '/mnt/models';
/** Link in MODELS_MOUNT to the fetched package, whose own folder is named after its digest. */
export const PACKAGE_LINK = 'current';
export const PVC_MOUNT = '/mnt/pvc';
/** Where a router keeps its last good table and endpoints (an emptyDir: survives a restart of the container). */
export const ROUTER_STATE_MOUNT = '/var/lib/slipway';

/** Seconds that slipway-fetch may take, retries included. */
export const FETCH_DEADLINE_SECONDS = 600;

/** Seconds a server or router keeps accepting after SIGTERM, so that every caller has seen its removal. */
export const DRAIN_DELAY_SECONDS = 15;

export const revisionName = (isvc: string, hash: string): string => `${isvc}-${hash}`;
export const packageConfigMapName = (revision: string): string => `${revision}-package`;
export const serviceName = (isvc: string): string => isvc;
export const previewServiceName = (isvc: string): string => `${isvc}-preview`;
export const routeConfigMapName = (isvc: string): string => `${isvc}-route`;
export const pdbName = (isvc: string): string => isvc;
export const serviceMonitorName = (isvc: string): string => isvc;
export const urlOf = (service: string, namespace: string): string => `http://${service}.${namespace}.svc.cluster.local`;

/** The longest legal label value that begins as `text`; label values must end in a letter or digit. */
export const labelValue = (text: string): string => text.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 63).replace(/^[._-]+/, '').replace(/[._-]+$/, '');

/** Labels on every child of an InferenceService. Labels of the isvc itself are never copied. */
export function childLabels(isvc: string): Record<string, string> {
  return { [LABELS.managedBy]: MANAGED_BY, [LABELS.inferenceService]: isvc };
}

/** Labels on the pods, Deployment and Service of one revision. */
export function revisionLabels(isvc: string, revision: string): Record<string, string> {
  return {
    ...childLabels(isvc),
    [LABELS.name]: 'slipway-server',
    [LABELS.instance]: isvc,
    [LABELS.component]: 'server',
    [LABELS.revision]: revision,
  };
}

/** Labels on the router's pods and objects in a namespace. */
export function routerLabels(): Record<string, string> {
  return { [LABELS.managedBy]: MANAGED_BY, [LABELS.name]: ROUTER_NAME, [LABELS.component]: 'router' };
}
