// Owns what is wrong with the routers of a namespace, from what they said: which pod, and how far behind it is. Must not know pods of models.
import { REASONS } from '@slipway/api';
import type { Reason } from '@slipway/api';
import type { Because } from '../rollout/index.ts';
import type { Observed } from '../types.ts';
import { cause } from './cause.ts';
import { findingOf, refusedPods } from './pod-policies.ts';

const WORDS_OF_WAITING: Because = { reason: 'WaitingForRouters', message: REASONS.WaitingForRouters.advice };

/** Milliseconds for which routes may be without acknowledgement before that is called a cause: routers start, restart and learn in less. */
const PATIENCE_MS: Partial<Record<Reason, number>> = { RoutersNotReady: 60_000, RouterUnreachable: 5_000, RouterBehind: 15_000 };

/** Why the newest routes (number `sequence`) are not served everywhere. */
export function routerCause({ at, isvc, routers }: Observed, sequence: number | undefined): Because {
  if (routers.ready === 0) return cause('RoutersNotReady', absence(routers, at));
  const silent = routers.pods.find((pod) => pod.ready && pod.unreachable !== undefined);
  if (silent !== undefined) return cause('RouterUnreachable', `router ${silent.name}: ${silent.unreachable}`);
  const told = routers.pods.flatMap(({ name, report }) => (report === undefined ? [] : [{ name, entry: report.entries.find(({ uid }) => uid === isvc.metadata.uid) }]));
  const refusing = told.find(({ entry }) => entry?.refused !== undefined);
  if (refusing !== undefined) return cause('RouterBehind', `router ${refusing.name} refuses the newest routes: ${refusing.entry?.refused}`);
  const behind = told.find(({ entry }) => entry === undefined || entry.sequence < (sequence ?? 0));
  if (behind === undefined) return WORDS_OF_WAITING;
  return cause('RouterBehind', `router ${behind.name} ${behind.entry === undefined ? 'does not know this InferenceService yet' : `serves routes number ${behind.entry.sequence}, the newest are number ${sequence}`}`);
}

/** What keeps all of them from being ready; empty while nothing is wrong that shows. */
function absence({ absent }: Observed['routers'], at: number): string {
  if (absent === undefined) return '';
  const { deployment, replicaFailure, pods } = absent;
  return (replicaFailure === undefined ? findingOf(pods, deployment, at) : refusedPods(replicaFailure))?.seen ?? '';
}

/** The same once it has lasted: not a wait that ends by itself any more. Undefined while all is well or young. */
export function routersBlock(observed: Observed, sequence: number | undefined, acknowledged: number | undefined): Because | undefined {
  if (sequence === undefined || (observed.routers.ready > 0 && sequence === acknowledged)) return undefined;
  const found = routerCause(observed, sequence);
  return lastedMs(observed, found.reason) >= (PATIENCE_MS[found.reason] ?? Infinity) ? found : undefined;
}

/** Milliseconds for which the routes have been unserved, if the last pass found the same reason. */
function lastedMs({ at, isvc }: Observed, reason: Reason): number {
  const before = isvc.status?.conditions?.find(({ type }) => type === 'RoutesReady');
  return before?.status === 'False' && before.reason === reason ? at - Date.parse(before.lastTransitionTime) : 0;
}
