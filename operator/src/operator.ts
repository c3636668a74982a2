// Owns how the parts of the operator are put together: watches feed the queue, the leader's workers run passes. Must not contain logic of
// its own; tests build the same operator against a real API server.
import type { Change, Client, Clock, KubeObject } from '@slipway/kube';
import type { OperatorConfig } from './config.ts';
import { createAsk } from './observe/ask.ts';
import { createClockSteps } from './observe/clock-steps.ts';
import type { ClockSteps } from './observe/clock-steps.ts';
import { createCaches, isOfRouter } from './observe/caches.ts';
import type { Caches } from './observe/caches.ts';
import { keysFor } from './observe/keys.ts';
import { createObserveNamespace } from './observe/namespace.ts';
import { createObserve } from './observe/observe.ts';
import { mayRoll } from './observe/router-rollouts.ts';
import { createAskRouter } from './observe/routers.ts';
import { createLostRevisions } from './observe/lost-revisions.ts';
import type { LostRevisions } from './observe/lost-revisions.ts';
import { createWithRoom } from './observe/room.ts';
import { createIsRecorded } from './observe/strays.ts';
import { createWithWarnings } from './observe/warnings.ts';
import { planFor, planForNamespace } from './plan/index.ts';
import { createReconcile } from './reconcile.ts';
import { createAct } from './runtime/act.ts';
import type { Act } from './runtime/act.ts';
import { startAdmin } from './runtime/admin.ts';
import type { AdminServer } from './runtime/admin.ts';
import { createEventRecorder } from './runtime/events.ts';
import { createFailureMemory } from './runtime/failures.ts';
import type { FailureMemory } from './runtime/failures.ts';
import { createElection } from './runtime/leader.ts';
import type { Election } from './runtime/leader.ts';
import { leaseStore } from './runtime/lease-store.ts';
import type { Log } from './runtime/log.ts';
import type { OperatorMetrics } from './runtime/metrics.ts';
import { createOwnWrites } from './runtime/own-writes.ts';
import { createQueue } from './runtime/queue.ts';
import type { Queue } from './runtime/queue.ts';
import { createRunner } from './runtime/runner.ts';
import type { Pass, Runner } from './runtime/runner.ts';
import { createWriter } from './runtime/writer.ts';
import type { Writer } from './runtime/writer.ts';

export interface OperatorOptions {
  config: OperatorConfig;
  client: Client;
  /** For the Lease alone. */
  leaseClient: Client;
  clock: Clock;
  random: () => number;
  log: Log;
  metrics: OperatorMetrics;
}

export interface Operator {
  /** Listens, follows the cluster and stands for election. Resolves with the admin port. */
  start(): Promise<number>;
  /** Ends passes, gives the Lease back, closes everything. */
  stop(): Promise<void>;
}

interface Eyes {
  caches: Caches;
  lost: LostRevisions;
  steps: ClockSteps;
  /** Every key there is, for a new leader. */
  allKeys(): string[];
}

/** Watches, and the way from a change to the queue. `writer` is told of what is gone. */
function createEyes({ config, client, clock, random, log, metrics }: OperatorOptions, queue: Queue, forget: (object: KubeObject) => void): Eyes {
  const onChange = (change: Change): void => {
    if (change.type === 'Deleted') forget(change.object);
    lost.note(change);
    for (const key of keysFor(change, caches)) queue.add(key);
  };
  const allKeys = (): string[] => caches.inferenceServices.all().flatMap(({ metadata: { namespace = '', name } }) => [namespace, `${namespace}/${name}`]);
  const caches = createCaches({
    client,
    clock,
    random,
    log,
    namespaces: config.watchNamespaces,
    onChange,
    onRestart: (resource, cause, error) => {
      metrics.watchRestarted(resource, cause);
      log[error === undefined ? 'debug' : 'info']({ resource, cause, err: error }, 'a watch starts over');
    },
    onMonitorsServed: () => allKeys().forEach((key) => queue.add(key)),
  });
  const lost = createLostRevisions((namespace, name) => caches.inferenceServices.get(namespace, name));
  return { caches, lost, steps: createClockSteps(clock), allKeys };
}

/** The pass, from the caches and the writer. */
function createPass(options: OperatorOptions, { caches, lost, steps }: Eyes, failures: FailureMemory, act: Act): Pass {
  const { config, client, clock } = options;
  const ask = createAsk();
  const tales = { ask, withWarnings: createWithWarnings(client, clock), withRoom: createWithRoom(client, clock) };
  return createReconcile({
    observe: createObserve({ caches, lost, steps, clock, ...tales, askRouter: createAskRouter(ask, clock), isRecorded: createIsRecorded(client), failuresOf: failures.of }),
    observeNamespace: createObserveNamespace({ caches, client, clock }),
    planFor: (observed) => planFor(observed, config.plan),
    planForNamespace: (observed) => planForNamespace(observed, config.namespace),
    act,
    steps,
  });
}

class AssembledOperator implements Operator {
  private readonly options: OperatorOptions;
  private readonly queue: Queue;
  private readonly eyes: Eyes;
  private readonly runner: Runner;
  private readonly election: Election;
  private admin: AdminServer | undefined;
  private stopped = false;

  constructor(options: OperatorOptions) {
    const { config, client, clock, random, log, metrics } = options;
    this.options = options;
    this.queue = createQueue({ clock, random });
    this.eyes = createEyes(options, this.queue, (object) => writer.forget(object));
    const { caches } = this.eyes;
    const ownWrites = createOwnWrites((type, namespace, version) => caches.of(type)?.hasSeen(namespace, version) ?? true, clock);
    const writer: Writer = createWriter({ client, ownWrites, isLeader: () => this.election.isLeader(), cached: (type, namespace, name) => caches.of(type)?.get(namespace, name) });
    const failures = createFailureMemory(clock);
    const events = createEventRecorder({ client, clock, log, metrics, controller: 'slipway-operator', instance: config.lease.identity });
    const mayRollNow = (intent: KubeObject): boolean => mayRoll(intent, caches.deployments.all().filter(isOfRouter), config.routerRollouts);
    const act = createAct({ writer, ownWrites, failures, events, clock, mayRoll: mayRollNow });
    const kindOf = (key: string): string => (key.includes('/') ? 'inferenceservice' : 'namespace');
    this.runner = createRunner({ queue: this.queue, pass: createPass(options, this.eyes, failures, act), workers: config.workers, clock, log, metrics, kindOf });
    this.election = this.createElection();
    metrics.connect({ queueDepth: () => this.queue.depth, leading: () => this.election.isLeader(), cached: () => caches.sizes() });
  }

  async start(): Promise<number> {
    const { config, metrics } = this.options;
    this.admin = await startAdmin({ port: config.adminPort, metrics, missing: () => this.missing() });
    this.eyes.caches.start();
    void this.electOnceSynced();
    return this.admin.port;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.election.stop();
    this.queue.close();
    await this.eyes.caches.stop();
    await this.admin?.close();
  }

  private createElection(): Election {
    const { config, leaseClient, clock, random, log } = this.options;
    return createElection({
      store: leaseStore(leaseClient, config.lease.namespace, config.lease.name),
      identity: config.lease.identity,
      clock,
      random,
      log,
      onStarted: () => {
        for (const key of this.eyes.allKeys()) this.queue.add(key);
        this.runner.start();
      },
      onStopped: async () => {
        await this.runner.pause();
        this.eyes.steps.reset();
      },
    });
  }

  private missing(): string | undefined {
    const resource = this.eyes.caches.unsynced();
    return resource === undefined ? undefined : `${resource} are not listed yet`;
  }

  /** A replica whose caches are not filled must not lead: it would hold the Lease without being able to act. */
  private async electOnceSynced(): Promise<void> {
    const { clock } = this.options;
    while (!this.stopped && this.missing() !== undefined) await new Promise<void>((resolve) => clock.after(50, resolve));
    if (!this.stopped) this.election.start();
  }
}

/** The operator, not started. */
export const createOperator = (options: OperatorOptions): Operator => new AssembledOperator(options);
