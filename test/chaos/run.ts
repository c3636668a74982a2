// Owns one chaos run: services under steady load, operations on each of them and on what they share, one after another and side by side.
// Must not know how anything is judged or printed.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { NAMESPACES } from '@slipway/kube';
import { until } from '../e2e/support/until.ts';
import { createHands, PATIENCE } from './hands.ts';
import type { Access, Hands } from './hands.ts';
import type { Journal, OperationRecord } from './journal.ts';
import { Load } from './load/load.ts';
import type { Sent } from './load/protocol.ts';
import { dealt, randomOf, seedFor } from './order.ts';
import { KILLS, PLATFORM_OPERATIONS } from './platform-operations.ts';
import type { Kill } from './platform-operations.ts';
import { SERVICE_OPERATIONS, recovered, settled, specOf } from './service-operations.ts';
import type { ServiceContext } from './service-operations.ts';
import { Watch } from './watch.ts';

export interface ChaosOptions {
  access: Access;
  /** Made for the run, and removed. */
  namespace: string;
  seed: number;
  /** InferenceServices under load, each with operations of its own. */
  services: number;
  /** Operations to begin; no more than that. */
  operations: number;
  /** Milliseconds after which none is begun. */
  longestMs: number;
  /** Requests per second for each service. */
  rate: number;
  /** Also ends processes with SIGKILL. */
  kill: boolean;
  signal: AbortSignal;
  tell: (line: string) => void;
}

/** Milliseconds after which a request without an answer has failed. */
const TIMEOUT_MS = 30_000;
const QUIET_MS = 2_000;
/** Between operations on what all share: these would otherwise never end. */
const PLATFORM_GAP_MS = 4_000;
const PROGRESS_MS = 10_000;
const MODELS = new URL('../../models/classifier/', import.meta.url);

const sampleOf = <T>(version: string, file: string): T => JSON.parse(readFileSync(new URL(`${version}/samples/${file}`, MODELS), 'utf8')) as T;
const answersOf = (version: string): number[] => sampleOf<{ predictions: number[][] }>(version, 'one.response.json').predictions[0] ?? [];

class Run {
  readonly #options: ChaosOptions;
  readonly #hands: Hands;
  readonly #watch: Watch;
  readonly #names: string[];
  readonly #sent: Sent[] = [];
  readonly #operations: OperationRecord[] = [];
  readonly #kills: Kill[] = [];
  readonly #begun = Date.now();
  #failed = 0;
  #left: number;

  constructor(options: ChaosOptions, hands: Hands) {
    this.#options = options;
    this.#hands = hands;
    this.#watch = new Watch(hands, options.signal);
    this.#names = Array.from({ length: options.services }, (_, index) => `classifier-${index + 1}`);
    this.#left = options.operations;
  }

  /** Resolves with what happened, also when it was interrupted. */
  async run(): Promise<Journal> {
    const { tell, signal } = this.#options;
    const load = await this.#prepared();
    const progress = setInterval(() => tell(this.#progress()), PROGRESS_MS);
    try {
      await this.#hold(QUIET_MS);
      await Promise.all([...this.#names.map((name) => this.#serviceTrack(name)), this.#platformTrack()]);
      await this.#hold(QUIET_MS);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      clearInterval(progress);
      await load.stop().finally(() => load.kill());
      await this.#watch.stop();
    }
    return this.#journal();
  }

  #journal(): Journal {
    const { seed, rate, signal } = this.#options;
    const common = { seed, rate, services: this.#names, begun: this.#begun, ended: Date.now(), interrupted: signal.aborted };
    return { ...common, sent: this.#sent, operations: this.#operations, changes: this.#watch.changes, kills: this.#kills };
  }

  async #prepared(): Promise<Load> {
    const { namespace, tell, rate, access, signal, kill } = this.#options;
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await this.#hands.client.apply(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } }, { fieldManager: 'slipway-chaos', force: true });
    await this.#watch.start();
    tell(`making ${this.#names.join(', ')} in namespace ${namespace}`);
    for (const name of this.#names) await this.#hands.applyService(name, specOf(kill ? 2 : 1));
    for (const name of this.#names) await this.#watch.until('settled', name, settled);
    const targets = await Promise.all(this.#names.map(async (name) => ({ name, url: await this.#urlOf(name) })));
    const expect = { v1: answersOf('v1'), v2: answersOf('v2') };
    const row = sampleOf<{ inputs: number[][] }>('v1', 'one.request.json').inputs[0] ?? [];
    for (const { url } of targets) await until(`${url} answers`, () => this.#answers(url, row), { ...PATIENCE, signal });
    return Load.start(access.inside, { targets, rate, timeoutMs: TIMEOUT_MS, row, expect }, (sent) => this.#record(sent));
  }

  /** The node's proxy learns of a new Service a moment after the API server does. */
  async #answers(url: string, row: number[]): Promise<boolean> {
    const body = JSON.stringify({ inputs: [row] });
    return (await this.#hands.inside('curl', '-sS', '-m', '10', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'content-type: application/json', '-d', body, `${url}/predict`)) === '200';
  }

  async #urlOf(name: string): Promise<string> {
    return `http://${(await this.#hands.kubectl('get', 'service', name, '-n', this.#options.namespace, '-o', 'jsonpath={.spec.clusterIP}')).trim()}`;
  }

  #record(sent: Sent): void {
    this.#sent.push(sent);
    if (sent.problem === undefined) return;
    this.#failed += 1;
    if (this.#failed <= 20) this.#options.tell(`FAILED ${sent.target} ${sent.lane} ${new Date(sent.due).toISOString()} after ${Math.round(sent.ms)} ms: ${sent.problem.slice(0, 200)}`);
  }

  #progress(): string {
    const under = this.#operations.filter((each) => each.ended === undefined).map((each) => `${each.name}${each.service === undefined ? '' : ` (${each.service})`}`);
    return `${Math.round((Date.now() - this.#begun) / 1000)} s: ${this.#sent.length} requests, ${this.#failed} failed, ${this.#operations.length} of ${this.#options.operations} operations; ${under.join(', ')}`;
  }

  readonly #hold = (ms: number): Promise<void> => sleep(ms, undefined, { signal: this.#options.signal });

  /** True while another operation may begin; then it counts as begun. */
  #takes(): boolean {
    const { signal, longestMs } = this.#options;
    if (signal.aborted || this.#left === 0 || Date.now() - this.#begun > longestMs) return false;
    this.#left -= 1;
    return true;
  }

  /** One operation. Resolves with whether it succeeded. */
  async #operate(record: OperationRecord, work: () => Promise<void>): Promise<boolean> {
    this.#operations.push(record);
    try {
      await work();
    } catch (error) {
      // What a person has interrupted has not failed.
      if (this.#options.signal.aborted) return false;
      record.error = (error as Error).message;
      this.#options.tell(`FAILED operation "${record.name}" on ${record.service ?? 'all'}: ${record.error}`);
    }
    record.ended = Date.now();
    return record.error === undefined;
  }

  async #serviceTrack(name: string): Promise<void> {
    const { seed, kill } = this.#options;
    const random = randomOf(seedFor(seed, name));
    const context: ServiceContext = { name, hands: this.#hands, watch: this.#watch, random, hold: this.#hold, replicas: kill ? 2 : 1 };
    const order = dealt(Object.entries(SERVICE_OPERATIONS), random);
    while (this.#takes()) {
      const [kind, operation] = order.next().value;
      const good = await this.#operate({ name: kind, service: name, begun: Date.now() }, () => operation(context));
      if (!good && !this.#options.signal.aborted) await recovered(context);
    }
  }

  async #platformTrack(): Promise<void> {
    const { seed, signal, kill } = this.#options;
    const random = randomOf(seedFor(seed, 'platform'));
    const order = dealt(Object.entries({ ...PLATFORM_OPERATIONS, ...(kill ? KILLS : {}) }), random);
    for (let count = 1; this.#takes(); count += 1) {
      const [kind, operation] = order.next().value;
      const context = { hands: this.#hands, signal, random, hold: this.#hold, count, killed: (one: Kill) => this.#kills.push(one) };
      await this.#operate({ name: kind, begun: Date.now() }, () => operation(context));
      if (this.#left > 0) await this.#hold(PLATFORM_GAP_MS);
    }
  }
}

/** Runs, and leaves nothing behind. Rejects only if the run could not be made; an interrupted one resolves with what happened so far. */
export async function runChaos(options: ChaosOptions): Promise<Journal> {
  const hands = await createHands(options.access, options.namespace);
  try {
    return await new Run(options, hands).run();
  } finally {
    await hands.kubectl('delete', 'namespace', options.namespace, '--ignore-not-found', '--wait=true', '--timeout=120s').catch((error: unknown) => options.tell(`namespace ${options.namespace} is not gone: ${String(error)}`));
    await hands.close();
  }
}
