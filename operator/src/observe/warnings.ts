// Owns the kubelet's warnings about pods that are in trouble and cannot say so themselves: volumes that do not mount, probes that fail.
// Events are asked for, never watched: a busy cluster has very many. Must not ask about pods that report on their own.
import { EVENTS } from '@slipway/kube';
import type { Client, Clock, KubeObject } from '@slipway/kube';
import type { PodFacts } from '../types.ts';

/** The pods of a revision, those in trouble with their warnings. `at`: the pass's clock reading. */
export type WithWarnings = (pods: readonly PodFacts[], namespace: string, at: number) => Promise<PodFacts[]>;

/** Milliseconds of life before a pod that is not ready is worth a question, and for which one answer is kept. */
const PATIENCE_MS = 5_000;
const KEPT_MS = 10_000;
/** Pods asked about per revision; the first blocking cause is on the oldest as well. */
const ASKED_AT_MOST = 2;
const EVENTS_AT_MOST = 50;

interface Warning extends KubeObject {
  reason?: string;
  note?: string;
  eventTime?: string | null;
  deprecatedLastTimestamp?: string | null;
  series?: { lastObservedTime?: string } | null;
}

const seenAt = ({ series, eventTime, deprecatedLastTimestamp, metadata }: Warning): string =>
  series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '';

/** The last message by reason. */
function byReason(warnings: readonly Warning[]): Record<string, string> {
  const sorted = [...warnings].sort((a, b) => (seenAt(a) < seenAt(b) ? -1 : 1));
  return Object.fromEntries(sorted.map(({ reason = '', note = '' }) => [reason, note]));
}

function isSilent(pod: PodFacts, at: number): boolean {
  if (pod.ready || pod.deleting || pod.state !== undefined || pod.progress !== undefined) return false;
  return (pod.phase === 'Pending' || pod.phase === 'Running') && pod.unschedulable === undefined && at - pod.createdAt >= PATIENCE_MS;
}

/** Asks the API server; what it does not tell stays unknown. */
export function createWithWarnings(client: Client, clock: Clock): WithWarnings {
  const kept = new Map<string, { until: number; answer: Promise<Record<string, string>> }>();
  const ask = async (uid: string, namespace: string): Promise<Record<string, string>> => {
    const fieldSelector = `regarding.uid=${uid},type=Warning`;
    const list = await client.list<Warning>(EVENTS, { namespace, fieldSelector, limit: EVENTS_AT_MOST }).catch(() => ({ items: [] }));
    return byReason(list.items);
  };
  const warningsOf = (uid: string, namespace: string): Promise<Record<string, string>> => {
    const now = clock.monotonic();
    for (const [other, { until }] of kept) if (until <= now) kept.delete(other);
    const known = kept.get(uid);
    if (known !== undefined) return known.answer;
    const answer = ask(uid, namespace);
    kept.set(uid, { until: now + KEPT_MS, answer });
    return answer;
  };
  return async (pods, namespace, at) => {
    const silent = new Set(pods.filter((pod) => isSilent(pod, at)).sort((a, b) => a.createdAt - b.createdAt).slice(0, ASKED_AT_MOST));
    return Promise.all(pods.map(async (pod) => (silent.has(pod) ? { ...pod, warnings: await warningsOf(pod.uid, namespace) } : pod)));
  };
}
