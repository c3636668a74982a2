// Owns the integer that each version has for callers who know only integers, and which version a URL means. Numbers once given stay.
import { InferenceError } from '../../inference/errors.ts';
import { numericVersion } from '../../inference/versions.ts';
import type { Entry, Registry } from '../../models/registry.ts';
import { invalid } from './fill.ts';
import type { Target } from './target.ts';

export interface VersionsOptions {
  registry: Registry;
  /** Number of versions that have none of their own, given from outside (the revision's place in its InferenceService). */
  revisionNumber: number | undefined;
  /** This server has one revision's version then, and the router tells what that is. */
  behindRouter: boolean;
}

/** Words of a version that is not there; they differ between calls and status. */
export type Missing = (target: Target) => string;

export class Versions {
  readonly #options: VersionsOptions;
  /** `name@version` -> number, of versions that neither declare nor contain one. */
  readonly #given = new Map<string, number>();

  constructor(options: VersionsOptions) {
    this.#options = options;
  }

  /** The package's `numericVersion`, else the digits of `v3` or `3`, else the revision's number, else the next free one. */
  numberOf(entry: Entry): number {
    return ownNumber(entry) ?? this.#options.revisionNumber ?? this.#assigned(entry);
  }

  /**
   * The version that a target means.
   * @throws InferenceError model_not_found, model_version_elsewhere in the given words; invalid_input for an unknown label
   */
  resolve(target: Target, missing: Missing): Entry {
    const [newest, ...others] = this.versionsOf(target, missing);
    if (target.version === undefined && target.label === undefined) return newest;
    if (target.label !== undefined) return this.#labelled(target, newest);
    const wanted = Number(target.version);
    const found = [newest, ...others].find((entry) => this.numberOf(entry) === wanted);
    return found ?? this.#select(newest.name, target.version, () => missing(target));
  }

  /** Every version of the model, the default one first. @throws InferenceError model_not_found */
  versionsOf(target: Target, missing: Missing): [Entry, ...Entry[]] {
    const { registry } = this.#options;
    const { name, label } = target;
    const first = this.#select(name, undefined, () => (label === undefined ? missing(target) : unknownLabel(label)), label !== undefined);
    return [first, ...registry.entries().filter((entry) => entry.name === first.name && entry !== first)];
  }

  /** A label is the version itself, `stable` (what answers calls without a version) or `canary` (the newest beside it). */
  #labelled({ label = '', role = '' }: Target, stable: Entry): Entry {
    const { registry, behindRouter } = this.#options;
    const exact = registry.find(stable.name, label);
    if (exact !== undefined) return exact;
    const unknown = (): Entry => this.#select(stable.name, label, () => unknownLabel(label), true);
    if (behindRouter) return ROLES.get(label)?.includes(role) === true ? stable : unknown();
    if (label === 'stable') return stable;
    const newest = registry.entries().filter((entry) => entry.name === stable.name && entry !== stable).at(-1);
    if (label === 'canary' && newest !== undefined) return newest;
    return unknown();
  }

  /** The registry decides between "not here" and "not at all"; the words are the protocol's. */
  #select(name: string, version: string | undefined, words: () => string, label = false): Entry {
    try {
      return this.#options.registry.select({ name, version, takes: 'tensors' });
    } catch (error) {
      if (!(error instanceof InferenceError)) throw error;
      if (label && error.code === 'model_not_found') throw invalid(words());
      throw new InferenceError(error.code, words(), { cause: error });
    }
  }

  #assigned(entry: Entry): number {
    const key = `${entry.name}@${entry.version}`;
    const known = this.#given.get(key);
    if (known !== undefined) return known;
    const siblings = this.#options.registry.entries().filter((other) => other.name === entry.name);
    const taken = new Set(siblings.map((other) => ownNumber(other) ?? this.#given.get(`${other.name}@${other.version}`)));
    let free = 1;
    while (taken.has(free)) free += 1;
    this.#given.set(key, free);
    return free;
  }
}

/** What a revision is when it goes by a label. */
const ROLES: ReadonlyMap<string, readonly string[]> = new Map([['stable', ['stable']], ['canary', ['canary', 'preview']]]);

const ownNumber = (entry: Entry): number | undefined => entry.model?.numericVersion ?? numericVersion(entry.version, undefined);

/** Also where there is no such model, as in the original. */
const unknownLabel = (label: string): string => `Unrecognized servable version label: ${label}`;

/** Words of a call. */
export const servableMissing: Missing = ({ name, version }) => `Servable not found for request: ${version === undefined ? `Latest(${name})` : `Specific(${name}, ${version})`}`;

/** Words of status. */
export const versionsMissing: Missing = ({ name, version }) => (version === undefined ? `Could not find any versions of model ${name}` : `Could not find version ${version} of model ${name}`);
