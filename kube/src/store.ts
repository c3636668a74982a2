// Owns one collection as a cache: objects by namespace and name, indexes over them, and how far the collection has been seen.
// Must not do I/O. Handlers only take note of names; the cache never waits for them.
import type { Delivery } from './list-watch-machine.ts';
import { hasReached } from './resource-version.ts';
import type { Change, KubeObject } from './types.ts';

/** Names of the index entries an object belongs under. */
export type Indexer<T extends KubeObject> = (object: T) => readonly string[];
export type ChangeHandler<T extends KubeObject> = (change: Change<T>) => void;

export const keyOf = (namespace: string | undefined, name: string): string => (namespace === undefined ? name : `${namespace}/${name}`);

/** Reads of a cached collection. Objects must not be changed by who reads them. */
export interface Reader<T extends KubeObject> {
  get(namespace: string | undefined, name: string): T | undefined;
  /** Every object, in no order. */
  all(): IterableIterator<T>;
  /** Objects that an index lists under a value, sorted by key. */
  byIndex(index: string, value: string): T[];
  readonly size: number;
  /** True once the first list is complete. */
  readonly hasSynced: boolean;
  /** Resolves once the first list is complete. */
  whenSynced(): Promise<void>;
  /** True if this cache has shown everything up to that resourceVersion of its type. */
  hasSeen(resourceVersion: string): boolean;
}

export interface Store<T extends KubeObject> extends Reader<T> {
  /** Takes what a list-watch tells. */
  take(delivery: Delivery): void;
  /** Calls for every change from now on. */
  onChange(handler: ChangeHandler<T>): void;
}

class Index<T extends KubeObject> {
  private readonly keys = new Map<string, Set<string>>();
  private readonly indexer: Indexer<T>;

  constructor(indexer: Indexer<T>) {
    this.indexer = indexer;
  }

  add(key: string, object: T): void {
    for (const value of this.indexer(object)) {
      const keys = this.keys.get(value);
      if (keys === undefined) this.keys.set(value, new Set([key]));
      else keys.add(key);
    }
  }

  remove(key: string, object: T): void {
    for (const value of this.indexer(object)) {
      const keys = this.keys.get(value);
      keys?.delete(key);
      if (keys?.size === 0) this.keys.delete(value);
    }
  }

  keysUnder(value: string): string[] {
    return [...(this.keys.get(value) ?? [])].sort();
  }
}

class CachedCollection<T extends KubeObject> implements Store<T> {
  private readonly objects = new Map<string, T>();
  private readonly indexes: Map<string, Index<T>>;
  private readonly handlers: ChangeHandler<T>[] = [];
  private readonly synced = Promise.withResolvers<void>();
  /** Keys that the list under way has not named yet. */
  private unnamed: Set<string> | undefined;
  private seen = '';
  hasSynced = false;

  constructor(indexers: Readonly<Record<string, Indexer<T>>>) {
    this.indexes = new Map(Object.entries(indexers).map(([name, indexer]) => [name, new Index(indexer)]));
  }

  get size(): number {
    return this.objects.size;
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.objects.get(keyOf(namespace, name));
  }

  all(): IterableIterator<T> {
    return this.objects.values();
  }

  byIndex(index: string, value: string): T[] {
    const found = this.indexes.get(index);
    if (found === undefined) throw new RangeError(`no index ${index}`);
    return found.keysUnder(value).flatMap((key) => this.objects.get(key) ?? []);
  }

  whenSynced(): Promise<void> {
    return this.synced.promise;
  }

  hasSeen(resourceVersion: string): boolean {
    return hasReached(this.seen, resourceVersion);
  }

  onChange(handler: ChangeHandler<T>): void {
    this.handlers.push(handler);
  }

  take(delivery: Delivery): void {
    switch (delivery.type) {
      case 'Begin':
        this.unnamed = new Set(this.objects.keys());
        return;
      case 'Items':
        for (const item of delivery.items) this.upsert(item as T);
        return;
      case 'Listed':
        return this.finishList(delivery.resourceVersion);
      case 'Upsert':
        return this.upsert(delivery.object as T);
      case 'Remove':
        return this.remove(keyOf(delivery.object.metadata.namespace, delivery.object.metadata.name), delivery.object as T);
      case 'Progress':
        this.seen = delivery.resourceVersion;
    }
  }

  private finishList(resourceVersion: string): void {
    for (const key of this.unnamed ?? []) this.remove(key);
    this.unnamed = undefined;
    this.seen = resourceVersion;
    this.hasSynced = true;
    this.synced.resolve();
  }

  private upsert(object: T): void {
    const key = keyOf(object.metadata.namespace, object.metadata.name);
    this.unnamed?.delete(key);
    const before = this.objects.get(key);
    if (before !== undefined && before.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.objects.set(key, object);
    for (const index of this.indexes.values()) {
      if (before !== undefined) index.remove(key, before);
      index.add(key, object);
    }
    this.tell(before === undefined ? { type: 'Added', object } : { type: 'Updated', object, before });
  }

  /** `last` is the object's final state, when the watch told it; a list only shows that it is gone. */
  private remove(key: string, last?: T): void {
    const before = this.objects.get(key);
    if (before === undefined) return;
    this.objects.delete(key);
    for (const index of this.indexes.values()) index.remove(key, before);
    this.tell({ type: 'Deleted', object: last ?? before, before });
  }

  private tell(change: Change<T>): void {
    for (const handler of this.handlers) handler(change);
  }
}

/** An empty cache. */
export function createStore<T extends KubeObject>(indexers: Readonly<Record<string, Indexer<T>>> = {}): Store<T> {
  return new CachedCollection(indexers);
}
