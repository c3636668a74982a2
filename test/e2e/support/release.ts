// Owns one InferenceService as a release owner and callers see it: models, commands, and a load whose answers are checked. The sentiment
// sample, unless told otherwise. Must not know what is being tested.
import { readFileSync } from 'node:fs';
import type { InferenceService } from '@slipway/api';
import type { Load } from '../../support/load/load.ts';
import type { LoadOptions, LoadReport } from '../../support/load/protocol.ts';
import { manifest, weightOf } from './isvc.ts';
import type { World } from './world.ts';

/** A text that the versions of the sample answer differently, so that a wrong body shows. */
export const EXAMPLE = JSON.parse(readFileSync(new URL('../fixtures/versions-differ.json', import.meta.url), 'utf8')) as { text: string; expect: Record<string, string> };

/** A canary with these shares, each followed by a pause until somebody promotes. */
export const canaryOf = (...weights: number[]): Record<string, unknown> => ({ strategy: 'Canary', canary: { steps: weights.flatMap((setWeight) => [{ setWeight }, { pause: {} }]) } });

/** What is released: the spec of each version, and calls whose answers are known. */
export interface Subject {
  spec: (version: string) => Record<string, unknown>;
  load: Pick<LoadOptions, 'path' | 'body' | 'expect' | 'reads'>;
}

const SENTIMENT: Subject = {
  spec: (version) => ({ model: { storageUri: `file:///models/sentiment/${version}`, version } }),
  load: { path: '/predict', body: { text: EXAMPLE.text }, expect: EXAMPLE.expect },
};

export interface ReleaseOptions {
  world: World;
  name: string;
  namespace: string;
  /** Requests per second of its load. */
  rate: number;
  subject?: Subject;
}

export class Release {
  readonly #options: ReleaseOptions;
  readonly #subject: Subject;
  #load: Load | undefined;

  constructor(options: ReleaseOptions) {
    this.#options = options;
    this.#subject = options.subject ?? SENTIMENT;
  }

  /** Starts over with v1 and the given rollout; what was there before is gone. */
  async startWith(rollout: Record<string, unknown>, replicas: number): Promise<InferenceService> {
    const { world, name, namespace } = this.#options;
    await world.kubectl('delete', 'isvc', name, '-n', namespace, '--ignore-not-found', '--wait=true');
    await this.apply(rollout, replicas);
    return await this.healthy();
  }

  async apply(rollout: Record<string, unknown>, replicas: number): Promise<void> {
    const { world, name, namespace } = this.#options;
    await world.apply(manifest({ name, namespace, model: 'sentiment/v1', replicas, rollout, extra: this.#subject.spec('v1') }));
  }

  async isvc(): Promise<InferenceService> {
    return await this.#options.world.isvc(this.#options.name, this.#options.namespace);
  }

  async healthy(): Promise<InferenceService> {
    return await this.#options.world.healthy(this.#options.name, this.#options.namespace);
  }

  async until(what: string, test: (isvc: InferenceService) => boolean): Promise<InferenceService> {
    return await this.#options.world.isvcUntil(what, this.#options.name, this.#options.namespace, test);
  }

  async setModel(version: string): Promise<void> {
    await this.#patch({ spec: this.#subject.spec(version) });
  }

  async scale(replicas: number): Promise<void> {
    await this.#patch({ spec: { replicas } });
  }

  /** Waits until every router gives the candidate, which answers as `version`, this share, and the rollout pauses there. */
  async waitingAt(weight: number, version = 'v2'): Promise<InferenceService> {
    return await this.until(`waiting at ${weight} %`, (isvc) => isvc.status?.rollout?.state === 'Waiting' && isvc.status.rollout.weight === weight && weightOf(isvc, version) === weight);
  }

  async command(verb: 'promote' | 'abort' | 'retry', value: string): Promise<void> {
    const { world, name, namespace } = this.#options;
    await world.kubectl('annotate', 'isvc', name, '-n', namespace, '--overwrite', `serving.slipway.dev/${verb}=${value}`);
  }

  /** Ends the present pause the way the docs say: with the value that the status names. */
  async promote(): Promise<void> {
    const value = (await this.isvc()).status?.rollout?.promote;
    if (value === undefined) throw new Error('the rollout does not wait for promotion');
    await this.command('promote', value);
  }

  /** A steady load on the public address; a request without the right answer within 30 s counts as failed. */
  async startLoad(): Promise<Load> {
    const { world, name, namespace, rate } = this.#options;
    const url = await world.clusterIp(name, namespace);
    this.#load = await world.load({ ...this.#subject.load, url, rate, timeoutMs: 30_000 });
    return this.#load;
  }

  async stopLoad(): Promise<LoadReport> {
    const report = await this.#load?.stop();
    this.#load = undefined;
    if (report === undefined) throw new Error('no load was running');
    return report;
  }

  /** For cleaning up after a failed test. */
  killLoad(): void {
    this.#load?.kill();
    this.#load = undefined;
  }

  async #patch(patch: unknown): Promise<void> {
    const { world, name, namespace } = this.#options;
    await world.kubectl('patch', 'isvc', name, '-n', namespace, '--type=merge', '-p', JSON.stringify(patch));
  }
}

/** The candidate's name; throws if there is none. */
export function candidateOf(isvc: InferenceService): string {
  const candidate = isvc.status?.rollout?.candidate;
  if (candidate === undefined) throw new Error('there is no candidate');
  return candidate;
}
