// Owns what the operator watches: which types, by which labels, cut down how, indexed by what. No Secrets, ever.
// Must not interpret objects.
import { CONFIG_MAPS, CONTROLLER_REVISIONS, DEPLOYMENTS, ENDPOINT_SLICES, NETWORK_POLICIES, PODS, POD_DISRUPTION_BUDGETS, ROLE_BINDINGS, SERVICES, SERVICE_ACCOUNTS } from '@slipway/kube';
import type { Change, Client, Clock, KubeObject, ResourceType } from '@slipway/kube';
import { LABELS, MANAGED_BY, ROUTER_NAME } from '@slipway/api';
import type { Log } from '../runtime/log.ts';
import { INFERENCE_SERVICES, POD_MONITORS, SERVICE_MONITORS } from '../runtime/managed-types.ts';
import { createCollection } from './collection.ts';
import type { Collection } from './collection.ts';
import { createOptionalCollection } from './optional-collection.ts';
import type { OptionalCollection } from './optional-collection.ts';
import { leanChild, leanDeployment, leanEndpointSlice, leanPod, leanRevision } from './shapes.ts';
import type { Deployment, EndpointSlice, Pod, Revision } from './shapes.ts';

/** Index of objects by `namespace/name` of the InferenceService they belong to. */
export const BY_SERVICE = 'service';
/** Index of the routers' objects by namespace. */
export const BY_ROUTER = 'router';
/** Index of InferenceServices by namespace. */
export const BY_NAMESPACE = 'namespace';

export interface CachesOptions {
  client: Client;
  clock: Clock;
  random: () => number;
  log: Log;
  /** Watched namespaces; empty means all. */
  namespaces: readonly string[];
  onChange: (change: Change, type: ResourceType) => void;
  onRestart: (resource: string, cause: string, error?: Error) => void;
  /** ServiceMonitors or PodMonitors can be used from now on, or no longer. */
  onMonitorsServed: () => void;
}

export interface Caches {
  readonly inferenceServices: Collection<KubeObject>;
  readonly revisions: Collection<Revision>;
  readonly deployments: Collection<Deployment>;
  readonly pods: Collection<Pod>;
  readonly endpointSlices: Collection<EndpointSlice>;
  /** Every other child type that is served now. */
  children(): Collection<KubeObject>[];
  readonly serviceMonitors: OptionalCollection;
  readonly podMonitors: OptionalCollection;
  /** The collection of a type, if it is watched now. */
  of(type: ResourceType): Collection<KubeObject> | undefined;
  /** The first resource that is not listed yet; undefined when all are. */
  unsynced(): string | undefined;
  sizes(): [resource: string, count: number][];
  start(): void;
  stop(): Promise<void>;
}

const managed = `${LABELS.managedBy}=${MANAGED_BY}`;

/** `namespace/name` of the InferenceService that an object belongs to, by its labels. */
export function serviceKeyOf(object: KubeObject): string | undefined {
  const name = object.metadata.labels?.[LABELS.inferenceService];
  return name === undefined ? undefined : `${object.metadata.namespace}/${name}`;
}

export const isOfRouter = (object: KubeObject): boolean => object.metadata.labels?.[LABELS.name] === ROUTER_NAME;

const listOf = (value: string | undefined): string[] => (value === undefined ? [] : [value]);
const indexers = {
  [BY_SERVICE]: (object: KubeObject): string[] => listOf(serviceKeyOf(object)),
  [BY_ROUTER]: (object: KubeObject): string[] => (isOfRouter(object) ? listOf(object.metadata.namespace) : []),
};

interface Watched {
  type: ResourceType;
  labelSelector?: string;
  transform?: (object: KubeObject) => KubeObject;
  metadataOnly?: boolean;
}

/** Whether they are as they were applied is in their metadata (runtime/in-place.ts), and of these nothing else is ever looked at. */
const BY_METADATA: ReadonlySet<ResourceType> = new Set([POD_DISRUPTION_BUDGETS, SERVICE_ACCOUNTS, ROLE_BINDINGS, NETWORK_POLICIES]);
const OTHERS: readonly Watched[] = [CONFIG_MAPS, SERVICES, ...BY_METADATA].map((type) => ({ type, labelSelector: managed, transform: leanChild, metadataOnly: BY_METADATA.has(type) }));

/** Makes collections that share everything but the type. */
function factoryFor(options: CachesOptions) {
  const { client, clock, random, namespaces, onChange } = options;
  const onRestart = (type: ResourceType, cause: string, error?: Error): void => options.onRestart(type.plural, cause, error);
  const common = { client, clock, random, namespaces, onRestart };
  return {
    required<T extends KubeObject>(watched: Watched, extra: Record<string, (object: T) => string[]> = indexers): Collection<T> {
      const collection = createCollection<T>({ ...common, ...watched, indexers: extra });
      collection.onChange((change) => onChange(change, watched.type));
      return collection;
    },
    optional(type: ResourceType): OptionalCollection {
      const onObject = (change: Change): void => onChange(change, type);
      return createOptionalCollection({ ...common, type, labelSelector: managed, transform: leanChild, indexers, log: options.log, onObject, onServed: options.onMonitorsServed });
    },
  };
}

class WatchedCaches implements Caches {
  readonly inferenceServices;
  readonly revisions;
  readonly deployments;
  readonly pods;
  readonly endpointSlices;
  readonly serviceMonitors;
  readonly podMonitors;
  private readonly required: ReadonlyMap<ResourceType, Collection<KubeObject>>;
  private readonly optional: ReadonlyMap<ResourceType, OptionalCollection>;

  constructor(options: CachesOptions) {
    const make = factoryFor(options);
    this.inferenceServices = make.required<KubeObject>({ type: INFERENCE_SERVICES }, { [BY_NAMESPACE]: (object) => listOf(object.metadata.namespace) });
    this.revisions = make.required<Revision>({ type: CONTROLLER_REVISIONS, labelSelector: managed, transform: leanRevision });
    this.deployments = make.required<Deployment>({ type: DEPLOYMENTS, labelSelector: managed, transform: leanDeployment });
    this.pods = make.required<Pod>({ type: PODS, labelSelector: managed, transform: leanPod });
    this.endpointSlices = make.required<EndpointSlice>({ type: ENDPOINT_SLICES, labelSelector: LABELS.revision, transform: leanEndpointSlice });
    this.serviceMonitors = make.optional(SERVICE_MONITORS);
    this.podMonitors = make.optional(POD_MONITORS);
    this.required = new Map<ResourceType, Collection<KubeObject>>([
      [INFERENCE_SERVICES, this.inferenceServices],
      [CONTROLLER_REVISIONS, this.revisions],
      [DEPLOYMENTS, this.deployments],
      [PODS, this.pods],
      [ENDPOINT_SLICES, this.endpointSlices],
      ...OTHERS.map((watched): [ResourceType, Collection<KubeObject>] => [watched.type, make.required<KubeObject>(watched)]),
    ]);
    this.optional = new Map([
      [SERVICE_MONITORS, this.serviceMonitors],
      [POD_MONITORS, this.podMonitors],
    ]);
  }

  children(): Collection<KubeObject>[] {
    return [...OTHERS.map(({ type }) => type), SERVICE_MONITORS, POD_MONITORS].flatMap((type) => this.of(type) ?? []);
  }

  of(type: ResourceType): Collection<KubeObject> | undefined {
    return this.required.get(type) ?? this.optional.get(type)?.collection;
  }

  unsynced(): string | undefined {
    return [...this.required, ...this.optional].find(([, collection]) => !collection.hasSynced)?.[0].plural;
  }

  sizes(): [string, number][] {
    return [...this.required.keys(), ...this.optional.keys()].map((type) => [type.plural, this.of(type)?.size ?? 0]);
  }

  start(): void {
    for (const collection of [...this.required.values(), ...this.optional.values()]) collection.start();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.required.values(), ...this.optional.values()].map((collection) => collection.stop()));
  }
}

/** Caches that have not started. */
export const createCaches = (options: CachesOptions): Caches => new WatchedCaches(options);
