// How long a failing pod is left alone, and what that does to the split: time is moved by the tests, nothing is connected.
import { afterEach, expect, it } from 'vitest';
import { sequence } from '../pick/sequence.ts';
import { parseEntry } from '../table/entry.ts';
import type { Entry } from '../table/entry.ts';
import { Targets } from '../targets.ts';
import type { Draws, Placement } from '../targets.ts';
import { Pods } from './pods.ts';
import type { Pod } from './pods.ts';

const AVOID_MS = { first: 250, longest: 5000 };
let now = 0;
let pods: Pods;

function start(addresses: Record<string, string[]>): void {
  now = 0;
  pods = new Pods({ connectTimeoutMs: 1000, idleMs: 30_000, now: () => now, avoidMs: AVOID_MS });
  pods.setTargets(Object.keys(addresses).map((revision) => ({ revision, port: 1, grpcPort: 1 })));
  pods.setAddresses(new Map(Object.entries(addresses)));
}
afterEach(() => pods.close());

/** Milliseconds until the revision is worth trying again, to 10. */
function avoidedFor(revision: string): number {
  const from = now;
  while (!pods.isReachable(revision)) now += 10;
  return now - from;
}

function reserve(count: number): { pod: Pod; failures: number }[] {
  return Array.from({ length: count }, () => pods.reserve('svc-1', []) as Pod).map((pod) => ({ pod, failures: pod.failures }));
}

it('a pod that fails again and again is left alone for longer each time', () => {
  start({ 'svc-1': ['10.0.0.1'] });
  const waits = Array.from({ length: 7 }, () => {
    for (const { pod, failures } of reserve(1)) pods.failed(pod, 'connect', failures);
    return avoidedFor('svc-1');
  });
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
});

it('requests that fail together are one failure, however many they are; an answer ends it', () => {
  start({ 'svc-1': ['10.0.0.1'] });
  for (const { pod, failures } of reserve(64)) pods.failed(pod, 'connect', failures);
  expect(avoidedFor('svc-1')).toBe(250);
  const late = reserve(2);
  for (const { pod, failures } of late) {
    pods.failed(pod, 'connect', failures);
    now += 600;
  }
  // The second was under way when the first failed: the pod is left alone from its failure on, but no longer than the first said.
  now -= 600;
  expect(avoidedFor('svc-1')).toBe(500);
  for (const { pod } of reserve(1)) pods.succeeded(pod);
  for (const { pod, failures } of reserve(1)) pods.failed(pod, 'connect', failures);
  expect(avoidedFor('svc-1')).toBe(250);
});

// ---- what it does to the split

const backends = [{ revision: 'svc-1', role: 'stable', weight: 90, modelVersion: 'v1' }, { revision: 'svc-2', role: 'canary', weight: 10, modelVersion: 'v2' }];
const parsed = parseEntry(JSON.stringify({ schema: 1, uid: 'u', sequence: 1, namespace: 'n', name: 'svc', ports: { public: 1, preview: 2 }, targetPort: 1, backends, timeoutSeconds: 5, retry: 'Auto' }));
const { entry } = parsed as { entry: Entry };

const SECOND = 1000;
const RUN_MS = 60 * SECOND;
const CONCURRENT = 64;
/** Within it the one stable pod takes no connection. */
const isBlip = (): boolean => now >= 10 * SECOND && now < 10 * SECOND + 50;

interface Counts {
  canary: number;
  all: number;
  given: number;
}

/** A request that began: where it went in the end, after a failure or none. */
function finish(targets: Targets, first: Placement, fails: boolean): Placement {
  pods.release(first.pod);
  if (!fails) {
    pods.succeeded(first.pod);
    return first;
  }
  pods.failed(first.pod, 'connect', first.failures);
  return targets.after(first, { kind: 'connect', reused: false, message: '' }) as Placement;
}

/** Every 20 ms, 64 requests that are under way together. */
function simulate(): Counts {
  const draws: Draws = { common: sequence(0.3), pinned: sequence(0.7) };
  const counts: Counts = { canary: 0, all: 0, given: 0 };
  for (now = 0; now < RUN_MS; now += 20) {
    const begun = Array.from({ length: CONCURRENT }, () => {
      const targets = new Targets({ entry, kind: 'public' }, pods);
      const choice = targets.first({ version: undefined, mayNameVersion: false }, draws);
      if (choice === 'unavailable') throw new Error('nobody can answer');
      return { targets, insteadOf: choice.insteadOf, placement: targets.place(choice.backend) as Placement };
    });
    for (const { targets, insteadOf, placement } of begun) {
      const last = finish(targets, placement, isBlip() && placement.backend.role === 'stable');
      if (last !== placement) pods.release(last.pod);
      counts.all++;
      if (last.backend.role === 'canary') counts.canary++;
      if ((last.insteadOf ?? insteadOf) !== undefined) counts.given++;
    }
  }
  return counts;
}

it('a moment in which the stable pod takes no connection lends its share for about as long, and all that is lent is counted', () => {
  start({ 'svc-1': ['10.0.0.1'], 'svc-2': ['10.0.0.2'] });
  const { canary, all, given } = simulate();
  expect(all).toBe((RUN_MS / 20) * CONCURRENT);
  // A blip of 50 ms and the 250 ms after it are half a percent of the minute.
  expect(canary / all).toBeGreaterThan(0.1);
  expect(canary / all).toBeLessThan(0.107);
  expect(Math.abs(canary - given - all * 0.1)).toBeLessThan(10);
});
