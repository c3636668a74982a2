// Owns where the routes come from in a cluster: ConfigMaps and EndpointSlices of the router's own namespace, by label.
// Must not know what the texts mean or how requests are served.
import { LABELS, ROUTE_KEY } from '@slipway/api';
import { CONFIG_MAPS, ENDPOINT_SLICES, connect, createClient, createInformer, createTransport, systemClock } from '@slipway/kube';
import type { Client, Clock, Informer, KubeObject } from '@slipway/kube';
import type { Log } from './log.ts';
import type { Routes } from './routes.ts';
import { addressesOf, lastKnownOf, unreadyOf } from './table/endpoints.ts';
import type { Slice, SliceEndpoint } from './table/endpoints.ts';

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

interface EndpointSlice extends KubeObject {
  endpoints?: SliceEndpoint[] | null;
}

export interface FollowOptions {
  client: Client;
  clock: Clock;
  namespace: string;
  routes: Routes;
  log: Log;
  random: () => number;
  /** Milliseconds that the endpoints of a revision without any slice stay what they were; see RoutesOptions. */
  withdrawDelayMs: number;
}

export interface Following {
  stop(): Promise<void>;
}

const textOf = (map: ConfigMap): string => map.data?.[ROUTE_KEY] ?? '';

const sourceOf = (map: ConfigMap): string => map.metadata.name;

/** What is there is offered at once, what changes from now on as it does. */
function followRoutes(informer: Informer<ConfigMap>, routes: Routes): void {
  for (const map of informer.cache.all()) routes.offer(sourceOf(map), textOf(map));
  informer.onChange(({ type, object }) => {
    if (type === 'Deleted') routes.withdraw(sourceOf(object));
    else routes.offer(sourceOf(object), textOf(object));
  });
}

const sliceOf = (slice: EndpointSlice): Slice => ({ revision: slice.metadata.labels?.[LABELS.revision] ?? '', endpoints: slice.endpoints ?? [] });

/**
 * Many slices change at once during a rollout: they are read once per turn of the event loop, and not before `begin`, which reads
 * what is there.
 */
function followEndpoints(options: FollowOptions, informer: Informer<EndpointSlice>): { begin: () => void } {
  const gone = new Map<string, Slice>();
  let begun = false;
  let pending = false;
  const read = (): void => {
    pending = false;
    const slices = [...informer.cache.all()].map(sliceOf);
    options.routes.setAddresses(addressesOf([...slices, ...lastKnownOf(slices, gone.values())]), unreadyOf(slices));
  };
  const soon = (): void => {
    if (pending || !begun) return;
    pending = true;
    setImmediate(read);
  };
  const leave = (name: string, slice: Slice): void => {
    if (gone.get(name) === slice) gone.delete(name);
    soon();
  };
  informer.onChange(({ type, object, before }) => {
    const { name } = object.metadata;
    if (type !== 'Deleted') gone.delete(name);
    else {
      // Deleted by hand, the Service of a revision comes back with other slices: until then its pods are where they were.
      const slice = sliceOf(before ?? object);
      gone.set(name, slice);
      options.clock.after(options.withdrawDelayMs, () => leave(name, slice));
    }
    soon();
  });
  return {
    begin: () => {
      begun = true;
      read();
    },
  };
}

function informerOf<T extends KubeObject>(options: FollowOptions, type: typeof CONFIG_MAPS, labelSelector: string): Informer<T> {
  const { client, clock, namespace, random, log } = options;
  const onRestart = (_type: typeof CONFIG_MAPS, because: string): void => log.warn({ resource: type.plural, because }, 'watch restarts; the table before keeps serving');
  return createInformer<T>({ client, clock, namespace, random, type, labelSelector, onRestart });
}

/**
 * Follows both collections for ever; outages leave the routes as they are. Nothing is taken in before both were read: a route without
 * its addresses would answer 503, and be kept on disk as if it were all there is.
 */
export function followKubernetes(options: FollowOptions): Following {
  const { routes, log } = options;
  const entries = informerOf<ConfigMap>(options, CONFIG_MAPS, `${LABELS.route}=true`);
  const slices = informerOf<EndpointSlice>(options, ENDPOINT_SLICES, LABELS.revision);
  const endpoints = followEndpoints(options, slices);
  entries.start();
  slices.start();
  void Promise.all([entries.cache.whenSynced(), slices.cache.whenSynced()]).then(() => {
    endpoints.begin();
    followRoutes(entries, routes);
    routes.markSynced(new Set([...entries.cache.all()].map(sourceOf)));
    log.info({ entries: routes.table.entries.size }, 'table read from Kubernetes');
  });
  return { stop: async () => void (await Promise.all([entries.stop(), slices.stop()])) };
}

export interface ClusterOptions extends Omit<FollowOptions, 'client' | 'clock'> {
  /** Usually process.env. */
  env: Readonly<Record<string, string | undefined>>;
}

/** Follows the cluster that this process belongs to, or that its kubeconfig names. Rejects only if there is none. */
export async function followCluster({ env, ...options }: ClusterOptions): Promise<Following> {
  const clock = systemClock;
  const connection = await connect({ env, clock });
  const client = createClient(createTransport({ connection, clock, userAgent: 'slipway-router' }));
  return followKubernetes({ ...options, client, clock });
}
