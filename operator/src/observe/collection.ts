// Owns one resource type over everything that is watched: one informer for the cluster, or one per watched namespace.
// Must not know what the objects mean.
import { createInformer } from '@slipway/kube';
import type { ChangeHandler, Informer, InformerOptions, KubeObject } from '@slipway/kube';

export interface CollectionOptions<T extends KubeObject> extends Omit<InformerOptions<T>, 'namespace'> {
  /** Watched namespaces; empty means all. */
  namespaces: readonly string[];
}

/** Reads over all watched namespaces. Objects must not be changed by who reads them. */
export interface Collection<T extends KubeObject> {
  get(namespace: string, name: string): T | undefined;
  all(): T[];
  byIndex(index: string, value: string): T[];
  readonly size: number;
  readonly hasSynced: boolean;
  hasSeen(namespace: string, resourceVersion: string): boolean;
  onChange(handler: ChangeHandler<T>): void;
  start(): void;
  stop(): Promise<void>;
}

const EVERYWHERE = '';

/** A collection that has not started. */
export function createCollection<T extends KubeObject>(options: CollectionOptions<T>): Collection<T> {
  const { namespaces, ...rest } = options;
  const scopes = namespaces.length === 0 ? [EVERYWHERE] : namespaces;
  const informers = new Map<string, Informer<T>>(
    scopes.map((namespace) => [namespace, createInformer<T>({ ...rest, ...(namespace === EVERYWHERE ? {} : { namespace }) })]),
  );
  const every = [...informers.values()];
  const of = (namespace: string): Informer<T> | undefined => informers.get(namespace) ?? informers.get(EVERYWHERE);
  return {
    get: (namespace, name) => of(namespace)?.cache.get(namespace, name),
    all: () => every.flatMap(({ cache }) => [...cache.all()]),
    byIndex: (index, value) => every.flatMap(({ cache }) => cache.byIndex(index, value)),
    get size() {
      return every.reduce((sum, { cache }) => sum + cache.size, 0);
    },
    get hasSynced() {
      return every.every(({ cache }) => cache.hasSynced);
    },
    hasSeen: (namespace, resourceVersion) => of(namespace)?.cache.hasSeen(resourceVersion) ?? false,
    onChange: (handler) => every.forEach((informer) => informer.onChange(handler)),
    start: () => every.forEach((informer) => informer.start()),
    stop: async () => void (await Promise.all(every.map((informer) => informer.stop()))),
  };
}
