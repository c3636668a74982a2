// Applies the sample service and follows it until it predicts. It must not know how the cluster or the chart came about.
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { InferenceService } from '@slipway/api';
import type { Note } from '../progress.ts';
import type { ClusterPrograms } from './programs.ts';
import { describeState, isDone } from './service-state.ts';

export const SERVICE = 'sentiment';
export const MANIFEST = 'models/sentiment/isvc.yaml';
export const SAMPLE = { text: 'not bad at all' };

const APPLY_MS = 60_000;
const READY_MS = 5 * 60_000;
const FIRST_ANSWER_MS = 30_000;
const POLL_MS = 1000;

/** Where and with what the sample runs. */
export interface SampleContext {
  /** Repository root. */
  readonly root: string;
  readonly namespace: string;
  readonly programs: ClusterPrograms;
  readonly note: Note;
  readonly signal: AbortSignal;
}

/** Applies the manifest. A kind that was installed a moment ago may take a few seconds to be known. */
export async function applySample({ root, namespace, programs, note, signal }: SampleContext): Promise<void> {
  note(`kubectl apply -f ${MANIFEST}`);
  const apply = (): Promise<string> => programs.kubectl(['apply', '--namespace', namespace, '--filename', path.join(root, MANIFEST)]);
  await retry(apply, { timeoutMs: APPLY_MS, signal });
}

/** Follows the service until it is done, telling what it is at. Throws with its state and the next command if it takes too long. */
export async function followSample(context: SampleContext): Promise<void> {
  const { programs, namespace, note, signal } = context;
  for (const until = Date.now() + READY_MS; ; await delay(POLL_MS, undefined, { signal })) {
    const json = await programs.kubectl(['get', 'isvc', SERVICE, '--namespace', namespace, '--output', 'json']);
    const service = JSON.parse(json) as InferenceService;
    if (isDone(service)) return;
    const state = describeState(service);
    note(state);
    if (Date.now() < until) continue;
    throw new Error(`${SERVICE} is not ready after ${READY_MS / 60_000} minutes: ${state}\nlook at it with: kubectl describe isvc ${SERVICE} -n ${namespace}`);
  }
}

/** Sends the sample request to `url` exactly as the printed curl command does (with curl's default type); returns the answer's body. */
export async function predictSample(url: string, signal: AbortSignal): Promise<string> {
  const request = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: JSON.stringify(SAMPLE), signal };
  return retry(async () => {
    const answer = await fetch(`${url}/predict`, request);
    const body = await answer.text();
    if (!answer.ok) throw new Error(`${url}/predict answered ${answer.status}: ${body}`);
    return body.trim();
  }, { timeoutMs: FIRST_ANSWER_MS, signal });
}

/** Tries until it works; after the time is up the last failure is thrown. */
async function retry<T>(work: () => Promise<T>, { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): Promise<T> {
  for (const until = Date.now() + timeoutMs; ;) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || Date.now() > until) throw error;
    }
    await delay(POLL_MS, undefined, { signal });
  }
}
