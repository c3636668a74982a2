// Owns the operations on one InferenceService: a table of what people do with releases, each left healthy. Must not know requests or order.
import type { InferenceService } from '@slipway/api';
import { LABELS } from '@slipway/api';
import { CONTROLLER_REVISIONS } from '@slipway/kube';
import type { Hands } from './hands.ts';
import type { Watch } from './watch.ts';

export interface ServiceContext {
  name: string;
  hands: Hands;
  watch: Watch;
  /** A number in [0,1), by the run's seed. */
  random: () => number;
  /** Lets requests pass for so many milliseconds, at the present split. */
  hold: (ms: number) => Promise<void>;
  /** Pods of the service between operations. */
  replicas: number;
}

export type ServiceOperation = (context: ServiceContext) => Promise<void>;

/** Model versions that the operations go to and fro between. */
const VERSIONS = ['v1', 'v2'] as const;
/** Long enough for a split to be seen. */
const HOLD_MS = 2_500;
const CANARY = [{ setWeight: 10 }, { pause: {} }, { setWeight: 50 }, { pause: {} }];
const NO_STRATEGY = { canary: null, blueGreen: null, rollingUpdate: null, paused: false, progressDeadline: '10m' };

const rolloutOf = (isvc: InferenceService): NonNullable<NonNullable<InferenceService['status']>['rollout']> | undefined => isvc.status?.rollout;
const holds = (isvc: InferenceService, type: string): boolean =>
  isvc.status?.conditions?.some((each) => each.type === type && each.status === 'True' && each.observedGeneration === isvc.metadata.generation) ?? false;
const weightOf = (isvc: InferenceService, revision: string | undefined): number => isvc.status?.traffic?.find((each) => each.revision === revision)?.weight ?? 0;
const seen = (isvc: InferenceService): boolean => isvc.status?.observedGeneration === isvc.metadata.generation;

/** Nothing is under way, and nothing of the last release is kept any more. */
export const settled = (isvc: InferenceService): boolean =>
  seen(isvc) && holds(isvc, 'Ready') && holds(isvc, 'RolledOut') && rolloutOf(isvc)?.state === 'Idle' && rolloutOf(isvc)?.previous === undefined && isvc.status?.phase === 'Healthy';

const waitingAt = (weight: number) => (isvc: InferenceService): boolean => {
  const rollout = rolloutOf(isvc);
  return seen(isvc) && rollout?.state === 'Waiting' && rollout.promote !== undefined && weightOf(isvc, rollout.candidate) === weight;
};

const rejected = (isvc: InferenceService): boolean => {
  const rollout = rolloutOf(isvc);
  return rollout?.state === 'Rejected' && weightOf(isvc, rollout.stable) === 100;
};

function versionOf(isvc: InferenceService | undefined): string {
  const stable = isvc?.status?.rollout?.stable;
  return isvc?.status?.revisions?.find((each) => each.name === stable)?.modelVersion ?? VERSIONS[0];
}

const otherVersion = ({ watch, name }: ServiceContext): string => (versionOf(watch.service(name)) === VERSIONS[0] ? VERSIONS[1] : VERSIONS[0]);
const modelOf = (version: string): Record<string, unknown> => ({ storageUri: `file:///models/classifier/${version}`, version });

/** The whole spec of a service that is about to be used. */
export const specOf = (replicas: number): Record<string, unknown> => ({
  model: modelOf(VERSIONS[0]),
  resources: { requests: { cpu: '20m', memory: '200Mi' }, limits: { memory: '1Gi' } },
  replicas,
});

/** Starts a release of the model by the given strategy. Resolves with the generation that asks for it. */
async function release({ hands, name }: ServiceContext, version: string, rollout: Record<string, unknown>): Promise<number> {
  const isvc = await hands.patchService(name, { spec: { model: modelOf(version), rollout: { ...NO_STRATEGY, ...rollout } } });
  return isvc.metadata.generation;
}

const until = ({ watch, name }: ServiceContext, what: string, test: (isvc: InferenceService) => boolean): Promise<InferenceService> => watch.until(what, name, test);

/** As `until`, for what the operator says about this generation or a later one. */
const untilFrom = (context: ServiceContext, generation: number, what: string, test: (isvc: InferenceService) => boolean): Promise<InferenceService> =>
  until(context, what, (isvc) => isvc.metadata.generation >= generation && test(isvc));

/** Ends the present pause the way the docs say. */
async function promote(context: ServiceContext): Promise<void> {
  const value = context.watch.service(context.name)?.status?.rollout?.promote;
  if (value === undefined) throw new Error(`${context.name} does not wait for promotion`);
  await context.hands.annotate(context.name, 'promote', `${value}#${Date.now()}`);
}

/** The candidate of this moment, as a command names it: unlike any command before. */
function candidate({ watch, name }: ServiceContext): string {
  const revision = watch.service(name)?.status?.rollout?.candidate;
  if (revision === undefined) throw new Error(`${name} has no candidate`);
  return `${revision}#${Date.now()}`;
}

async function untilSettled(context: ServiceContext, generation = 0): Promise<void> {
  await untilFrom(context, generation, 'settled', settled);
  await context.hold(HOLD_MS / 2);
}

async function canaryPromoted(context: ServiceContext): Promise<void> {
  const generation = await release(context, otherVersion(context), { strategy: 'Canary', canary: { steps: CANARY } });
  for (const weight of [10, 50]) {
    await untilFrom(context, generation, `waiting at ${weight} %`, waitingAt(weight));
    await context.hold(HOLD_MS);
    await promote(context);
  }
  await untilSettled(context, generation);
}

async function canaryAborted(context: ServiceContext): Promise<void> {
  const before = versionOf(context.watch.service(context.name));
  const generation = await release(context, otherVersion(context), { strategy: 'Canary', canary: { steps: CANARY } });
  await untilFrom(context, generation, 'waiting at 10 %', waitingAt(10));
  await context.hold(HOLD_MS / 2);
  if (context.random() < 0.5) {
    await promote(context);
    await until(context, 'waiting at 50 %', waitingAt(50));
    await context.hold(HOLD_MS);
  }
  await context.hands.annotate(context.name, 'abort', candidate(context));
  await until(context, 'Rejected, all with the stable revision', rejected);
  await context.hold(HOLD_MS);
  await untilSettled(context, await release(context, before, { strategy: 'Canary', canary: { steps: CANARY } }));
}

/** Switches to the other version and stops there; the former revision stays for `delay`. */
async function switchOver(context: ServiceContext, delay: string): Promise<void> {
  const generation = await release(context, otherVersion(context), { strategy: 'BlueGreen', blueGreen: { autoPromote: false, scaleDownDelay: delay } });
  await untilFrom(context, generation, 'waiting for the switch', waitingAt(0));
  await context.hold(HOLD_MS / 2);
  await promote(context);
  await until(context, 'switched over', (isvc) => holds(isvc, 'RolledOut') && weightOf(isvc, rolloutOf(isvc)?.stable) === 100);
  await context.hold(HOLD_MS);
}

async function blueGreenSwitched(context: ServiceContext): Promise<void> {
  await switchOver(context, '1s');
  await untilSettled(context);
}

async function blueGreenUndone(context: ServiceContext): Promise<void> {
  const before = versionOf(context.watch.service(context.name));
  await switchOver(context, '120s');
  const generation = await release(context, before, { strategy: 'BlueGreen', blueGreen: { autoPromote: false, scaleDownDelay: '1s' } });
  await untilSettled(context, generation);
}

async function rollingUpdate(context: ServiceContext): Promise<void> {
  await untilSettled(context, await release(context, otherVersion(context), { strategy: 'RollingUpdate' }));
}

/** Back to the revision that serves the other version, by its number. A first time, there is none. */
async function undoneToRevision(context: ServiceContext): Promise<void> {
  const { hands, name } = context;
  const stable = context.watch.service(name)?.status?.rollout?.stable;
  const { items } = await hands.client.list(CONTROLLER_REVISIONS, { namespace: hands.namespace, labelSelector: `${LABELS.inferenceService}=${name}` });
  const known = new Set(context.watch.service(name)?.status?.revisions?.filter((each) => (VERSIONS as readonly string[]).includes(each.modelVersion)).map((each) => each.name));
  const other = items.find((each) => each.metadata.name !== stable && known.has(each.metadata.name));
  if (other === undefined) return canaryPromoted(context);
  const quick = await hands.patchService(name, { spec: { rollout: { ...NO_STRATEGY, strategy: 'Canary', canary: { steps: [{ setWeight: 30 }, { pause: { duration: '2s' } }] } } } });
  await untilFrom(context, quick.metadata.generation, 'settled', settled);
  await hands.plugin('undo', name, '--to-revision', String(other['revision']));
  await until(context, 'going back', (isvc) => isvc.metadata.generation > quick.metadata.generation && seen(isvc) && rolloutOf(isvc)?.stable === other.metadata.name);
  await untilSettled(context);
}

const readyPods = (count: number) => (isvc: InferenceService): boolean => seen(isvc) && isvc.status?.summary?.ready === `${count}/${count}` && holds(isvc, 'Ready');

async function scaledUpAndDown(context: ServiceContext): Promise<void> {
  const { hands, name, replicas } = context;
  await hands.kubectl('scale', 'isvc', name, '-n', hands.namespace, `--replicas=${replicas + 1}`);
  await until(context, 'scaled up', readyPods(replicas + 1));
  await context.hold(HOLD_MS / 2);
  await hands.kubectl('scale', 'isvc', name, '-n', hands.namespace, `--replicas=${replicas}`);
  await until(context, 'scaled down', (isvc) => isvc.spec.replicas === replicas && readyPods(replicas)(isvc));
  await untilSettled(context);
}

/** A model that is not there: rejected at the deadline, again after a retry, and then replaced by a good one. */
async function badModelRetried(context: ServiceContext): Promise<void> {
  const { hands, name } = context;
  const bad = { storageUri: 'file:///models/classifier/missing', version: 'missing' };
  const rollout = { ...NO_STRATEGY, strategy: 'Canary', canary: { steps: [{ setWeight: 50 }] }, progressDeadline: '3s' };
  const { metadata } = await hands.patchService(name, { spec: { model: bad, rollout } });
  await untilFrom(context, metadata.generation, 'Rejected', rejected);
  await hands.annotate(name, 'retry', candidate(context));
  await until(context, 'trying again', (isvc) => rolloutOf(isvc)?.state === 'Warming');
  await until(context, 'Rejected again', rejected);
  await untilSettled(context, await release(context, otherVersion(context), { strategy: 'Canary', canary: { steps: [{ setWeight: 50 }, { pause: { duration: '2s' } }] } }));
}

async function pausedAndResumed(context: ServiceContext): Promise<void> {
  const { hands, name } = context;
  const generation = await release(context, otherVersion(context), { strategy: 'Canary', canary: { steps: [{ setWeight: 20 }, { pause: { duration: '3s' } }, { setWeight: 60 }] } });
  await untilFrom(context, generation, 'at 20 %', (isvc) => weightOf(isvc, rolloutOf(isvc)?.candidate) === 20);
  await hands.plugin('pause', name);
  await until(context, 'paused', (isvc) => isvc.spec.rollout.paused && seen(isvc));
  await context.hold(HOLD_MS);
  await hands.plugin('resume', name);
  await untilSettled(context);
}

/** Everything that is done to one InferenceService, by the name that the report uses. */
export const SERVICE_OPERATIONS = {
  'canary, promoted': canaryPromoted,
  'canary, aborted': canaryAborted,
  'blue-green, switched': blueGreenSwitched,
  'blue-green, undone': blueGreenUndone,
  'rolling update': rollingUpdate,
  'undo to a revision': undoneToRevision,
  'scale up and down': scaledUpAndDown,
  'bad model, retried': badModelRetried,
  'paused and resumed': pausedAndResumed,
} as const satisfies Record<string, ServiceOperation>;

/** Brings a service back after an operation that failed in the middle. */
export async function recovered(context: ServiceContext): Promise<void> {
  await context.hands.patchService(context.name, { spec: { replicas: context.replicas } });
  await untilSettled(context, await release(context, versionOf(context.watch.service(context.name)), { strategy: 'RollingUpdate' }));
}
