// Leader election over a real Lease: one leader at a time, takeover when it falls silent, hand-over when it stops.
import { systemClock } from '@slipway/kube';
import type { Client } from '@slipway/kube';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createElection } from '../../operator/src/runtime/leader.ts';
import type { Election, LeaderTimings, Lease, LeaseStore } from '../../operator/src/runtime/leader.ts';
import { leaseStore } from '../../operator/src/runtime/lease-store.ts';
import { createLog } from '../../operator/src/runtime/log.ts';
import { startApiServer } from '../support/apiserver.ts';
import type { ApiServer } from '../support/apiserver.ts';
import { clientFor, namespaceFor } from '../support/kube-client.ts';

const short = { leaseMs: 3_000, renewDeadlineMs: 2_000, retryMs: 200 };
const long = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 200 };
const log = createLog({ level: 'silent', component: 'test', instance: 'test' });

let server: ApiServer;
let client: Client;
let namespace: string;
const elections: Election[] = [];

beforeAll(async () => {
  server = await startApiServer();
  ({ client } = await clientFor(server, 1_000));
  namespace = await namespaceFor(client, 'leader');
});
afterEach(async () => {
  await Promise.all(elections.splice(0).map((election) => election.stop()));
});
afterAll(async () => {
  await client?.close();
  await server?.stop();
});

const stand = (lease: string, identity: string, timings: LeaderTimings, through: (store: LeaseStore) => LeaseStore = (store) => store): Election => {
  const store = through(leaseStore(client, namespace, lease));
  const election = createElection({ store, identity, clock: systemClock, random: Math.random, log, timings, onStarted: () => undefined, onStopped: () => Promise.resolve() });
  elections.push(election);
  election.start();
  return election;
};
const specOf = async (lease: string): Promise<Lease['spec'] | undefined> => (await leaseStore(client, namespace, lease).read())?.spec;
const leads = (election: Election): Promise<void> => expect.poll(() => election.isLeader(), { timeout: 20_000 }).toBe(true);

describe('leader election', () => {
  it('of ten that stand at once, one leads', async () => {
    const all = Array.from({ length: 10 }, (_, i) => stand('ten', `r${i}`, long));
    await expect.poll(() => all.filter((each) => each.isLeader()).length, { timeout: 20_000 }).toBe(1);
    const until = performance.now() + 1_500;
    while (performance.now() < until) {
      expect(all.filter((each) => each.isLeader())).toHaveLength(1);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  it('a leader that stops hands over without the lease running out', async () => {
    const first = stand('handover', 'first', long);
    await leads(first);
    const second = stand('handover', 'second', long);
    const from = performance.now();
    await first.stop();
    await leads(second);
    expect(performance.now() - from).toBeLessThan(long.leaseMs - 3_000);
    expect(await specOf('handover')).toMatchObject({ holderIdentity: 'second', leaseTransitions: 1, leaseDurationSeconds: 15 });
  });

  it('a leader cut off from the API server stops first, and only then another leads', async () => {
    let cut = false;
    const severed = (store: LeaseStore): LeaseStore => ({
      ...store,
      replace: (lease) => (cut ? Promise.reject(new Error('cut off')) : store.replace(lease)),
      read: () => (cut ? Promise.reject(new Error('cut off')) : store.read()),
    });
    const first = stand('cut', 'first', short, severed);
    await leads(first);
    const second = stand('cut', 'second', short);
    cut = true;
    await expect.poll(() => second.isLeader() && first.isLeader() ? 'both' : second.isLeader(), { timeout: 20_000, interval: 10 }).toBe(true);
    expect(first.isLeader()).toBe(false);
    cut = false;
    await expect.poll(() => specOf('cut'), { timeout: 20_000 }).toMatchObject({ holderIdentity: 'second' });
    expect(first.isLeader()).toBe(false);
  });
});
