// Owns what the chaos run sees of its namespace while it changes: the InferenceServices, and every change of weights with its time.
// Must not decide what is right.
import { LABELS, ROUTE_KEY } from '@slipway/api';
import type { InferenceService } from '@slipway/api';
import { CONFIG_MAPS, createInformer, systemClock } from '@slipway/kube';
import type { Informer, KubeObject, ResourceType } from '@slipway/kube';
import { SERVICES } from './hands.ts';
import type { Hands } from './hands.ts';

/** Routes with other weights than before. */
export interface WeightChange {
  service: string;
  /** When the route ConfigMap's event arrived, milliseconds since the epoch. */
  at: number;
  sequence: number;
  /** Percent by revision; revisions that may only be pinned are left out. */
  weights: Record<string, number>;
  /** When the status said that every ready router has acknowledged it. */
  acknowledgedAt?: number;
}

interface Route {
  name: string;
  sequence: number;
  backends: { revision: string; weight: number }[];
}

export class Watch {
  readonly changes: WeightChange[] = [];
  readonly #informers: Informer<KubeObject>[];
  readonly #services: Informer<KubeObject>;
  readonly #signal: AbortSignal;
  readonly #listeners = new Set<() => void>();

  constructor(hands: Hands, signal: AbortSignal) {
    this.#signal = signal;
    const follow = (type: ResourceType, more: { labelSelector?: string } = {}): Informer<KubeObject> =>
      createInformer({ client: hands.client, clock: systemClock, random: Math.random, type, namespace: hands.namespace, ...more });
    this.#services = follow(SERVICES);
    const routes = follow(CONFIG_MAPS, { labelSelector: LABELS.route });
    this.#informers = [this.#services, routes];
    routes.onChange(({ object, type }) => type !== 'Deleted' && this.#routed(object));
    this.#services.onChange(({ object }) => this.#seen(object as unknown as InferenceService));
  }

  async start(): Promise<void> {
    for (const informer of this.#informers) informer.start();
    await Promise.all(this.#informers.map((informer) => informer.cache.whenSynced()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.stop()));
  }

  service(name: string): InferenceService | undefined {
    return [...this.#services.cache.all()].find((each) => each.metadata.name === name) as unknown as InferenceService | undefined;
  }

  /**
   * Resolves with the InferenceService once `test` holds for it. Throws after `timeoutMs` with what it is instead, and when the run is interrupted.
   */
  async until(what: string, name: string, test: (isvc: InferenceService) => boolean, timeoutMs = 240_000): Promise<InferenceService> {
    const deadline = AbortSignal.any([this.#signal, AbortSignal.timeout(timeoutMs)]);
    for (;;) {
      const seen = this.service(name);
      if (seen !== undefined && test(seen)) return seen;
      if (deadline.aborted) throw new Error(this.#signal.aborted ? 'interrupted' : `${name} was not ${what} within ${timeoutMs / 1000} s; it is ${described(seen)}`);
      await this.#changed(deadline);
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#listeners.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#listeners.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  #seen(isvc: InferenceService): void {
    const acknowledged = isvc.status?.route?.acknowledged ?? 0;
    for (const change of this.changes) {
      if (change.service === isvc.metadata.name && change.sequence <= acknowledged) change.acknowledgedAt ??= Date.now();
    }
    for (const wake of this.#listeners) wake();
  }

  #routed(object: KubeObject): void {
    const text = (object['data'] as Record<string, string> | undefined)?.[ROUTE_KEY];
    if (text === undefined) return;
    const route = JSON.parse(text) as Route;
    const weights = Object.fromEntries(route.backends.filter((each) => each.weight > 0).map((each) => [each.revision, each.weight]));
    const last = this.changes.findLast((each) => each.service === route.name);
    if (JSON.stringify(last?.weights) !== JSON.stringify(weights)) this.changes.push({ service: route.name, at: Date.now(), sequence: route.sequence, weights });
  }
}

/** One line: state, traffic and the conditions that are not as they should be. */
function described(isvc: InferenceService | undefined): string {
  if (isvc === undefined) return 'gone';
  const { rollout, traffic = [], conditions = [], phase } = isvc.status ?? {};
  const shares = traffic.map((each) => `${each.revision} ${each.weight} %`).join(', ');
  return `${phase} ${rollout?.state} step ${rollout?.step} (${shares}) ${conditions.map((each) => `${each.type}=${each.status} ${each.reason}: ${each.message}`).join('; ')}`;
}
