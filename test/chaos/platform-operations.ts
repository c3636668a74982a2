// Owns the operations on what all InferenceServices share: routers and operator, restarted, upgraded, and killed. Must not know requests or order.
import { LABELS } from '@slipway/api';
import { ENDPOINT_SLICES, LEASES, PODS } from '@slipway/kube';
import type { KubeObject } from '@slipway/kube';
import { until } from '../e2e/support/until.ts';
import { kill9, PATIENCE } from './hands.ts';
import type { Hands } from './hands.ts';

/** A process that was ended with SIGKILL. */
export interface Kill {
  program: 'router' | 'server' | 'operator';
  pod: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** Until when callers may still have been led to it: its Service has dropped it, or it serves again. */
  until: number;
}

export interface PlatformContext {
  hands: Hands;
  signal: AbortSignal;
  random: () => number;
  hold: (ms: number) => Promise<void>;
  /** Counts up: makes each upgrade unlike the one before. */
  count: number;
  killed: (kill: Kill) => void;
}

export type PlatformOperation = (context: PlatformContext) => Promise<void>;

interface Pod extends KubeObject {
  status?: { podIP?: string; containerStatuses?: { restartCount: number; ready: boolean }[] };
}

const ROUTERS = 'deployment/slipway-router';
/** What kubectl waits at most. */
const WAIT = '--timeout=240s';

const rolledOut = ({ hands }: PlatformContext): Promise<string> => hands.kubectl('rollout', 'status', ROUTERS, '-n', hands.namespace, WAIT);

async function routersRestarted(context: PlatformContext): Promise<void> {
  const { hands } = context;
  await hands.kubectl('rollout', 'restart', ROUTERS, '-n', hands.namespace);
  await rolledOut(context);
  await context.hold(1000);
}

const upgrade = async ({ hands }: PlatformContext, ...settings: string[]): Promise<void> => {
  const { access } = hands;
  await hands.helm('upgrade', access.release, access.chart, '-n', access.releaseNamespace, '--reset-then-reuse-values', '--wait', '--timeout', '240s', ...settings.flatMap((each) => ['--set-string', each]));
};

/** New operator pods, the same routers. */
const operatorUpgraded: PlatformOperation = (context) => upgrade(context, `operator.podAnnotations.chaos=${context.count}`);

const routerTemplate = async ({ hands }: PlatformContext): Promise<string> => await hands.kubectl('get', ROUTERS, '-n', hands.namespace, '-o', 'jsonpath={.spec.template.spec.containers[0].resources.requests.cpu}');

/** New operator pods that want other routers: these are rolled by the operator. */
async function routersUpgraded(context: PlatformContext): Promise<void> {
  const cpu = `${20 + (context.count % 10)}m`;
  await upgrade(context, `operator.podAnnotations.chaos=${context.count}`, `router.resources.requests.cpu=${cpu}`);
  await until('the operator has changed the routers', async () => (await routerTemplate(context)) === cpu, { ...PATIENCE, signal: context.signal });
  await rolledOut(context);
}

const podsOf = async ({ hands }: PlatformContext, namespace: string, labelSelector: string): Promise<Pod[]> =>
  (await hands.client.list<Pod>(PODS, { namespace, labelSelector })).items.filter((pod) => pod.metadata.deletionTimestamp === undefined && isReady(pod));

const isReady = (pod: Pod): boolean => pod.status?.containerStatuses?.every((each) => each.ready) ?? false;
const restartsOf = (pod: Pod | undefined): number => pod?.status?.containerStatuses?.reduce((sum, each) => sum + each.restartCount, 0) ?? 0;

interface Slice extends KubeObject {
  endpoints?: { addresses: string[]; conditions: { ready?: boolean } }[] | null;
}

/** Kills the pod's program and waits until it serves again; says until when callers may have met it. */
async function kill(context: PlatformContext, program: Kill['program'], pod: Pod): Promise<void> {
  const { client } = context.hands;
  const { name, namespace = '', uid = '' } = pod.metadata;
  const at = Date.now();
  if (!kill9(uid)) throw new Error(`no program runs in ${name}`);
  const record: Kill = { program, pod: name, at, until: Number.POSITIVE_INFINITY };
  context.killed(record);
  /** Undefined once a release has done away with the pod meanwhile. */
  const now = async (): Promise<Pod | undefined> => (await client.list<Pod>(PODS, { namespace, fieldSelector: `metadata.name=${name}` })).items[0];
  const leadsThere = async (): Promise<boolean> => {
    const { items } = await client.list<Slice>(ENDPOINT_SLICES, { namespace, labelSelector: LABELS.inferenceService });
    return items.some((slice) => slice.endpoints?.some((each) => each.addresses.includes(pod.status?.podIP ?? '') && each.conditions.ready !== false) ?? false);
  };
  await until(`${name} is dropped or serves again`, async () => !(await leadsThere()) || restartsOf(await now()) > restartsOf(pod), { ...PATIENCE, signal: context.signal });
  record.until = Date.now() + DROP_MS;
  await until(`${name} serves again or is gone`, async () => {
    const seen = await now();
    return seen === undefined || (restartsOf(seen) > restartsOf(pod) && isReady(seen));
  }, { ...PATIENCE, signal: context.signal });
}

/** From the EndpointSlice to every node's proxy, and from a started program to one that listens. */
const DROP_MS = 3_000;

const pick = <T>(items: readonly T[], random: () => number): T | undefined => items[Math.floor(random() * items.length)];

async function killOne(context: PlatformContext, program: 'router' | 'server'): Promise<void> {
  const pods = await podsOf(context, context.hands.namespace, `${LABELS.component}=${program}`);
  // One more than is killed must be left: what dies is a process, not the service.
  const pod = pick(pods.length < 2 ? [] : pods, context.random);
  if (pod !== undefined) await kill(context, program, pod);
}

async function killLeader(context: PlatformContext): Promise<void> {
  const { access, client } = context.hands;
  const leases = await client.list<KubeObject & { spec?: { holderIdentity?: string } }>(LEASES, { namespace: access.releaseNamespace });
  const holder = leases.items.find((each) => (each.spec?.holderIdentity ?? '') !== '')?.spec?.holderIdentity ?? '';
  const leader = (await podsOf(context, access.releaseNamespace, `${LABELS.name}=slipway`)).find((pod) => holder.startsWith(pod.metadata.name));
  if (leader !== undefined) await kill(context, 'operator', leader);
}

/** Everything that is done to routers and operator, by the name that the report uses. */
export const PLATFORM_OPERATIONS = {
  'routers restarted': routersRestarted,
  'operator upgraded': operatorUpgraded,
  'routers upgraded': routersUpgraded,
} as const satisfies Record<string, PlatformOperation>;

/** Only with --kill. */
export const KILLS = {
  'kill -9 router': (context) => killOne(context, 'router'),
  'kill -9 server': (context) => killOne(context, 'server'),
  'kill -9 operator': killLeader,
} as const satisfies Record<string, PlatformOperation>;
