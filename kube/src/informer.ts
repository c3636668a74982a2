// Owns the pair of a list-watch and the cache it fills. Must not know kinds.
import { listWatch } from './list-watch.ts';
import type { ListWatch, ListWatchOptions } from './list-watch.ts';
import { createStore } from './store.ts';
import type { ChangeHandler, Indexer, Reader } from './store.ts';
import type { KubeObject } from './types.ts';

export interface InformerOptions<T extends KubeObject> extends Omit<ListWatchOptions, 'sink'> {
  /** Named indexes over the cached objects. */
  indexers?: Readonly<Record<string, Indexer<T>>>;
}

export interface Informer<T extends KubeObject> {
  readonly cache: Reader<T>;
  /** Calls for every change from now on; register before `start` to miss nothing. */
  onChange(handler: ChangeHandler<T>): void;
  /** Starts following; further calls do nothing. */
  start(): void;
  /** Ends following; the cache keeps what it last knew. */
  stop(): Promise<void>;
}

/** An informer that has not started. */
export function createInformer<T extends KubeObject>(options: InformerOptions<T>): Informer<T> {
  const store = createStore<T>(options.indexers);
  let following: ListWatch | undefined;
  return {
    cache: store,
    onChange: (handler) => store.onChange(handler),
    start: () => void (following ??= listWatch({ ...options, sink: (delivery) => store.take(delivery) })),
    stop: async () => following?.stop(),
  };
}
