// Owns a small fake world for the planner: pods that take time, routers that acknowledge late, a status with versions.
// Must not know how the planner decides. It applies plans as the operator's shell does: revision, status, objects, prune.
import { InferenceServiceSpec, InferenceServiceStatus, ROUTE_KEY, RouteEntry } from '@slipway/api';
import type { InferenceService } from '@slipway/api';
import { planFor } from '../../operator/src/plan/index.ts';
import type { Failure, Intent, KubeObject, Observed, Plan, PodFacts, RevisionFacts, RevisionRecord, RouterFacts } from '../../operator/src/types.ts';
import { Invariants } from './invariants.ts';
import { Story } from './story.ts';

export const NAME = 'sentiment';
export const NAMESPACE = 'default';
const UID = '00000000-0000-0000-0000-000000000001';
const START = Date.parse('2026-01-01T00:00:00Z');
export const CONFIG = { images: { server: 'slipway.local/server:1', router: 'slipway.local/router:1' }, clusterDomain: 'cluster.local' };

export interface FakePod {
  name: string;
  createdAt: number;
  /** Seconds that it lives; the wall clock may jump. */
  age: number;
  /** Seconds from creation until ready; undefined: never. */
  readyAfter: number | undefined;
  ready: boolean;
  /** It found other files behind storageUri than the revision is pinned to. */
  otherBytes?: boolean;
  /** Seconds left of its drain; undefined while it lives. */
  draining?: number;
}

export interface FakeDeployment {
  name: string;
  uid: string;
  version: number;
  replicas: number;
  pods: FakePod[];
}

export interface FakeRouter {
  name: string;
  ready: boolean;
  reachable: boolean;
  /** The entry it serves. */
  entry?: RouteEntry;
}

export interface WorldOptions {
  spec?: Record<string, unknown>;
  routers?: number;
  /** Random source in [0,1) for the order of things; without one the order is fixed. */
  random?: () => number;
  /** Seconds that a pod needs. */
  readyAfter?: number;
}

type RawSpec = { model: Record<string, unknown>; rollout?: Record<string, unknown>; [key: string]: unknown };

/** `v2` and nothing else: the model version names the revision in stories. */
const modelOf = (version: string): Record<string, unknown> => ({ storageUri: `https://models.example/${version}.tar.gz`, version });

export class World {
  now = START;
  rawSpec: RawSpec;
  generation = 1;
  annotations: Record<string, string> = {};
  deleted = false;
  status: InferenceServiceStatus | undefined;
  statusVersion = 1;
  readonly revisions = new Map<string, { sequence: number; createdAt: number; uid: string; record: RevisionRecord }>();
  readonly deployments = new Map<string, FakeDeployment>();
  readonly children = new Map<string, KubeObject>();
  readonly routers: FakeRouter[];
  readonly story: Story;
  readonly invariants: Invariants;
  failures: Failure[] = [];
  config = CONFIG;
  /** Model versions whose pods never get ready. */
  readonly broken = new Set<string>();
  /** Model versions whose pods the API server refuses. */
  readonly refused = new Set<string>();
  /** Model versions whose pods fetch other bytes from now on. */
  readonly changedBytes = new Set<string>();
  /** Counts every write of the operator. */
  writes = 0;
  /** Throws Crash when `writes` reaches this. */
  crashAt: number | undefined;
  serviceMonitor = false;
  ports: { public: number; preview: number } | undefined = { public: 20_000, preview: 20_001 };
  /** Something else that happens in every tick. */
  between: (() => void) | undefined;
  private clockStepMs = 0;
  private counter = 0;
  private parsed: { raw: RawSpec; spec: InferenceServiceSpec } | undefined;
  readonly random: (() => number) | undefined;
  readonly readyAfter: number;

  constructor(options: WorldOptions = {}) {
    this.rawSpec = { model: modelOf('v1'), replicas: 2, ...options.spec };
    this.random = options.random;
    this.readyAfter = options.readyAfter ?? 3;
    this.routers = Array.from({ length: options.routers ?? 2 }, (_, index) => ({ name: `router-${index}`, ready: true, reachable: true }));
    this.story = new Story(this);
    this.invariants = new Invariants(this);
  }

  // what a person does

  edit(change: Record<string, unknown>): void {
    this.rawSpec = { ...this.rawSpec, ...change };
    this.generation += 1;
    this.story.person(`edits the spec: ${JSON.stringify(change)}`);
  }

  model(version: string): void {
    this.rawSpec = { ...this.rawSpec, model: modelOf(version) };
    this.failures = [];
    this.generation += 1;
    this.story.person(`sets the model to ${version}`);
  }

  rollout(change: Record<string, unknown>): void {
    this.edit({ rollout: { ...this.rawSpec.rollout, ...change } });
  }

  /** `target`: a model version, or a literal revision name. */
  command(verb: 'promote' | 'abort' | 'retry', target: string, suffix = ''): void {
    const value = `${this.revisionOf(target) ?? target}${suffix}`;
    this.annotations[`serving.slipway.dev/${verb}`] = value;
    this.story.person(`annotates ${verb}: ${value}`);
  }

  remove(): void {
    this.deleted = true;
    this.story.person('deletes the InferenceService');
  }

  // what the world does

  killPods(version: string, count = 99): void {
    const deployment = this.deployments.get(this.revisionOf(version) ?? '');
    const victims = deployment?.pods.filter((pod) => pod.draining === undefined).slice(0, count) ?? [];
    if (deployment !== undefined) deployment.pods = deployment.pods.filter((pod) => !victims.includes(pod));
    this.story.happens(`${victims.length} pod(s) of ${version} die`);
  }

  /** Somebody sets the operator's clock; it notices, and knows by how much until the new times are recorded. */
  setClock(seconds: number): void {
    this.now += seconds * 1000;
    this.clockStepMs += seconds * 1000;
    this.story.happens(`the clock is set by ${seconds} s`);
  }

  /** One kubelet and Deployment controller step. */
  stepPods(seconds: number): void {
    for (const deployment of this.deployments.values()) this.stepDeployment(deployment, seconds);
  }

  private stepDeployment(deployment: FakeDeployment, seconds: number): void {
    const version = this.versionOf(deployment.name);
    const living = deployment.pods.filter((pod) => pod.draining === undefined);
    for (let n = living.length; n < deployment.replicas; n += 1) deployment.pods.push(this.newPod(deployment.name));
    for (const pod of [...living].sort((a, b) => Number(a.ready) - Number(b.ready)).slice(0, Math.max(0, living.length - deployment.replicas))) {
      pod.draining = 2;
      pod.ready = false;
    }
    for (const pod of deployment.pods) {
      if (pod.draining !== undefined) pod.draining -= seconds;
      else if (this.broken.has(version) || pod.otherBytes === true) pod.ready = false;
      else pod.ready = pod.readyAfter !== undefined && pod.age >= pod.readyAfter;
      pod.age += seconds;
    }
    deployment.pods = deployment.pods.filter((pod) => pod.draining === undefined || pod.draining > 0);
  }

  private newPod(deployment: string): FakePod {
    this.counter += 1;
    const otherBytes = this.changedBytes.has(this.versionOf(deployment));
    return { name: `${deployment}-p${this.counter}`, createdAt: this.now, age: 0, readyAfter: this.readyAfter, ready: false, ...(otherBytes ? { otherBytes } : {}) };
  }

  /** One router looks at the route ConfigMap; it refuses a lower sequence. */
  stepRouter(router: FakeRouter): void {
    const entry = this.writtenEntry();
    if (!router.ready || entry === undefined) return;
    if (router.entry === undefined || entry.sequence > router.entry.sequence) router.entry = entry;
  }

  writtenEntry(): RouteEntry | undefined {
    const data = this.children.get(`ConfigMap/${NAME}-route`)?.['data'] as Record<string, string> | undefined;
    return data?.[ROUTE_KEY] === undefined ? undefined : RouteEntry.parse(JSON.parse(data[ROUTE_KEY]));
  }

  // what the operator does

  /** One pass: observe, plan, record, act. */
  pass(): Plan | undefined {
    const observed = this.observe();
    if (observed === undefined) return undefined;
    const plan = planFor(observed, this.config);
    this.invariants.onPlan(observed, plan);
    this.carryOut(plan, this.statusVersion);
    return plan;
  }

  planned(observed: Observed): Plan {
    return planFor(observed, this.config);
  }

  /** Records and applies a plan that was decided from `decidedFrom`; a stale plan dies at the status. */
  carryOut(plan: Plan, decidedFrom: number): 'done' | 'stale' {
    if (plan.revision !== undefined && !this.createRevision(plan.revision)) return 'stale';
    if (JSON.stringify(plan.status) !== JSON.stringify(this.status)) {
      if (decidedFrom !== this.statusVersion) return 'stale';
      this.wrote('status');
      this.status = frozen(plan.status);
      this.statusVersion += 1;
      this.story.recorded(plan.events);
    }
    this.clockStepMs = 0;
    for (const intent of plan.objects) if (this.apply(intent) === 'stale') return 'stale';
    for (const ref of plan.prune) this.prune(ref.kind, ref.name, ref.uid);
    this.invariants.check();
    return 'done';
  }

  private wrote(what: string): void {
    this.writes += 1;
    if (this.writes === this.crashAt) throw new Crash(what);
  }

  /** As the shell does: a dry run of the pods comes first, and a refusal is an observation of the next pass. */
  private createRevision(object: KubeObject): boolean {
    const name = object.metadata.name;
    if (this.revisions.has(name)) return true;
    const record = object['data'] as RevisionRecord;
    if (this.refused.has(record.modelVersion)) {
      this.failures = [{ kind: 'InvalidPodTemplate', object: `Deployment/${name}`, message: 'spec.template.spec.containers[0].image: Required value' }];
      return false;
    }
    this.wrote(`ControllerRevision ${name}`);
    this.counter += 1;
    this.revisions.set(name, { sequence: object['revision'] as number, createdAt: this.now, uid: `rev-${this.counter}`, record: frozen(record) });
    return true;
  }

  private apply({ object, resourceVersion }: Intent): 'done' | 'stale' {
    return object.kind === 'Deployment' ? this.applyDeployment(object, resourceVersion) : this.applyChild(object, resourceVersion);
  }

  private applyDeployment(object: KubeObject, resourceVersion: string | undefined): 'done' | 'stale' {
    const name = object.metadata.name;
    const replicas = (object['spec'] as { replicas: number }).replicas;
    const present = this.deployments.get(name);
    if (present === undefined) {
      this.wrote(`Deployment ${name}`);
      this.counter += 1;
      this.deployments.set(name, { name, uid: `dep-${this.counter}`, version: 1, replicas, pods: [] });
      return 'done';
    }
    if (present.replicas === replicas) return 'done';
    if (replicas < present.replicas && resourceVersion === undefined) throw new Error(`${name} is scaled down without a precondition`);
    if (resourceVersion !== undefined && resourceVersion !== String(present.version)) return 'stale';
    if (replicas < present.replicas) this.invariants.onShrink(name, replicas);
    this.wrote(`Deployment ${name}`);
    present.replicas = replicas;
    present.version += 1;
    return 'done';
  }

  private applyChild(object: KubeObject, resourceVersion: string | undefined): 'done' | 'stale' {
    const key = `${object.kind}/${object.metadata.name}`;
    const present = this.children.get(key);
    const version = present?.metadata.resourceVersion;
    if (resourceVersion !== undefined && resourceVersion !== version) return 'stale';
    if (present !== undefined && JSON.stringify(bare(present)) === JSON.stringify(object)) return 'done';
    this.wrote(key);
    if (present === undefined) this.counter += 1;
    this.invariants.onApply(object);
    this.children.set(key, frozen({ ...object, metadata: { ...object.metadata, uid: present?.metadata.uid ?? `child-${this.counter}`, resourceVersion: String(Number(version ?? 0) + 1) } }));
    return 'done';
  }

  private prune(kind: string, name: string, uid: string): void {
    if (kind === 'Deployment') {
      if (this.deployments.get(name)?.uid !== uid) return;
      this.invariants.onShrink(name, 0);
      this.wrote(`delete ${name}`);
      this.deployments.delete(name);
    } else if (kind === 'ControllerRevision') {
      if (this.revisions.get(name)?.uid !== uid) return;
      this.wrote(`delete ${name}`);
      this.invariants.onForget(name);
      this.revisions.delete(name);
    } else if (this.children.get(`${kind}/${name}`)?.metadata.uid === uid) {
      this.wrote(`delete ${kind}/${name}`);
      this.children.delete(`${kind}/${name}`);
    }
  }

  // what the operator sees

  isvc(): InferenceService {
    return {
      apiVersion: 'serving.slipway.dev/v1alpha1',
      kind: 'InferenceService',
      metadata: {
        name: NAME,
        namespace: NAMESPACE,
        uid: UID,
        resourceVersion: String(this.statusVersion),
        generation: this.generation,
        creationTimestamp: new Date(START).toISOString(),
        ...(this.deleted ? { deletionTimestamp: new Date(this.now).toISOString() } : {}),
        annotations: this.annotations,
      },
      spec: this.spec,
      ...(this.status === undefined ? {} : { status: InferenceServiceStatus.parse(this.status) }),
    };
  }

  /** The spec after defaulting; read once per edit. */
  get spec(): InferenceServiceSpec {
    if (this.parsed?.raw !== this.rawSpec) this.parsed = { raw: this.rawSpec, spec: frozen(InferenceServiceSpec.parse(this.rawSpec)) };
    return this.parsed.spec;
  }

  observe(): Observed | undefined {
    return {
      at: this.now,
      ...(this.clockStepMs === 0 ? {} : { clockStepMs: this.clockStepMs }),
      isvc: this.isvc(),
      revisions: [...this.revisions].map(([name, { sequence, createdAt, uid, record }]) => this.factsOf(name, { sequence, createdAt, uid, record })),
      children: Object.fromEntries(this.children),
      ...(this.ports === undefined ? {} : { ports: this.ports }),
      routers: this.routerFacts(),
      apis: { serviceMonitor: this.serviceMonitor },
      failures: this.failures,
    };
  }

  private factsOf(name: string, known: { sequence: number; createdAt: number; uid: string; record: RevisionRecord }): RevisionFacts {
    const deployment = this.deployments.get(name);
    const pods = deployment?.pods ?? [];
    const pinned = (this.children.get(`ConfigMap/${name}-package`)?.['data'] as Record<string, string> | undefined)?.['sha256'];
    return {
      name,
      hash: name.slice(NAME.length + 1),
      ...known,
      resourceVersion: '1',
      ...(deployment === undefined
        ? {}
        : { deployment: { uid: deployment.uid, resourceVersion: String(deployment.version), generation: 1, observedGeneration: 1, replicas: deployment.replicas, readyReplicas: this.readyPods(name) } }),
      readyEndpoints: this.readyPods(name),
      ...(pinned === undefined ? {} : { pinnedDigest: pinned }),
      pods: pods.map((pod) => this.podFacts(name, pod)),
    };
  }

  private podFacts(revision: string, pod: FakePod): PodFacts {
    const version = this.versionOf(revision);
    const digest = (pod.otherBytes === true ? 'b' : 'a').repeat(64);
    return {
      name: pod.name,
      uid: pod.name,
      ready: pod.ready,
      deleting: pod.draining !== undefined,
      phase: 'Running',
      createdAt: pod.createdAt,
      containers: [{ name: 'server', init: false, ready: pod.ready, restarts: 0, running: true }],
      state: this.broken.has(version)
        ? { phase: 'Failed', reason: 'ModelParseFailed', message: 'saved_model.pb is cut short', models: [] }
        : { phase: pod.ready ? 'Ready' : 'Loading', digest, modelVersion: version, models: [] },
    };
  }

  routerFacts(): RouterFacts {
    return {
      ready: this.routers.filter((router) => router.ready).length,
      asked: true,
      pods: this.routers.map(({ name, ready, reachable, entry }) => ({
        name,
        ready,
        ...(reachable && ready ? { report: { pod: name, entries: entry === undefined ? [] : [{ uid: entry.uid, name: entry.name, sequence: entry.sequence, listening: true, endpoints: {} }] } } : {}),
        ...(ready && !reachable ? { unreachable: 'connect ETIMEDOUT' } : {}),
      })),
    };
  }

  readyPods(revision: string): number {
    return this.deployments.get(revision)?.pods.filter((pod) => pod.ready).length ?? 0;
  }

  versionOf(revision: string): string {
    return this.revisions.get(revision)?.record.modelVersion ?? revision;
  }

  revisionOf(version: string): string | undefined {
    return [...this.revisions].find(([, each]) => each.record.modelVersion === version)?.[0];
  }

  // time

  /** One second of the world: pods, routers and the operator, in fixed or random order; in random order some are late. */
  tick(seconds = 1): void {
    this.now += seconds * 1000;
    const steps = [(): void => this.stepPods(seconds), ...this.routers.map((router) => (): void => this.stepRouter(router)), (): void => this.passOrCrash()];
    for (const step of this.ordered(steps)) step();
    this.between?.();
    this.invariants.check();
  }

  private passOrCrash(): void {
    try {
      this.pass();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.story.happens(`the operator dies before it has written ${error.message}; another one carries on`);
    }
  }

  private ordered<T>(steps: T[]): T[] {
    const { random } = this;
    if (random === undefined) return steps;
    return steps.filter(() => random() > 0.2).map((step) => ({ step, at: random() })).sort((a, b) => a.at - b.at).map(({ step }) => step);
  }

  /** Ticks until it holds; at most `limit` seconds. */
  until(what: string, holds: () => boolean, limit = 900): void {
    for (let n = 0; n < limit; n += 1) {
      if (holds()) return;
      this.tick();
    }
    throw new Error(`${what} did not happen in ${limit} s; ${JSON.stringify(this.status?.rollout)} ${JSON.stringify(this.status?.summary)}\n${this.story.text()}`);
  }

  run(seconds: number): void {
    for (let n = 0; n < seconds; n += 1) this.tick();
  }

  state(): string {
    return this.status?.rollout?.state ?? 'none';
  }

  /** Runs to where nothing changes any more and checks that further passes write nothing. */
  settle(limit = 900): void {
    let quiet = 0;
    for (let n = 0; n < limit && quiet < 8; n += 1) {
      const before = this.writes;
      this.tick();
      quiet = this.writes === before ? quiet + 1 : 0;
    }
    if (quiet < 8) throw new Error(`the world did not come to rest in ${limit} s\n${this.story.text()}`);
  }

  weights(): Record<string, number> {
    return Object.fromEntries((this.status?.traffic ?? []).map((each) => [this.versionOf(each.revision), each.weight]));
  }
}

/** The operator dies in the middle of a pass. */
export class Crash extends Error {}

/** What is shared with the planner cannot be changed by it. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

/** The object as it was applied, without what the API server adds. */
function bare({ metadata, ...rest }: KubeObject): KubeObject {
  const { uid: _uid, resourceVersion: _version, ...applied } = metadata;
  const { apiVersion, kind, ...fields } = rest;
  return { apiVersion, kind, metadata: applied, ...fields };
}
