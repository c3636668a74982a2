// Owns what must hold after every fault: nothing is left over, the operator rests, memory is what it was. Must not know the fault.
import type { InferenceService } from '@slipway/api';
import { expect } from 'vitest';
import type { Pod } from './processes.ts';
import { until } from './until.ts';
import type { World } from './world.ts';

interface Child {
  kind: string;
  metadata: { name: string; uid: string; labels?: Record<string, string>; ownerReferences?: { uid: string }[]; deletionTimestamp?: string };
}

const KINDS = 'deployments,services,configmaps,controllerrevisions,poddisruptionbudgets';
const OWNED_BY = 'serving.slipway.dev/inferenceservice';
const REVISION = 'serving.slipway.dev/revision';
/** Milliseconds in which a resting operator writes nothing. Longer than its longest back-off at the start, shorter than any patience. */
const REST_MS = 3_000;
/** Passes in that time that are not yet a loop: somebody reads a status, a lease, a probe. */
const FEW_PASSES = 6;
/** Memory may grow by this factor: caches and compiled code, but no leak under load. */
const GROWTH = 2;

/** Sum of a metric's samples whose line `matches`. */
function sumOf(text: string, name: string, matches: (line: string) => boolean = () => true): number {
  const lines = text.split('\n').filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && matches(line));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

const isWrite = (line: string): boolean => /verb="(create|update|patch|apply|delete|replace|POST|PUT|PATCH|DELETE)"/.test(line) && !line.includes('resource="leases"');

export interface Activity {
  writes: number;
  passes: number;
}

export class Aftermath {
  readonly #world: World;
  readonly #namespace: string;
  #before = new Map<string, number>();

  constructor(world: World, namespace: string) {
    this.#world = world;
    this.#namespace = namespace;
  }

  /** Notes how much memory operators and routers use before anything happens. */
  async begin(): Promise<void> {
    this.#before = await this.#memory();
  }

  async #metrics(pod: Pod): Promise<string> {
    return await this.#world.inside('curl', '-sS', '-m', '5', `http://${pod.status.podIP}:9090/metrics`);
  }

  /** What the operators have done so far, all together. */
  async activity(): Promise<Activity> {
    const texts = await Promise.all((await this.#world.operators()).map((pod) => this.#metrics(pod)));
    const sum = (name: string, matches?: (line: string) => boolean): number => texts.reduce((total, text) => total + sumOf(text, name, matches), 0);
    return { writes: sum('slipway_operator_api_request_duration_seconds_count', isWrite), passes: sum('slipway_operator_reconcile_total') };
  }

  /** Waits until the operators write nothing for a while and hardly look; a busy loop never gets there. */
  async atRest(): Promise<void> {
    await until('the operator rests', async () => {
      const before = await this.activity();
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      const after = await this.activity();
      const rests = after.writes === before.writes && after.passes - before.passes <= FEW_PASSES;
      if (!rests) throw new Error(`${after.writes - before.writes} writes and ${after.passes - before.passes} passes in ${REST_MS} ms`);
      return true;
    }, { timeoutMs: 60_000 });
  }

  /** Waits until everything of this namespace's InferenceServices belongs to `isvc` and to a revision with a part to play. */
  async noOrphans(isvc: InferenceService): Promise<void> {
    await until('nothing is left over', async () => {
      const left = await this.#leftOver(isvc);
      if (left.length > 0) throw new Error(`left over: ${left.join(', ')}`);
      return true;
    });
  }

  async #leftOver(isvc: InferenceService): Promise<string[]> {
    const { stable, candidate, previous } = (isvc.status?.rollout ?? {}) as { stable?: string; candidate?: string; previous?: string };
    const playing = [stable, candidate, previous];
    const children = await this.#world.list<Child>(KINDS, this.#namespace, '-l', OWNED_BY);
    const pods = await this.#world.list<Child>('pods', this.#namespace, '-l', REVISION);
    const isForeign = ({ metadata }: Child): boolean => metadata.ownerReferences?.every((owner) => owner.uid !== isvc.metadata.uid) ?? true;
    const hasPart = ({ metadata }: Child): boolean => playing.includes(metadata.labels?.[REVISION]);
    const idle = children.filter((child) => (child.kind === 'Deployment' || child.kind === 'Service') && child.metadata.labels?.[REVISION] !== undefined && !hasPart(child));
    const names = [...children.filter(isForeign), ...idle, ...pods.filter((pod) => !hasPart(pod))].map((child) => `${child.kind}/${child.metadata.name}`);
    return [...new Set(names)];
  }

  async #memory(): Promise<Map<string, number>> {
    const routers = await this.#world.list<Pod>('pods', this.#namespace, '-l', 'app.kubernetes.io/component=router', '--field-selector', 'status.phase=Running');
    const pods = [...(await this.#world.operators()), ...routers];
    const bytes = await Promise.all(pods.map(async (pod) => sumOf(await this.#metrics(pod), 'process_resident_memory_bytes') + sumOf(await this.#metrics(pod), 'slipway_operator_process_resident_memory_bytes')));
    return new Map(pods.map((pod, index) => [pod.metadata.name, bytes[index] ?? 0]));
  }

  /** Compares the memory of every pod that is still there with what it was; a pod that came since is compared with the largest of then. */
  async memoryAsBefore(): Promise<void> {
    const largest = Math.max(...this.#before.values());
    for (const [pod, bytes] of await this.#memory()) expect(bytes, `memory of ${pod}`).toBeLessThan(GROWTH * (this.#before.get(pod) ?? largest));
  }
}
