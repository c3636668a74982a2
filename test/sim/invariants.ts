// Owns what must hold in every tick of the simulated world, whatever happens. Must not know the planner's code paths.
import { CONDITION_TYPES, REASONS, ROUTE_KEY, RouteEntry } from '@slipway/api';
import { podsForShare } from '../../operator/src/rollout/index.ts';
import type { KubeObject, Observed, Plan } from '../../operator/src/types.ts';
import type { World } from './world.ts';

const PHASES_THAT_MOVE = ['Pending', 'Progressing'];

export class Invariants {
  private readonly world: World;
  private last = { sequence: 0, text: '' };
  private everReady = false;
  private lastStep: { candidate: string; step: number } | undefined;

  constructor(world: World) {
    this.world = world;
  }

  private must(holds: boolean, what: string): void {
    if (!holds) throw new Error(`${what}\n${this.world.story.text()}`);
  }

  /** What every plan must be, seen from what it was decided from. */
  onPlan(observed: Observed, plan: Plan): void {
    if (observed.isvc.metadata.deletionTimestamp !== undefined) return this.must(plan.objects.length + plan.prune.length === 0, 'something is written while the InferenceService is being deleted');
    if (observed.revisions.some((each) => each.readyEndpoints > 0)) this.everReady = true;
    this.statusIsCoherent(plan);
    this.oneStepAtATime(plan);
    const route = plan.objects.find(({ object }) => object.metadata.name.endsWith('-route'))?.object;
    if (route !== undefined) this.sharesAreFair(observed, entryOf(route));
  }

  private statusIsCoherent({ status }: Plan): void {
    const conditions = status.conditions ?? [];
    this.must(CONDITION_TYPES.every((type) => conditions.filter((each) => each.type === type).length === 1), 'every condition once');
    this.must(conditions.every((each) => Object.hasOwn(REASONS, each.reason) && each.message !== ''), 'reasons of the catalogue, with words');
    const is = (type: string): boolean => conditions.find((each) => each.type === type)?.status === 'True';
    this.must(!(is('Stalled') && is('Progressing')), 'what needs a human does not look like progress');
    this.must(!(is('Stalled') && PHASES_THAT_MOVE.includes(status.phase ?? '')), `stalled, but ${status.phase}`);
    this.must(!(is('Ready') && status.summary?.ready?.startsWith('0/') === true), 'Ready without a pod');
    this.must(status.phase !== 'Healthy' || (is('Ready') && is('RolledOut')), 'Healthy but not Ready and RolledOut');
  }

  /** Steps are taken one by one, unless somebody promotes it in full. */
  private oneStepAtATime({ status }: Plan): void {
    const { candidate, step = 0 } = status.rollout ?? {};
    const before = this.lastStep?.candidate === candidate ? this.lastStep?.step : undefined;
    this.must(before === undefined || mayLeap(this.world, status) || step <= before + 1, `from step ${String(before)} to ${step} in one pass`);
    this.lastStep = candidate === undefined ? undefined : { candidate, step };
  }

  private sharesAreFair(observed: Observed, entry: RouteEntry): void {
    const sum = entry.backends.reduce((total, each) => total + each.weight, 0);
    this.must(sum === 100 || (sum === 0 && !this.servedBefore()), `shares sum to ${sum}`);
    const ready = (revision: string): number => observed.revisions.find((each) => each.name === revision)?.readyEndpoints ?? 0;
    const somebody = entry.backends.some((each) => ready(each.revision) > 0);
    for (const { revision, weight } of entry.backends) {
      this.must(weight === 0 || ready(revision) > 0 || !somebody, `${this.world.versionOf(revision)} gets ${weight}% without a ready endpoint`);
    }
    this.raisesHaveCapacity(observed, entry, ready);
  }

  private servedBefore(): boolean {
    return this.everReady && (this.world.writtenEntry()?.backends.some((each) => each.weight > 0) ?? false);
  }

  /** A candidate's share only rises where the pods for it are ready, unless the stable revision cannot answer. */
  private raisesHaveCapacity(observed: Observed, entry: RouteEntry, ready: (revision: string) => number): void {
    const { replicas } = observed.isvc.spec;
    const before = new Map(this.world.writtenEntry()?.backends.map((each) => [each.revision, each.weight]));
    const stable = entry.backends.find((each) => each.role === 'stable');
    if (stable === undefined || ready(stable.revision) === 0) return;
    for (const { revision, weight } of entry.backends.filter((each) => each.role === 'canary' || each.role === 'preview')) {
      const rises = weight > (before.get(revision) ?? 0);
      const partOfReady = Math.ceil((100 * ready(revision)) / (ready(revision) + ready(stable.revision)));
      const carries = ready(revision) >= podsForShare(weight, replicas) || (observed.isvc.spec.rollout.strategy === 'RollingUpdate' && weight <= partOfReady);
      this.must(!rises || carries, `${this.world.versionOf(revision)} rises to ${weight}% with ${ready(revision)} ready pods of ${replicas}`);
    }
  }

  /** Pods go only where no router sends anybody. */
  onShrink(revision: string, replicas: number): void {
    const wanted = this.world.spec.replicas;
    for (const router of this.world.routers) {
      const share = router.ready ? (router.entry?.backends.find((each) => each.revision === revision)?.weight ?? 0) : 0;
      this.must(replicas >= podsForShare(share, wanted), `${this.world.versionOf(revision)} shrinks to ${replicas} of ${wanted} while ${router.name} sends it ${share}%`);
    }
  }

  /** Routes only rise; a Service is made once every ready router listens. */
  onApply(object: KubeObject): void {
    if (object.kind === 'ConfigMap' && object.metadata.name.endsWith('-route')) {
      const { sequence } = entryOf(object);
      const text = JSON.stringify(object['data']);
      this.must(sequence > this.last.sequence || text === this.last.text, `route sequence ${sequence} after ${this.last.sequence}`);
      this.last = { sequence, text };
    }
    const caller = object.kind === 'Service' && object.metadata.labels?.['serving.slipway.dev/revision'] === undefined;
    if (caller && !this.world.children.has(`Service/${object.metadata.name}`)) {
      this.must(this.world.routers.every((router) => !router.ready || router.entry !== undefined), `Service ${object.metadata.name} before the routers listen`);
    }
  }

  onForget(revision: string): void {
    const { stable, candidate, previous } = this.world.status?.rollout ?? {};
    this.must(![stable, candidate, previous].includes(revision), `the record of ${revision} is forgotten while it has a part to play`);
  }

  /** What must hold between any two steps. */
  check(): void {
    const traffic = this.world.status?.traffic ?? [];
    const sum = traffic.reduce((total, each) => total + each.weight, 0);
    this.must(sum === 0 || sum === 100, `acknowledged traffic sums to ${sum}`);
  }
}

const entryOf = (object: KubeObject): RouteEntry => RouteEntry.parse(JSON.parse((object['data'] as Record<string, string>)[ROUTE_KEY] ?? '{}'));

/** In full, or by the number of pods. */
const mayLeap = ({ spec }: World, { rollout }: Plan['status']): boolean =>
  spec.rollout.strategy === 'RollingUpdate' || (rollout?.lastCommand?.verb === 'promote' && rollout.lastCommand.result === 'Accepted');
