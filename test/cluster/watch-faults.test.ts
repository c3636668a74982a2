// The list-watch against a real API server behind a proxy that misbehaves: after each fault the cache is what the API server has, the API
// server was not hammered, and nothing is left open. A fault is healed by its own proxy, so all of them run at the same time.
import { isDeepStrictEqual } from 'node:util';
import { CONFIG_MAPS, createClient, createInformer, createTransport, kubeconfigConnection } from '@slipway/kube';
import type { Backoff, Client, Informer, KubeObject } from '@slipway/kube';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { until } from '../../tools/cluster/wait.ts';
import { startApiServer } from '../support/apiserver.ts';
import type { ApiServer } from '../support/apiserver.ts';
import { countingClock } from '../support/counting-clock.ts';
import type { CountingClock } from '../support/counting-clock.ts';
import { FAULTS, startFaultyProxy } from '../support/faulty-proxy.ts';
import type { Fault, FaultyProxy } from '../support/faulty-proxy.ts';
import { clientFor, namespaceFor } from '../support/kube-client.ts';

/** Generous: the machine may be busy. */
const soon = (is: () => boolean, what: string): Promise<true> => until(is, { timeoutMs: 60_000, everyMs: 20, otherwise: () => `not within a minute: ${what}` });
const BACKOFF: Backoff = { baseMs: 100, maxMs: 800, factor: 2 };
/** Longer than a busy machine needs for an answer, shorter than a bookmark's minute: a silent watch is opened anew. */
const INACTIVITY_MS = 2_000;

let server: ApiServer;
let admin: Client;
beforeAll(async () => {
  server = await startApiServer();
  ({ client: admin } = await clientFor(server));
});
afterAll(async () => {
  await admin?.close();
  await server?.stop();
});

interface World {
  namespace: string;
  proxy: FaultyProxy;
  clock: CountingClock;
  client: Client;
  informer: Informer<KubeObject>;
  restarts: string[];
  /** Changes the collection in every way, past the proxy. */
  change(): Promise<void>;
  /** Resolves once the cache is what the API server has. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

const map = (namespace: string, name: string, data: Record<string, string> = {}): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data });
const shown = (objects: Iterable<KubeObject>): string[] => [...objects].map(({ metadata, data }) => `${metadata.name} ${metadata.resourceVersion} ${JSON.stringify(data)}`).sort();

async function world(name: string, backoff = BACKOFF): Promise<World> {
  const namespace = await namespaceFor(admin, name.replaceAll(/[^a-z0-9]+/g, '-').slice(0, 30));
  const proxy = await startFaultyProxy(server);
  const clock = countingClock();
  const connection = await kubeconfigConnection({ path: proxy.kubeconfig, clock });
  const client = createClient(createTransport({ connection, clock, userAgent: 'slipway-test', timeoutMs: 1_500 }));
  const restarts: string[] = [];
  const informer = createInformer<KubeObject>({ client, type: CONFIG_MAPS, namespace, clock, random: Math.random, backoff, pageLimit: 5, inactivityMs: INACTIVITY_MS, onRestart: (_type, cause) => restarts.push(cause) });
  let round = 0;
  const change = async (): Promise<void> => {
    round++;
    await admin.create(CONFIG_MAPS, map(namespace, `new-${round}`, { long: 'x'.repeat(300) }));
    await admin.patch({ type: CONFIG_MAPS, namespace, name: 'kept' }, { data: { round: String(round) } }, { type: 'merge' });
    await admin.create(CONFIG_MAPS, map(namespace, `brief-${round}`));
    await admin.delete({ type: CONFIG_MAPS, namespace, name: `brief-${round}` });
    await admin.patch({ type: CONFIG_MAPS, namespace, name: 'kept' }, { data: { again: String(round) } }, { type: 'merge' });
  };
  const settled = async (): Promise<void> => {
    const wanted = shown((await admin.list<KubeObject>(CONFIG_MAPS, { namespace })).items);
    await soon(() => isDeepStrictEqual(shown(informer.cache.all()), wanted), `the cache ${JSON.stringify(shown(informer.cache.all()))} is ${JSON.stringify(wanted)}`);
  };
  const close = async (): Promise<void> => {
    await informer.stop();
    await client.close();
    await proxy.stop();
  };
  for (let i = 0; i < 12; i++) await admin.create(CONFIG_MAPS, map(namespace, `old-${i}`));
  await admin.create(CONFIG_MAPS, map(namespace, 'kept'));
  return { namespace, proxy, clock, client, informer, restarts, change, settled, close };
}

/**
 * Requests that a back-off of BACKOFF allows in `ms` milliseconds: each setback waits at least half of 100, 200, 400, 800, 800 ... ms, and
 * is followed by a list of at most 4 pages and a watch.
 */
const allowed = (ms: number): number => 5 * (5 + Math.ceil(ms / (BACKOFF.maxMs / 2)));

/** Everything that was opened is closed again: sockets at the proxy, timers of the client. */
async function nothingLeft({ informer, client, proxy, clock }: World): Promise<void> {
  await informer.stop();
  await client.close();
  await soon(() => proxy.connections === 0 && clock.pending === 0, 'no connection and no timer is left');
}

/** Retry-After was waited for, by lists and watches alike. A timer may fire a millisecond early. */
function expectPatience(fault: Fault, { asked }: FaultyProxy): void {
  if (fault.kind !== 'status' || fault.retryAfter === undefined) return;
  const waits = asked.flatMap(({ refusedAt }, i) => (refusedAt === undefined ? [] : [(asked[i + 1]?.at ?? Infinity) - refusedAt]));
  expect(waits.length).toBeGreaterThan(0);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(fault.retryAfter * 1000 - 5);
}

vi.setConfig({ maxConcurrency: 20 });

describe.concurrent('a watch that is open when the fault begins, and a first list during it', () => {
  it.each(Object.entries(FAULTS))('%s', async (name, fault) => {
    const here = await world(`watch ${name}`);
    const { proxy, informer } = here;
    try {
      informer.start();
      await informer.cache.whenSynced();
      // An open watch is what a fault is to strike first.
      await soon(() => proxy.asked.some((asked) => asked.watch), 'a watch is open');
      const [before, began] = [proxy.asked.length, performance.now()];
      proxy.inject(fault);
      await here.change();
      await soon(() => proxy.struck > 0, 'the fault struck');
      await here.change();
      const lasted = (): number => performance.now() - began;
      // Long enough for a client that does not wait to come back hundreds of times.
      await soon(() => lasted() > 1_500, 'the fault has lasted');
      expect(proxy.asked.length - before, 'requests during the fault').toBeLessThanOrEqual(allowed(lasted()));
      proxy.heal();
      await here.change();
      await here.settled();
      expectPatience(fault, proxy);
      await nothingLeft(here);
    } finally {
      await here.close();
    }
  });

  it.each(Object.entries(FAULTS).filter(([, { kind }]) => ['reset', 'half-open', 'status', 'slow', 'truncated'].includes(kind)))('from the first list on: %s', async (name, fault) => {
    const here = await world(`list ${name}`);
    try {
      here.proxy.inject(fault);
      here.informer.start();
      await soon(() => here.proxy.struck > 1, 'the fault struck twice');
      if (fault.kind !== 'slow') expect(here.informer.cache.hasSynced).toBe(false);
      here.proxy.heal();
      await here.informer.cache.whenSynced();
      await here.settled();
      expectPatience(fault, here.proxy);
      await nothingLeft(here);
    } finally {
      await here.close();
    }
  });
});
