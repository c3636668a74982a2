// Owns what the routers of a namespace say: how many are ready and, only while a route is not acknowledged, which routes they serve.
// Must not guess: a router that does not answer is unreachable.
import { PORTS, ROUTE_KEY, RouterReport, routeConfigMapName } from '@slipway/api';
import { CONFIG_MAPS } from '@slipway/kube';
import type { Clock } from '@slipway/kube';
import type { InferenceService } from '@slipway/api';
import type { RouterFacts } from '../types.ts';
import type { Answer, Ask } from './ask.ts';
import { BY_ROUTER } from './caches.ts';
import type { Caches } from './caches.ts';
import { compact } from './compact.ts';
import { isReady, podFactsOf } from './pods.ts';
import { replicaFailureOf } from './revisions.ts';
import type { WithRoom } from './room.ts';
import type { Pod } from './shapes.ts';
import type { WithWarnings } from './warnings.ts';

/** Asks one router pod for its report. */
export type AskRouter = (pod: Pod) => Promise<Answer<RouterReport>>;

const TIMEOUT_MS = 1_000;
/** Milliseconds for which one answer serves every InferenceService of the namespace. Sequences only rise, so an old answer never claims too much. */
const SHARED_MS = 200;

/** A report names every route of the namespace, so passes over many InferenceServices share one question. */
export function createAskRouter(ask: Ask, clock: Clock): AskRouter {
  const answers = new Map<string, { at: number; answer: Promise<Answer<RouterReport>> }>();
  return (pod) => {
    const uid = pod.metadata.uid ?? '';
    const now = clock.monotonic();
    for (const [other, { at }] of answers) if (now - at >= SHARED_MS) answers.delete(other);
    const shared = answers.get(uid);
    if (shared !== undefined) return shared.answer;
    const answer = ask({ host: pod.status?.podIP ?? '', port: PORTS.admin, path: '/routes', schema: RouterReport, timeoutMs: TIMEOUT_MS });
    answers.set(uid, { at: now, answer });
    return answer;
  };
}

/** Undefined for a text that somebody broke: no acknowledgement can match it. */
function sequenceOf(text: string): number | undefined {
  try {
    return (JSON.parse(text) as { sequence?: number }).sequence;
  } catch {
    return undefined;
  }
}

/** True while some ready router may not serve the newest entry. */
function isUnacknowledged(caches: Caches, isvc: InferenceService): boolean {
  const { namespace, name } = isvc.metadata;
  const map = caches.of(CONFIG_MAPS)?.get(namespace, routeConfigMapName(name));
  const text = (map?.['data'] as Record<string, string> | undefined)?.[ROUTE_KEY];
  if (text === undefined) return false;
  const { route, conditions = [] } = isvc.status ?? {};
  const settled = conditions.some((c) => c.type === 'RoutesReady' && c.status === 'True');
  return !settled || route?.acknowledged !== sequenceOf(text);
}

export interface RouterSources {
  caches: Caches;
  askRouter: AskRouter;
  withWarnings: WithWarnings;
  withRoom: WithRoom;
}

/** What there is of routers none of which is ready, with what the kubelet and the scheduler say. */
async function absentOf({ caches, withWarnings, withRoom }: RouterSources, pods: readonly Pod[], namespace: string, at: number): Promise<RouterFacts['absent']> {
  const deployment = caches.deployments.byIndex(BY_ROUTER, namespace)[0];
  if (deployment === undefined) return undefined;
  const told = await withRoom(await withWarnings(pods.map(podFactsOf), namespace, at));
  return compact({ deployment, replicaFailure: replicaFailureOf(deployment)?.message, pods: told });
}

/** The routers as this InferenceService needs to know them. `at`: the pass's clock reading. */
export async function observeRouters(sources: RouterSources, isvc: InferenceService, at: number): Promise<RouterFacts> {
  const { caches, askRouter } = sources;
  const { namespace } = isvc.metadata;
  const pods = caches.pods.byIndex(BY_ROUTER, namespace).filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const asked = isUnacknowledged(caches, isvc);
  const facts = pods.map(async (pod) => {
    const ready = isReady(pod);
    const answer = asked && ready ? await askRouter(pod) : undefined;
    return {
      name: pod.metadata.name,
      ready,
      ...(answer !== undefined && 'value' in answer ? { report: answer.value } : {}),
      ...(answer !== undefined && 'unreachable' in answer ? { unreachable: answer.unreachable } : {}),
    };
  });
  const ready = pods.filter(isReady).length;
  const absent = ready === 0 ? await absentOf(sources, pods, namespace, at) : undefined;
  return compact({ ready, asked, pods: await Promise.all(facts), absent });
}
