// Owns how a collection is followed, as a pure state machine: list page by page, watch from there, and come back from every failure.
// Must not do I/O, read a clock or draw random numbers; list-watch.ts is its shell.
//
//   Empty --Start--> Listing --last page--> Watching --closed--> Watching
//                      ^  ^                   |
//                      |  +--- 410 at once ---+--- anything else ---> Backoff --Waited--> Watching (or Listing)
import { backoffMs } from './backoff.ts';
import type { Backoff } from './backoff.ts';
import { errorOfEvent } from './client.ts';
import { ApiError, TransportError, isExpired, retryAfterMs } from './errors.ts';
import { compareResourceVersions } from './resource-version.ts';
import type { KubeObject, WatchEvent } from './types.ts';

/** Setbacks in a row; both return to zero once a watch has lived for STEADY_MS. */
interface Setbacks {
  failures: number;
  expiries: number;
}

export type ListWatchState =
  | { phase: 'Empty' }
  | ({ phase: 'Listing' } & Setbacks)
  | ({ phase: 'Watching'; resourceVersion: string; openedAt?: number } & Setbacks)
  /** `resume` is the version to watch on from; without it the collection is listed anew. */
  | ({ phase: 'Backoff'; resume?: string } & Setbacks)
  | { phase: 'Stopped' };

export type ListWatchInput =
  | { type: 'Start' }
  | { type: 'Page'; items: KubeObject[]; resourceVersion: string; continue: string | undefined }
  | { type: 'Opened' }
  | { type: 'Event'; event: WatchEvent }
  | { type: 'Ended' }
  | { type: 'Failed'; error: ApiError | TransportError }
  | { type: 'Waited' }
  | { type: 'Stop' };

/** What the shell does next; its outcome is the next input. */
export type ListWatchCommand =
  | { do: 'List'; continue?: string }
  | { do: 'Watch'; resourceVersion: string }
  | { do: 'Read' }
  | { do: 'Wait'; ms: number }
  | { do: 'End' };

/** What the follower of the collection is told. */
export type Delivery =
  /** A list from scratch begins; what no page names until `Listed` is gone. */
  | { type: 'Begin' }
  | { type: 'Items'; items: KubeObject[] }
  | { type: 'Listed'; resourceVersion: string }
  | { type: 'Upsert'; object: KubeObject }
  | { type: 'Remove'; object: KubeObject }
  /** Everything up to this version has been told. */
  | { type: 'Progress'; resourceVersion: string };

export interface ListWatchStep {
  state: ListWatchState;
  command: ListWatchCommand;
  deliveries: readonly Delivery[];
  /** Set when a watch or list had to be started over: one word for metrics and logs. */
  restart?: string;
}

export interface StepContext {
  /** Monotonic milliseconds. */
  now: number;
  /** Random number in [0,1) for the jitter. */
  roll: number;
  backoff: Backoff;
}

/** Milliseconds after which an open watch counts as healthy. A shorter one that ends is never reopened without a wait. */
export const STEADY_MS = 1_000;

const NONE: Setbacks = { failures: 0, expiries: 0 };
const ended: ListWatchStep = { state: { phase: 'Stopped' }, command: { do: 'End' }, deliveries: [] };

const list = (setbacks: Setbacks): ListWatchStep => ({
  state: { phase: 'Listing', failures: setbacks.failures, expiries: setbacks.expiries },
  command: { do: 'List' },
  deliveries: [{ type: 'Begin' }],
});

const watch = (resourceVersion: string, setbacks: Setbacks): ListWatchStep => ({
  state: { phase: 'Watching', resourceVersion, failures: setbacks.failures, expiries: setbacks.expiries },
  command: { do: 'Watch', resourceVersion },
  deliveries: [],
});

function setbacksOf(state: ListWatchState, now: number): Setbacks {
  if (state.phase === 'Empty' || state.phase === 'Stopped') return NONE;
  if (state.phase === 'Watching' && isSteady(state, now)) return NONE;
  return { failures: state.failures, expiries: state.expiries };
}

const isSteady = (state: { openedAt?: number }, now: number): boolean => state.openedAt !== undefined && now - state.openedAt >= STEADY_MS;

/** True for failures that say nothing against the version watched so far. */
function mayResume(error: ApiError | TransportError): boolean {
  if (error instanceof TransportError) return error.failure !== 'BadAnswer';
  return error.status === 429 || error.status >= 500;
}

function backOff(state: ListWatchState, wait: { restart: string; resume?: string | undefined; atLeastMs?: number | undefined }, context: StepContext): ListWatchStep {
  const setbacks = setbacksOf(state, context.now);
  const failures = setbacks.failures + 1;
  const ms = Math.max(wait.atLeastMs ?? 0, backoffMs(context.backoff, failures, context.roll));
  return {
    state: { phase: 'Backoff', failures, expiries: setbacks.expiries, ...(wait.resume === undefined ? {} : { resume: wait.resume }) },
    command: { do: 'Wait', ms },
    deliveries: [],
    restart: wait.restart,
  };
}

/** The first 410 is answered by listing at once; one that follows without a healthy watch in between has to wait like any failure. */
function afterExpiry(state: ListWatchState, context: StepContext): ListWatchStep {
  const setbacks = setbacksOf(state, context.now);
  if (setbacks.expiries === 0) return { ...list({ ...setbacks, expiries: 1 }), restart: 'Expired' };
  return backOff(state, { restart: 'Expired' }, context);
}

const nameOf = (error: ApiError | TransportError): string => (error instanceof ApiError ? String(error.status) : error.failure);

function afterFailure(state: ListWatchState, error: ApiError | TransportError, context: StepContext): ListWatchStep {
  if (isExpired(error)) return afterExpiry(state, context);
  if (error instanceof TransportError && error.failure === 'Inactive') return afterEnd(state, context, 'Inactive');
  const resume = state.phase === 'Watching' && mayResume(error) ? state.resourceVersion : undefined;
  return backOff(state, { restart: nameOf(error), resume, atLeastMs: retryAfterMs(error) }, context);
}

function afterEnd(state: ListWatchState, context: StepContext, restart: string): ListWatchStep {
  if (state.phase !== 'Watching') return backOff(state, { restart }, context);
  if (isSteady(state, context.now)) return { ...watch(state.resourceVersion, NONE), restart };
  return backOff(state, { restart, resume: state.resourceVersion }, context);
}

function afterPage(state: ListWatchState, page: ListWatchInput & { type: 'Page' }, context: StepContext): ListWatchStep {
  const setbacks = setbacksOf(state, context.now);
  const items: Delivery = { type: 'Items', items: page.items };
  if (page.continue !== undefined && page.continue !== '') return { state, command: { do: 'List', continue: page.continue }, deliveries: [items] };
  return { ...watch(page.resourceVersion, setbacks), deliveries: [items, { type: 'Listed', resourceVersion: page.resourceVersion }] };
}

function afterOpening(state: ListWatchState, context: StepContext): ListWatchStep {
  const opened = state.phase === 'Watching' ? { ...state, openedAt: context.now } : state;
  return { state: opened, command: { do: 'Read' }, deliveries: [] };
}

const DELIVERED = { ADDED: 'Upsert', MODIFIED: 'Upsert', DELETED: 'Remove' } as const;

function afterEvent(state: ListWatchState, event: WatchEvent, context: StepContext): ListWatchStep {
  if (event.type === 'ERROR') return afterFailure(state, errorOfEvent(event), context);
  if (state.phase !== 'Watching') return { state, command: { do: 'Read' }, deliveries: [] };
  const object = event.object as KubeObject;
  const resourceVersion = object.metadata.resourceVersion ?? state.resourceVersion;
  if (isOlder(resourceVersion, state)) return afterOlder(state, event, context);
  const told: Delivery[] = event.type === 'BOOKMARK' ? [] : [{ type: DELIVERED[event.type], object }];
  return { state: { ...state, resourceVersion }, command: { do: 'Read' }, deliveries: [...told, { type: 'Progress', resourceVersion }] };
}

const isOlder = (resourceVersion: string, state: { resourceVersion: string }): boolean =>
  (compareResourceVersions(resourceVersion, state.resourceVersion) ?? 0) < 0;

/**
 * An API server tells changes in their order. One that comes late shows that something between reorders or repeats them: taken, it could
 * bring back what is gone; left out, it could be missed for ever. So the collection is listed anew. An older bookmark says nothing new.
 */
function afterOlder(state: ListWatchState, event: WatchEvent, context: StepContext): ListWatchStep {
  if (event.type === 'BOOKMARK') return { state, command: { do: 'Read' }, deliveries: [] };
  return backOff(state, { restart: 'OutOfOrder' }, context);
}

function afterWait(state: ListWatchState): ListWatchStep {
  if (state.phase !== 'Backoff') return ended;
  return state.resume === undefined ? list(state) : watch(state.resume, state);
}

/** One move: what was learned, to the next state, what to do there, and what to tell. Stop ends it from every state. */
export function step(state: ListWatchState, input: ListWatchInput, context: StepContext): ListWatchStep {
  if (state.phase === 'Stopped') return ended;
  switch (input.type) {
    case 'Stop':
      return ended;
    case 'Start':
      return list(NONE);
    case 'Page':
      return afterPage(state, input, context);
    case 'Opened':
      return afterOpening(state, context);
    case 'Event':
      return afterEvent(state, input.event, context);
    case 'Ended':
      return afterEnd(state, context, 'Closed');
    case 'Failed':
      return afterFailure(state, input.error, context);
    case 'Waited':
      return afterWait(state);
  }
}
