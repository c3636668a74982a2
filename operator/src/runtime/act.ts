// Owns carrying out a plan: the revision and the status first, then the objects in order, then what goes. Failures about an object are
// remembered for the next pass; errors about the way end the pass. Must not decide what is in a plan.
import { isDeepStrictEqual } from 'node:util';
import { API_VERSION, KIND, LABELS, MANAGED_BY, ROUTER_NAME } from '@slipway/api';
import type { InferenceService } from '@slipway/api';
import type { Clock, KubeObject } from '@slipway/kube';
import type { Failure, Intent, Observed, Plan, Ref, RevisionRecord } from '../types.ts';
import type { EventRecorder } from './events.ts';
import type { FailureMemory } from './failures.ts';
import type { Log } from './log.ts';
import type { Outcome } from './outcome.ts';
import type { OwnWrites } from './own-writes.ts';
import { failureOf } from './verdicts.ts';
import { NameTakenError, RevisionRefusedError } from './writer.ts';
import type { Scope, Writer } from './writer.ts';

export interface ActScope extends Scope {
  /** Generation of the InferenceService; 0 for a namespace, which has no edits of its own. */
  generation: number;
  log: Log;
  /** Set once something could not be written, or waits for its turn. */
  hindrance?: Outcome;
}

export interface Act {
  /** The answer of a pass that would see a cache older than its own last writes; undefined if it may begin. */
  lagging(key: string): Outcome | undefined;
  scopeOfService(key: string, isvc: InferenceService, log: Log): ActScope;
  scopeOfNamespace(key: string, log: Log): ActScope;
  /** Makes deleted records again. */
  restoreRevisions(scope: ActScope, revisions: readonly KubeObject[]): Promise<void>;
  /** Keeps a new revision for good, if the API server would accept its pods. Rejects with RevisionRefusedError if not. */
  recordRevision(scope: ActScope, revision: KubeObject | undefined): Promise<void>;
  /** Writes the status if it changed, guarded by the version it was decided from, and tells the plan's events. */
  recordStatus(scope: ActScope, observed: Observed, plan: Plan): Promise<void>;
  /** Leaves out routers that must wait until others have finished rolling. */
  inTurn(scope: ActScope, objects: readonly Intent[]): Intent[];
  carryOut(scope: ActScope, objects: readonly Intent[], prune: readonly Ref[]): Promise<void>;
  /** What happens next. */
  wake(scope: ActScope, at: number, wakeAt: number | undefined): Outcome;
  /** The object is gone: nothing about its key needs remembering. */
  forget(key: string): Outcome;
}

export interface ActOptions {
  writer: Writer;
  ownWrites: OwnWrites;
  failures: FailureMemory;
  events: EventRecorder;
  clock: Clock;
  /** Whether the routers of a namespace may roll to the intended Deployment now. */
  mayRoll: (deployment: KubeObject) => boolean;
}

/** Milliseconds for which a refused revision is not tried again; an edit of the InferenceService ends it at once. */
const REFUSED_MS = 60_000;
const IN_TURN_MS = 5_000;

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? {}));
const isOfRouters = ({ metadata }: KubeObject): boolean => metadata.labels?.[LABELS.name] === ROUTER_NAME && metadata.labels[LABELS.managedBy] === MANAGED_BY;

class PlanActor implements Act {
  private readonly options: ActOptions;

  constructor(options: ActOptions) {
    this.options = options;
  }

  lagging(key: string): Outcome | undefined {
    const resource = this.options.ownWrites.lagging(key);
    return resource === undefined ? undefined : { next: 'WaitFor', ms: 50, because: `the cache of ${resource} does not show the last write yet` };
  }

  scopeOfService(key: string, isvc: InferenceService, log: Log): ActScope {
    const { uid, generation } = isvc.metadata;
    const owns = (object: KubeObject): boolean => object.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;
    return { key, owns, generation, log: log.child({ generation }) };
  }

  scopeOfNamespace(key: string, log: Log): ActScope {
    return { key, owns: isOfRouters, generation: 0, log };
  }

  async restoreRevisions(scope: ActScope, revisions: readonly KubeObject[]): Promise<void> {
    for (const revision of revisions) {
      await this.options.writer.createOnce(scope, revision);
      scope.log.info({ revision: revision.metadata.name }, 'a deleted record is written again');
    }
  }

  async recordRevision(scope: ActScope, revision: KubeObject | undefined): Promise<void> {
    if (revision === undefined) return;
    const { deployment } = revision['data'] as RevisionRecord;
    try {
      await this.options.writer.dryRun(deployment);
      await this.options.writer.createOnce(scope, revision);
    } catch (error) {
      const failure = failureOf(error, error instanceof NameTakenError ? revision : deployment);
      if (failure === undefined) throw error;
      this.options.failures.hold(scope.key, scope.generation, failure, REFUSED_MS);
      throw new RevisionRefusedError(failure.message, { cause: error });
    }
    scope.log.info({ revision: revision.metadata.name }, 'new revision');
  }

  async recordStatus(scope: ActScope, observed: Observed, plan: Plan): Promise<void> {
    const { isvc } = observed;
    const { name, namespace, uid, resourceVersion } = isvc.metadata;
    const status = plain(plan.status);
    if (!isDeepStrictEqual(status, plain(isvc.status))) {
      await this.options.writer.applyStatus(scope, { apiVersion: API_VERSION, kind: KIND, metadata: { name, namespace, uid, resourceVersion }, status });
      scope.log.info({ phase: plan.status.phase, rollout: plan.status.rollout?.state, reason: plan.status.summary?.reason }, 'status written');
    }
    for (const event of plan.events) this.options.events.record({ apiVersion: API_VERSION, kind: KIND, metadata: { name, namespace, uid, resourceVersion } }, event);
  }

  inTurn(scope: ActScope, objects: readonly Intent[]): Intent[] {
    return objects.filter(({ object }) => {
      if (object.kind !== 'Deployment' || this.options.mayRoll(object)) return true;
      scope.hindrance = { next: 'WaitFor', ms: IN_TURN_MS, because: 'routers of other namespaces are rolling' };
      return false;
    });
  }

  async carryOut(scope: ActScope, objects: readonly Intent[], prune: readonly Ref[]): Promise<void> {
    const { writer, failures } = this.options;
    const failed: Failure[] = [];
    for (const intent of objects) {
      const failure = await this.applyOne(scope, intent);
      if (failure !== undefined) failed.push(failure);
    }
    for (const ref of prune) {
      await writer.remove(ref);
      scope.log.info({ object: `${ref.kind}/${ref.name}` }, 'removed');
    }
    const changed = failures.replace(scope.key, scope.generation, failed);
    if (changed) scope.hindrance = { next: 'WaitFor', ms: 0, because: 'the status has to show what could not be written, or no longer' };
    else if (failed[0] !== undefined) scope.hindrance = { next: 'Retry', because: `${failed[0].object}: ${failed[0].message}` };
  }

  wake(scope: ActScope, at: number, wakeAt: number | undefined): Outcome {
    const planned = wakeAt === undefined ? undefined : Math.max(0, wakeAt - at);
    if (scope.hindrance?.next === 'Retry') return { ...scope.hindrance, wakeInMs: planned };
    if (scope.hindrance !== undefined) return scope.hindrance;
    const held = this.options.failures.heldForMs(scope.key);
    const soonest = Math.min(held ?? Infinity, planned ?? Infinity);
    return { next: 'Settle', wakeInMs: soonest === Infinity ? undefined : soonest };
  }

  forget(key: string): Outcome {
    this.options.failures.forget(key);
    this.options.ownWrites.forget(key);
    return { next: 'Settle' };
  }

  private async applyOne(scope: ActScope, intent: Intent): Promise<Failure | undefined> {
    const { object } = intent;
    try {
      const sent = await this.options.writer.apply(scope, intent);
      if (sent) scope.log.debug({ object: `${object.kind}/${object.metadata.name}` }, 'applied');
      return undefined;
    } catch (error) {
      const failure = failureOf(error, object);
      if (failure === undefined) throw error;
      scope.log.warn({ object: failure.object, failure: failure.kind, err: error }, 'the API server refuses an object');
      return failure;
    }
  }
}

/** Carries out plans with the given writer. */
export const createAct = (options: ActOptions): Act => new PlanActor(options);
