// Owns following one collection for ever: it carries out the commands of the pure machine, one at a time, and tells a sink.
// Must not know what is done with the objects. It never gives up and never throws; only `stop` ends it.
import type { Backoff } from './backoff.ts';
import type { Client, Selection } from './client.ts';
import { sleep } from './clock.ts';
import type { Clock } from './clock.ts';
import { TransportError, transportErrorOf } from './errors.ts';
import { step } from './list-watch-machine.ts';
import type { Delivery, ListWatchCommand, ListWatchInput, ListWatchState } from './list-watch-machine.ts';
import { apiVersionOf } from './resources.ts';
import type { ResourceType } from './resources.ts';
import type { KubeObject, WatchEvent } from './types.ts';

/** Receives what the collection holds. Handlers must only take note: no waiting, no throwing. */
export type Sink = (delivery: Delivery) => void;

export interface ListWatchOptions extends Selection {
  client: Client;
  type: ResourceType;
  sink: Sink;
  clock: Clock;
  /** A number in [0,1). */
  random: () => number;
  /** Cuts objects down to what is needed, to save memory. Default: drops managedFields. */
  transform?: (object: KubeObject) => KubeObject;
  /** Objects per page. */
  pageLimit?: number;
  /** Milliseconds without a byte after which a watch counts as half-open. Must exceed the bookmarks' minute. */
  inactivityMs?: number;
  backoff?: Backoff;
  /** A list or watch had to be started over; `error` when it failed rather than ended. */
  onRestart?: (type: ResourceType, because: string, error?: Error) => void;
}

export interface ListWatch {
  /** Resolves when the last request has ended. */
  stop(): Promise<void>;
}

const PAGE_LIMIT = 500;
/** The API server sends a bookmark every minute. */
const INACTIVITY_MS = 100_000;
/** The server ends a watch after 5 to 10 minutes, so that connections spread over API servers again. */
const WATCH_SECONDS = 300;
const BACKOFF: Backoff = { baseMs: 200, maxMs: 30_000, factor: 2 };

/** Removes managedFields, often the largest part of an object and never needed in a cache. */
export function dropManagedFields(object: KubeObject): KubeObject {
  delete object.metadata.managedFields;
  return object;
}

/** The effects behind the machine's commands. Holds the open stream between reads. */
class Hands {
  private readonly options: ListWatchOptions;
  private readonly signal: AbortSignal;
  private stream: AsyncIterator<WatchEvent> | undefined;

  constructor(options: ListWatchOptions, signal: AbortSignal) {
    this.options = options;
    this.signal = signal;
  }

  /** Carries out one command; its outcome is the next input. Never rejects. */
  async perform(command: ListWatchCommand): Promise<ListWatchInput> {
    try {
      if (command.do !== 'Read') await this.letGo();
      const outcome = await this.act(command);
      return this.signal.aborted ? { type: 'Stop' } : outcome;
    } catch (error) {
      if (this.signal.aborted) return { type: 'Stop' };
      return { type: 'Failed', error: transportErrorOf(error, `following ${this.options.type.plural}`) };
    }
  }

  /** Ends the open stream, if there is one. */
  async letGo(): Promise<void> {
    const stream = this.stream;
    this.stream = undefined;
    await stream?.return?.().catch(() => undefined);
  }

  private async act(command: ListWatchCommand): Promise<ListWatchInput> {
    switch (command.do) {
      case 'List':
        return this.list(command.continue);
      case 'Watch':
        return this.open(command.resourceVersion);
      case 'Read':
        return this.read();
      case 'Wait':
        await sleep(this.options.clock, command.ms, this.signal);
        return { type: 'Waited' };
      case 'End':
        return { type: 'Stop' };
    }
  }

  private async list(continueToken: string | undefined): Promise<ListWatchInput> {
    const { client, type, pageLimit = PAGE_LIMIT } = this.options;
    const page = await client.list(type, { ...this.selection(), limit: pageLimit, continue: continueToken, signal: this.signal });
    const { resourceVersion } = page.metadata;
    if (resourceVersion === undefined || resourceVersion === '') throw new TransportError('BadAnswer', `a list of ${type.plural} without a version`);
    return { type: 'Page', items: page.items, resourceVersion, continue: page.metadata.continue };
  }

  private async open(resourceVersion: string): Promise<ListWatchInput> {
    const { client, type, random, inactivityMs = INACTIVITY_MS } = this.options;
    const timeoutSeconds = Math.round(WATCH_SECONDS * (1 + random()));
    const events = await client.watch(type, { ...this.selection(), resourceVersion, timeoutSeconds, inactivityMs, signal: this.signal });
    this.stream = events[Symbol.asyncIterator]();
    return { type: 'Opened' };
  }

  private async read(): Promise<ListWatchInput> {
    const next = await this.stream?.next();
    return next === undefined || next.done === true ? { type: 'Ended' } : { type: 'Event', event: next.value };
  }

  private selection(): Selection {
    const { namespace, labelSelector, fieldSelector, metadataOnly } = this.options;
    return { namespace, labelSelector, fieldSelector, metadataOnly };
  }
}

/** Gives objects the type they were asked as (lists and metadata-only answers leave it out) and cuts them down. */
function shaper(options: ListWatchOptions): (delivery: Delivery) => Delivery {
  const { type, transform = dropManagedFields } = options;
  const apiVersion = apiVersionOf(type);
  const shape = (object: KubeObject): KubeObject => transform(Object.assign(object, { apiVersion, kind: type.kind }));
  return (delivery) => {
    switch (delivery.type) {
      case 'Items':
        return { type: 'Items', items: delivery.items.map(shape) };
      case 'Upsert':
      case 'Remove':
        return { type: delivery.type, object: shape(delivery.object) };
      default:
        return delivery;
    }
  };
}

async function follow(options: ListWatchOptions, hands: Hands): Promise<void> {
  const { sink, clock, random, onRestart, backoff = BACKOFF } = options;
  const shape = shaper(options);
  let state: ListWatchState = { phase: 'Empty' };
  let input: ListWatchInput = { type: 'Start' };
  for (;;) {
    const next = step(state, input, { now: clock.monotonic(), roll: random(), backoff });
    for (const delivery of next.deliveries) sink(shape(delivery));
    if (next.restart !== undefined) onRestart?.(options.type, next.restart, input.type === 'Failed' ? input.error : undefined);
    if (next.command.do === 'End') return hands.letGo();
    state = next.state;
    input = await hands.perform(next.command);
  }
}

/** Starts following a collection. */
export function listWatch(options: ListWatchOptions): ListWatch {
  const abort = new AbortController();
  const done = follow(options, new Hands(options, abort.signal));
  return {
    stop: async () => {
      abort.abort();
      await done;
    },
  };
}
