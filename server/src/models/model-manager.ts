// Owns the life of models: finds them, loads, loads lazily, swaps, unloads. The one place that changes the registry.
// Must not know requests or protocols.
import type { ModelState, Reason } from '@slipway/api';
import { LoadError } from '../backends/backend.ts';
import type { WorkerPool } from '../backends/worker-pool.ts';
import type { RanBatch } from '../batching/batcher.ts';
import { InferenceError } from '../inference/errors.ts';
import type { ServingSpec } from '../inference/spec.ts';
import { expectedBytes, loadedBytes } from './footprint.ts';
import { Lanes } from './lanes.ts';
import { loadModel, type LoaderOptions } from './loader.ts';
import { closeModel, type Model } from './model.ts';
import { ModelMemory, type Booking } from './model-memory.ts';
import { folderOf, readPackage, type PackageOnDisk } from './model-package.ts';
import { stateOf } from './model-state.ts';
import { Entry, Registry } from './registry.ts';
import { listModels, type Listed } from './repository.ts';
import { threadPlan } from './thread-plan.ts';

export interface ManagerOptions extends LoaderOptions {
  behindRouter: boolean;
  /** Name and version to serve a single package under, instead of its own. */
  modelName: string | undefined;
  modelVersion: string | undefined;
  /** `<isvc>-<hash>`; the hash is the version of a package that has none. */
  revision: string | undefined;
  /** Load on the first call instead of at the start. */
  lazy: boolean;
  /** Bytes that models may take together; those that wait for calls give way to each other within it. Absent: no limit. */
  modelMemoryBytes?: number;
}

export interface ManagerEvents {
  changed(entry: Entry): void;
  loaded(entry: Entry, model: Model, ms: number): void;
  /** Unloaded to make room; its next call loads it again. */
  evicted(entry: Entry): void;
  batch(spec: ServingSpec, batch: RanBatch): void;
  workerLost(spec: ServingSpec, why: string, delayMs: number): void;
  /** Another model ended its worker or keeps it. */
  moved(spec: ServingSpec): void;
  /** Shares its workers with no other model from now on. */
  alone(spec: ServingSpec, why: string): void;
}

export const NO_EVENTS: ManagerEvents = { changed: () => undefined, loaded: () => undefined, evicted: () => undefined, batch: () => undefined, workerLost: () => undefined, moved: () => undefined, alone: () => undefined };

export interface LoadOptions {
  lazy?: boolean;
  aliases?: readonly string[];
  digest?: string;
}

/** More at once would only take the CPUs from each other. */
const LOADS_AT_ONCE = 2;

export class ModelManager {
  readonly registry: Registry;
  readonly memory: ModelMemory;
  /** What each loaded version has booked. */
  readonly #booked = new Map<Entry, Booking>();
  /** Loads that calls wait for. */
  readonly #lanes = new Lanes(LOADS_AT_ONCE);
  readonly #pool: WorkerPool;
  readonly #options: ManagerOptions;
  readonly #events: ManagerEvents;
  /** Why nothing could be listed at the start, if so. */
  #startFault: LoadError | undefined;
  /** Where models are found again by their name. */
  #root: string | undefined;

  constructor(pool: WorkerPool, options: ManagerOptions, events: ManagerEvents = NO_EVENTS) {
    this.#pool = pool;
    this.#options = options;
    this.#events = events;
    this.registry = new Registry({ behindRouter: options.behindRouter });
    this.memory = new ModelMemory({ limitBytes: options.modelMemoryBytes ?? Infinity, workerBytes: () => pool.workerBytes, evict: (resident) => this.#evict(resident as Entry) });
  }

  get startFault(): LoadError | undefined {
    return this.#startFault;
  }

  /** Finds and loads everything under a folder. A model that fails is reported in its entry and stops no other. */
  async loadFrom(root: string): Promise<void> {
    let listed: Listed[];
    this.#root = root;
    try {
      listed = listModels(root);
    } catch (error) {
      this.#startFault = asLoadError(error);
      return;
    }
    const single = listed.length === 1 && (this.#options.modelName !== undefined || this.#options.behindRouter);
    // One model has all that there is, whatever it is: its package need not be read for that.
    const planned = this.#options.lazy || listed.length === 1 ? undefined : this.#pool.budget.plan(await threadPlan(listed, this.#options));
    const waiting = [...listed];
    const loadNext = async (): Promise<void> => {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await this.#loadListed(item, single).catch(() => undefined);
    };
    await Promise.all(Array.from({ length: LOADS_AT_ONCE }, loadNext));
    planned?.();
  }

  /**
   * Loads a model from a folder (a path or a file:// URL) and serves it once it is warm; a version of that name and number
   * that is loaded already is swapped out without a lost call.
   * @throws LoadError naming the file; InferenceError model_conflict while the same version is being loaded.
   */
  async loadModel(name: string, url: string, version: string, options: LoadOptions = {}): Promise<Entry> {
    const folder = folderOf(url);
    const entry = new Entry(name, version, options.aliases ?? []);
    if (options.digest !== undefined) entry.digest = options.digest;
    if (options.lazy === true) {
      this.#makeLazy(entry, folder);
      return entry;
    }
    await this.#loadOver(entry, folder);
    return entry;
  }

  /**
   * Loads (again) every version of a model that lies in the folder of models, under the name that its package or folder gives it.
   * @throws InferenceError malformed_request if there is none, or with what the first version failed with
   */
  async loadNamed(name: string): Promise<void> {
    const found = await this.#listNamed(name);
    if (found.length === 0) throw new InferenceError('malformed_request', `failed to load '${name}', failed to poll from model repository: there is no such model in the folder of models`);
    for (const listed of found) await this.#loadListed(listed, false).catch(() => undefined);
    const failed = this.registry.entries().find((entry) => entry.name === name && entry.phase === 'Failed');
    if (failed?.message !== undefined) throw new InferenceError('malformed_request', `failed to load '${name}', ${failed.reason ?? ''}: ${failed.message}`);
  }

  /**
   * Takes a version (or all versions) of a model out of the table, waits for the calls that use it, and unloads it.
   * @throws InferenceError model_not_found
   */
  async unload(name: string, version?: string): Promise<void> {
    const entries = this.registry.entries().filter((entry) => entry.name === name && (version === undefined || entry.version === version));
    if (entries.length === 0) throw new InferenceError('model_not_found', `There is no model ${name}${version === undefined ? '' : ` ${version}`}.`);
    await Promise.all(entries.map((entry) => this.#retire(entry)));
  }

  async #listNamed(name: string): Promise<Listed[]> {
    const listed = this.#root === undefined ? [] : listModels(this.#root);
    const names = await Promise.all(listed.map(async (one) => (await readPackage(one.folder, this.#options.format).catch(() => undefined))?.manifest?.name ?? one.name));
    return listed.filter((_, index) => names[index] === name);
  }

  /** What is known of every version. */
  metadata(): ModelState[] {
    return this.registry.entries().map(stateOf);
  }

  async close(): Promise<void> {
    await Promise.all(this.registry.entries().map((entry) => this.#retire(entry)));
    await this.#pool.close();
  }

  async #loadListed(listed: Listed, single: boolean): Promise<void> {
    const entryOf = (files: PackageOnDisk | undefined): Entry => {
      const name = (single ? this.#options.modelName : undefined) ?? files?.manifest?.name ?? listed.name;
      const entry = new Entry(name, this.#versionOf(listed, files, single), single ? aliasesOf(name, files, listed) : []);
      entry.digest = listed.digest;
      return entry;
    };
    let entry: Entry;
    try {
      entry = entryOf(await readPackage(listed.folder, this.#options.format));
    } catch (error) {
      entry = entryOf(undefined);
      this.registry.put(entry);
      this.#fail(entry, error);
      return;
    }
    if (this.#options.lazy) this.#makeLazy(entry, listed.folder);
    else await this.#loadOver(entry, listed.folder);
  }

  #versionOf(listed: Listed, files: PackageOnDisk | undefined, single: boolean): string {
    const asked = single ? this.#options.modelVersion : undefined;
    const hash = this.#options.revision?.split('-').at(-1);
    return asked ?? files?.manifest?.version ?? listed.version ?? hash ?? '1';
  }

  /** A call loads it; several first calls share one load. It gives way when others need its memory. */
  #makeLazy(entry: Entry, folder: string): void {
    let loading: Promise<void> | undefined;
    entry.onIdle = () => { this.memory.poke(); };
    entry.wake = () => (loading ??= this.#wake(entry, folder).finally(() => { loading = undefined; }));
    const old = this.registry.put(entry);
    this.#changed(entry, 'Pending');
    if (old !== undefined) void this.#retire(old);
  }

  /** @throws InferenceError memory_exhausted; what the package has wrong is in the entry */
  async #wake(entry: Entry, folder: string): Promise<void> {
    try {
      const files = await readPackage(folder, this.#options.format);
      this.#booked.set(entry, await this.memory.take(entry, expectedBytes(this.#pool, files, this.#options)));
      await this.#lanes.run(() => this.#load(entry, folder));
    } catch (error) {
      this.#unbook(entry);
      if (!(error instanceof InferenceError)) {
        this.#fail(entry, error);
        return;
      }
      this.#changed(entry, 'Pending');
      throw error;
    }
  }

  /** Calls that come from now on load it again. */
  async #evict(entry: Entry): Promise<void> {
    const { model } = entry;
    entry.model = undefined;
    entry.loadedAt = undefined;
    this.#booked.delete(entry);
    this.#changed(entry, 'Pending');
    this.#events.evicted(entry);
    if (model !== undefined) await closeModel(model);
  }

  #unbook(entry: Entry): void {
    const booking = this.#booked.get(entry);
    this.#booked.delete(entry);
    if (booking !== undefined) this.memory.free(booking);
  }

  /** A version that serves stays in the table until the new one is warm: the swap is one assignment. */
  async #loadOver(entry: Entry, folder: string): Promise<void> {
    const present = this.registry.find(entry.name, entry.version);
    if (present?.phase === 'Loading' || present?.phase === 'WarmingUp') {
      throw new InferenceError('model_conflict', `Model ${entry.name} ${entry.version} is being loaded already.`);
    }
    const replaces = present?.phase === 'Ready';
    if (!replaces) this.registry.put(entry);
    try {
      await this.#load(entry, folder, present?.model);
    } catch (error) {
      this.#fail(entry, error);
      throw error;
    }
    if (!replaces) return;
    this.registry.put(entry);
    await this.#retire(present);
  }

  async #load(entry: Entry, folder: string, replaces?: Model): Promise<void> {
    const started = performance.now();
    this.#changed(entry, 'Loading');
    const files = await readPackage(folder, this.#options.format);
    const job = { identity: { name: entry.name, version: entry.version }, files, digest: entry.digest, replaces };
    const model = await loadModel(this.#pool, job, this.#options, {
      phase: (phase) => { this.#changed(entry, phase); },
      batch: (spec, batch) => { this.#events.batch(spec, batch); },
      lost: (spec, why, delayMs) => { this.#events.workerLost(spec, why, delayMs); },
      moved: (spec) => { this.#events.moved(spec); },
      alone: (spec, why) => { this.#events.alone(spec, why); },
    });
    const bytes = loadedBytes(model);
    const booking = this.#booked.get(entry);
    if (booking === undefined) this.#booked.set(entry, this.memory.book(entry, bytes));
    else this.memory.settle(booking, bytes);
    entry.model = model;
    entry.loadedAt = new Date();
    this.#changed(entry, 'Ready');
    this.#events.loaded(entry, model, performance.now() - started);
  }

  async #retire(entry: Entry): Promise<void> {
    this.registry.remove(entry);
    this.#changed(entry, 'Unloading');
    await entry.unused();
    const { model } = entry;
    entry.model = undefined;
    if (model !== undefined) await closeModel(model);
    this.#unbook(entry);
  }

  #fail(entry: Entry, error: unknown): void {
    const fault = asLoadError(error);
    entry.reason = fault.reason;
    entry.message = fault.message;
    this.#changed(entry, 'Failed');
  }

  #changed(entry: Entry, phase: Entry['phase']): void {
    entry.phase = phase;
    this.#events.changed(entry);
  }
}

/** The names a single package also answers to: its own, and its folder's if it has none. */
function aliasesOf(name: string, files: PackageOnDisk | undefined, listed: Listed): string[] {
  return [files?.manifest?.name ?? listed.name].filter((alias) => alias !== name);
}

function asLoadError(error: unknown): LoadError {
  if (error instanceof LoadError) return error;
  const reason: Reason = 'ModelParseFailed';
  return new LoadError(reason, error instanceof Error ? error.message : String(error), error);
}
