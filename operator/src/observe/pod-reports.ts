// Owns what serving pods say about themselves: `/state` of servers that are not ready or not pinned yet, `/progress` of fetchers.
// Must not ask pods whose answer nobody needs.
import { FetchProgress, PORTS, ServerState } from '@slipway/api';
import type { PodFacts } from '../types.ts';
import type { Ask } from './ask.ts';

const TIMEOUT_MS = 1_000;
/** Pods asked per revision and pass; the first blocking cause is on the first ones as well. */
const ASKED_AT_MOST = 10;

export interface Known {
  /** The revision's package digest is known. */
  pinned: boolean;
  /** The server is Slipway's own, so that it has /state; the fetcher always is. */
  ours: boolean;
}

const runs = (pod: PodFacts, name: string): boolean => pod.containers.some((c) => c.name === name && c.running === true);

async function reportOf(pod: PodFacts, { pinned, ours }: Known, ask: Ask): Promise<Partial<PodFacts>> {
  const host = pod.ip ?? '';
  if (runs(pod, 'fetch')) {
    const answer = await ask({ host, port: PORTS.fetch, path: '/progress', schema: FetchProgress, timeoutMs: TIMEOUT_MS });
    return 'value' in answer ? { progress: answer.value } : {};
  }
  if (!ours || !runs(pod, 'server') || (pod.ready && pinned)) return {};
  const answer = await ask({ host, port: PORTS.admin, path: '/state', schema: ServerState, timeoutMs: TIMEOUT_MS });
  return 'value' in answer ? { state: answer.value } : {};
}

/** The pods of a revision with what they report. */
export async function withReports(pods: readonly PodFacts[], known: Known, ask: Ask): Promise<PodFacts[]> {
  let asked = 0;
  const mayAsk = (pod: PodFacts): boolean => !pod.deleting && (pod.phase === 'Running' || pod.phase === 'Pending');
  return Promise.all(
    pods.map(async (pod) => {
      if (pod.ip === undefined || !mayAsk(pod) || (pod.ready && (known.pinned || !known.ours)) || ++asked > ASKED_AT_MOST) return pod;
      return { ...pod, ...(await reportOf(pod, known, ask)) };
    }),
  );
}
