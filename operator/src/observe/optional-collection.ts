// Owns a collection of a type that may not exist: it is followed while its CRD does, and asked for again when the CRD changes.
// Must not treat "cannot tell" as "no": until the API server has answered, the last answer stands.
import { isServed, sleep, watchDefinition } from '@slipway/kube';
import type { KubeObject } from '@slipway/kube';
import type { Log } from '../runtime/log.ts';
import { createCollection } from './collection.ts';
import type { Collection, CollectionOptions } from './collection.ts';

export interface OptionalCollection {
  /** Undefined while the type is not served, or not listed yet. */
  readonly collection: Collection<KubeObject> | undefined;
  /** Why the objects of a type that is served cannot be listed, in the API server's words: its CRD is broken, or rights are missing. */
  readonly trouble: string | undefined;
  /** True once it is known whether the type is served and, if so, its objects are listed; or once that has taken too long to wait for. */
  readonly hasSynced: boolean;
  start(): void;
  stop(): Promise<void>;
}

export interface OptionalCollectionOptions extends CollectionOptions<KubeObject> {
  log: Log;
  /** Calls for every change of an object, once it is followed. */
  onObject: Parameters<Collection<KubeObject>['onChange']>[0];
  /** The type came, went, got into trouble or out of it, or its definition changed. */
  onServed: () => void;
}

/** Milliseconds between two questions: until a new CRD is established, and as a safety net afterwards. */
const ASK_SOON_MS = 1_000;
const ASK_RARELY_MS = 5 * 60_000;
/** Milliseconds after which the operator starts without an answer: nothing optional may hold it up. */
const PATIENCE_MS = 10_000;
/** Milliseconds between two looks whether the first list has arrived. */
const LOOK_MS = 50;
/** Questions in quick succession after a CRD has changed. */
const SOON_TRIES = 30;

class ServedWhenDefined implements OptionalCollection {
  private readonly options: OptionalCollectionOptions;
  private readonly stopping = new AbortController();
  private readonly definition;
  private current: Collection<KubeObject> | undefined;
  private known = false;
  private problem: string | undefined;
  private startedAt: number | undefined;
  private soon = 0;
  private wake = new AbortController();
  private loop: Promise<void> | undefined;

  constructor(options: OptionalCollectionOptions) {
    this.options = options;
    const { client, clock, random, onRestart } = options;
    this.definition = watchDefinition(options.type, { client, clock, random, ...(onRestart === undefined ? {} : { onRestart }) });
    this.definition.onChange(() => this.askSoon());
  }

  get trouble(): string | undefined {
    return this.current === undefined || this.current.hasSynced ? undefined : this.problem;
  }

  get collection(): Collection<KubeObject> | undefined {
    return this.current?.hasSynced === true ? this.current : undefined;
  }

  get hasSynced(): boolean {
    return (this.known && this.current?.hasSynced !== false) || (this.startedAt !== undefined && this.options.clock.monotonic() - this.startedAt >= PATIENCE_MS);
  }

  start(): void {
    this.startedAt ??= this.options.clock.monotonic();
    this.definition.start();
    this.loop ??= this.keepAsking();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake.abort();
    await Promise.all([this.loop, this.definition.stop()]);
    await this.current?.stop();
  }

  private askSoon(): void {
    this.soon = SOON_TRIES;
    this.wake.abort();
    if (this.known) this.options.onServed();
  }

  private async keepAsking(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      await this.ask();
      this.soon = Math.max(0, this.soon - 1);
      if (this.stopping.signal.aborted) return;
      this.wake = new AbortController();
      await sleep(this.options.clock, this.soon > 0 || !this.known ? ASK_SOON_MS : ASK_RARELY_MS, this.wake.signal);
    }
  }

  private async ask(): Promise<void> {
    const { client, type, log } = this.options;
    try {
      const served = await isServed(client, type);
      if (served !== (this.current !== undefined)) await this.turn(served);
      this.known = true;
    } catch (error) {
      log.debug({ err: error, resource: type.plural }, 'cannot tell whether the type is served');
    }
  }

  private async turn(served: boolean): Promise<void> {
    const { onServed, onObject, log, type } = this.options;
    const before = this.current;
    this.problem = undefined;
    this.current = served ? createCollection({ ...this.options, onRestart: (...why) => this.noteRestart(...why) }) : undefined;
    this.soon = 0;
    log.info({ resource: type.plural, served }, served ? 'the type is served now' : 'the type is not served any more');
    await before?.stop();
    this.current?.onChange(onObject);
    this.current?.start();
    if (this.current === undefined) onServed();
    else void this.tellOnceListed(this.current);
  }

  /** The plan is told about the type only when its objects are known; else each would be looked up one by one. */
  private async tellOnceListed(collection: Collection<KubeObject>): Promise<void> {
    while (!collection.hasSynced) {
      if (this.stopping.signal.aborted || this.current !== collection) return;
      await sleep(this.options.clock, LOOK_MS, this.stopping.signal);
    }
    this.options.onServed();
  }

  /** What cannot be listed is told once, not with every try. */
  private noteRestart(...[type, because, error]: Parameters<NonNullable<OptionalCollectionOptions['onRestart']>>): void {
    this.options.onRestart?.(type, because, error);
    const before = this.trouble;
    if (error !== undefined) this.problem = `the API server does not list ${type.plural}: ${error.message}`;
    if (this.trouble !== before) this.options.onServed();
  }
}

/** An optional collection that has not started. */
export const createOptionalCollection = (options: OptionalCollectionOptions): OptionalCollection => new ServedWhenDefined(options);
