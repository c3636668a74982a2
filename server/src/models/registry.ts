// Owns the table of models that can be asked for: names, versions, leases. A change is one assignment of a new table;
// a lease keeps a version loaded until its call is answered. Must not load or run anything.
import type { ModelState } from '@slipway/api';
import { InferenceError } from '../inference/errors.ts';
import type { ServingSpec } from '../inference/spec.ts';
import { compareVersions, highestVersion } from '../inference/versions.ts';
import type { Model } from './model.ts';

export type Phase = ModelState['phase'];

/** One version of one model, from its first mention to its end. */
export class Entry {
  readonly name: string;
  readonly version: string;
  readonly aliases: readonly string[];
  phase: Phase = 'Pending';
  reason: string | undefined;
  message: string | undefined;
  model: Model | undefined;
  loadedAt: Date | undefined;
  digest: string | undefined;
  /** Loads a version that waits for its first call. */
  wake: (() => Promise<void>) | undefined;
  /** Milliseconds on the monotonic clock: when a call last took it or gave it back. */
  lastUsed = 0;
  /** Told when the last call gave it back. */
  onIdle: () => void = () => undefined;
  #leases = 0;
  #idle: (() => void)[] = [];

  constructor(name: string, version: string, aliases: readonly string[] = []) {
    this.name = name;
    this.version = version;
    this.aliases = aliases;
  }

  get leases(): number {
    return this.#leases;
  }

  /** Loaded, in no use, and loaded again by its next call. */
  get idle(): boolean {
    return this.#leases === 0 && this.phase === 'Ready' && this.wake !== undefined;
  }

  /** Whether a call is answered: loaded, or loaded by the call. */
  get servable(): boolean {
    return this.phase === 'Ready' || (this.wake !== undefined && (this.phase === 'Pending' || this.phase === 'Loading' || this.phase === 'WarmingUp'));
  }

  /** On its way to Ready without a call that waits for it. */
  get loading(): boolean {
    return this.wake === undefined && (this.phase === 'Pending' || this.phase === 'Loading' || this.phase === 'WarmingUp');
  }

  lease(): () => void {
    this.#leases += 1;
    this.lastUsed = performance.now();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#leases -= 1;
      this.lastUsed = performance.now();
      if (this.#leases > 0) return;
      for (const resolve of this.#idle.splice(0)) resolve();
      this.onIdle();
    };
  }

  /** Resolves when no call holds this version. */
  async unused(): Promise<void> {
    if (this.#leases > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }
}

export interface Lease extends Disposable {
  readonly model: Model;
  readonly entry: Entry;
}

interface Named {
  readonly versions: ReadonlyMap<string, Entry>;
  readonly defaultVersion: string | undefined;
}
type Table = ReadonlyMap<string, Named>;

/** Kinds of input a call may bring. */
export type Kind = 'tensors' | 'text' | 'picture';

export interface Wanted {
  name: string | undefined;
  version: string | undefined;
  /** What the call brings, to find the one model that fits when no name is given. */
  takes: Kind;
}

export interface RegistryOptions {
  /** A missing version is 421 then, which the router re-sends to the revision that has it. */
  behindRouter: boolean;
}

export class Registry {
  readonly #options: RegistryOptions;
  /** Whether models are still being found: what is missing may come. */
  settling = false;
  #table: Table = new Map();

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Every version, sorted by name and version. */
  entries(): Entry[] {
    const byVersion = (a: Entry, b: Entry): number => compareVersions(a.version, b.version);
    return [...this.#table.keys()].sort().flatMap((name) => [...(this.#table.get(name)?.versions.values() ?? [])].sort(byVersion));
  }

  find(name: string, version: string): Entry | undefined {
    return this.#table.get(name)?.versions.get(version);
  }

  /** Adds a version, or puts it in the place of the one of that name; the caller unloads the old one. */
  put(entry: Entry): Entry | undefined {
    const named = this.#table.get(entry.name);
    const old = named?.versions.get(entry.version);
    this.#set(entry.name, { versions: new Map(named?.versions).set(entry.version, entry), defaultVersion: named?.defaultVersion });
    return old;
  }

  remove(entry: Entry): void {
    const named = this.#table.get(entry.name);
    if (named?.versions.get(entry.version) !== entry) return;
    const versions = new Map(named.versions);
    versions.delete(entry.version);
    const defaultVersion = named.defaultVersion === entry.version ? undefined : named.defaultVersion;
    this.#set(entry.name, versions.size === 0 ? undefined : { versions, defaultVersion });
  }

  /** Which version answers calls that name none; undefined = the highest. */
  setDefault(name: string, version: string | undefined): void {
    const named = this.#table.get(name);
    if (named === undefined || (version !== undefined && !named.versions.has(version))) throw this.#unknown(name, version);
    this.#set(name, { versions: named.versions, defaultVersion: version });
  }

  defaultVersion(name: string): string | undefined {
    const named = this.#table.get(name);
    return named === undefined ? undefined : (named.defaultVersion ?? highest(named));
  }

  /**
   * The version a call asks for, without taking it.
   * @throws InferenceError model_not_found, model_version_elsewhere, model_name_required; model_not_ready while models are being found
   */
  select(wanted: Wanted): Entry {
    const name = wanted.name === undefined ? this.#onlyFitting(wanted.takes) : this.#resolve(wanted.name);
    const version = wanted.version ?? this.defaultVersion(name);
    const entry = version === undefined ? undefined : this.find(name, version);
    if (entry === undefined) throw this.#unknown(name, wanted.version);
    return entry;
  }

  /**
   * Takes the version a call asks for; it stays loaded until the lease is disposed. A lazy version is loaded first.
   * @throws InferenceError as select, or model_not_ready, model_failed
   */
  lease(wanted: Wanted): Lease | Promise<Lease> {
    const entry = this.select(wanted);
    if (entry.model === undefined && entry.phase !== 'Failed' && entry.wake !== undefined) return leaseWoken(entry, entry.wake);
    return { model: readyModel(entry), entry, [Symbol.dispose]: entry.lease() };
  }

  /** The version a call asks for, where it is loaded and can answer now; who only looks at it needs no lease. */
  ready(wanted: Wanted): Model | undefined {
    const { model, phase } = this.select(wanted);
    return phase === 'Ready' ? model : undefined;
  }

  #set(name: string, named: Named | undefined): void {
    const table = new Map(this.#table);
    if (named === undefined) table.delete(name);
    else table.set(name, named);
    this.#table = table;
  }

  #resolve(asked: string): string {
    if (this.#table.has(asked)) return asked;
    const owner = this.entries().find((entry) => entry.aliases.includes(asked));
    if (owner === undefined) throw this.#unknown(asked, undefined);
    return owner.name;
  }

  /** @throws InferenceError model_not_ready while models that may fit are being loaded, else model_name_required */
  #onlyFitting(takes: Kind): string {
    const names = [...this.#table.keys()].sort();
    const fitting = names.filter((name) => this.#versions(name).some((entry) => entry.model === undefined || fits(entry.model.spec, takes)));
    const [only, ...others] = fitting;
    if (only !== undefined && others.length === 0) return only;
    if (this.#undecided(fitting, takes)) throw new InferenceError('model_not_ready', 'modelName is missing, and which model fits is known once all are loaded. Name one, or try again soon.');
    const what = takes === 'picture' ? 'pictures' : takes;
    const list = fitting.length === 0 ? `None takes ${what}; there are: ${names.join(', ') || 'none'}.` : `These take ${what}: ${fitting.join(', ')}.`;
    throw new InferenceError('model_name_required', `modelName is missing. ${list}`);
  }

  /** Whether one model may turn out to be the only one that fits. */
  #undecided(fitting: readonly string[], takes: Kind): boolean {
    if (fitting.length === 0) return this.settling;
    const known = fitting.filter((name) => this.#versions(name).some((entry) => entry.model !== undefined && fits(entry.model.spec, takes)));
    return known.length < 2 && fitting.some((name) => !known.includes(name) && this.#versions(name).some((entry) => entry.loading));
  }

  #versions(name: string): Entry[] {
    return [...(this.#table.get(name)?.versions.values() ?? [])];
  }

  #unknown(name: string, version: string | undefined): InferenceError {
    const named = this.#table.get(name);
    if (named === undefined && this.settling) return new InferenceError('model_not_ready', `There is no model ${name} yet; models are still being loaded.`);
    if (named === undefined) return new InferenceError('model_not_found', `There is no model ${name}; loaded: ${this.#loaded()}.`);
    const versions = [...named.versions.keys()].join(', ');
    const detail = `Model ${name} has no version ${version ?? '(any)'}; it has: ${versions}.`;
    return new InferenceError(this.#options.behindRouter ? 'model_version_elsewhere' : 'model_not_found', detail);
  }

  #loaded(): string {
    return this.entries().map((entry) => `${entry.name} ${entry.version}`).join(', ') || 'none';
  }
}

function fits(spec: ServingSpec, takes: Kind): boolean {
  return takes === 'picture' ? spec.image !== undefined : spec.takes === takes;
}

/** The highest version, one that answers if there is any. */
function highest(named: Named): string | undefined {
  if (named.versions.size === 1) for (const version of named.versions.keys()) return version;
  const ready = [...named.versions.values()].filter((entry) => entry.servable).map((entry) => entry.version);
  return highestVersion(ready) ?? highestVersion(named.versions.keys());
}

async function leaseWoken(entry: Entry, wake: () => Promise<void>): Promise<Lease> {
  const release = entry.lease();
  try {
    await wake();
    return { model: readyModel(entry), entry, [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}

function readyModel(entry: Entry): Model {
  const { model, phase } = entry;
  if (model !== undefined && (phase === 'Ready' || phase === 'Unloading')) return model;
  const which = `Model ${entry.name} ${entry.version}`;
  if (phase === 'Failed') throw new InferenceError('model_failed', `${which} could not be loaded: ${entry.reason ?? 'unknown'}: ${entry.message ?? ''}`);
  throw new InferenceError('model_not_ready', `${which} is not ready yet: ${phase}.`);
}
