// Leadership on a clock that stands still until moved, over a Lease kept in memory with the API server's one rule: replace needs the
// present resourceVersion. (The same election runs against a real API server in test/cluster.)
import { manualClock } from '@slipway/kube';
import type { ManualClock } from '@slipway/kube';
import { describe, expect, it } from 'vitest';
import { createElection } from './leader.ts';
import type { Election, Lease, LeaseSpec, LeaseStore } from './leader.ts';
import { createLog } from './log.ts';

const log = createLog({ level: 'silent', component: 'test', instance: 'test' });

const memoryLease = () => {
  let lease: Lease | undefined;
  let version = 0;
  const put = (spec: LeaseSpec): Lease => {
    version += 1;
    lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'l', resourceVersion: String(version) }, spec };
    return lease;
  };
  /** A store whose calls fail, or hang, while `broken` says so. */
  const storeFor = (link: { broken: boolean }): LeaseStore => {
    const guard = <T>(run: () => T): Promise<T> => (link.broken ? Promise.reject(new Error('no network')) : Promise.resolve().then(run));
    return {
      read: () => guard(() => lease),
      create: (spec) =>
        guard(() => {
          if (lease !== undefined) throw new Error('AlreadyExists');
          return put(spec);
        }),
      replace: (next) =>
        guard(() => {
          if (lease?.metadata.resourceVersion !== next.metadata.resourceVersion) throw new Error('Conflict');
          return put(next.spec);
        }),
    };
  };
  return { storeFor, spec: () => lease?.spec };
};

interface Replica {
  election: Election;
  link: { broken: boolean };
  story: string[];
}

const replica = (identity: string, clock: ManualClock, memory: ReturnType<typeof memoryLease>): Replica => {
  const link = { broken: false };
  const story: string[] = [];
  const election = createElection({
    store: memory.storeFor(link),
    identity,
    clock,
    random: () => 0,
    log,
    onStarted: () => story.push('started'),
    onStopped: () => Promise.resolve(void story.push('stopped')),
  });
  return { election, link, story };
};

const setup = () => {
  const clock = manualClock();
  const memory = memoryLease();
  return { clock, memory, a: replica('a', clock, memory), b: replica('b', clock, memory) };
};

describe('leader election', () => {
  it('the first takes the Lease and keeps it; the second waits', async () => {
    const { clock, memory, a, b } = setup();
    a.election.start();
    await clock.advance(100);
    b.election.start();
    for (let i = 0; i < 60; i++) {
      await clock.advance(1_000);
      expect([a.election.isLeader(), b.election.isLeader()]).toEqual([true, false]);
    }
    expect(a.story).toEqual(['started']);
    expect(b.story).toEqual([]);
    expect(memory.spec()).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
  });

  it('a leader cut off stops acting before anybody can take over, and never are there two', async () => {
    const { clock, memory, a, b } = setup();
    a.election.start();
    await clock.advance(100);
    b.election.start();
    await clock.advance(5_000);
    a.link.broken = true;
    let stoppedAt: number | undefined;
    let takenAt: number | undefined;
    for (let ms = 0; ms < 30_000; ms += 100) {
      await clock.advance(100);
      expect(a.election.isLeader() && b.election.isLeader(), 'two leaders').toBe(false);
      if (!a.election.isLeader()) stoppedAt ??= ms;
      if (b.election.isLeader()) takenAt ??= ms;
    }
    expect(stoppedAt).toBeGreaterThanOrEqual(8_000 - 200);
    expect(stoppedAt).toBeLessThanOrEqual(10_000);
    expect(takenAt).toBeGreaterThanOrEqual(15_000 - 2_200);
    expect(takenAt).toBeLessThanOrEqual(19_000);
    expect(a.story).toEqual(['started', 'stopped']);
    expect(memory.spec()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
    a.link.broken = false;
    await clock.advance(60_000);
    expect([a.election.isLeader(), b.election.isLeader()]).toEqual([false, true]);
  });

  it('short trouble does not cost leadership', async () => {
    const { clock, a } = setup();
    a.election.start();
    await clock.advance(2_000);
    a.link.broken = true;
    await clock.advance(7_000);
    a.link.broken = false;
    await clock.advance(20_000);
    expect(a.election.isLeader()).toBe(true);
    expect(a.story).toEqual(['started']);
  });

  it('a jump of the wall clock changes nothing', async () => {
    const { clock, a, b } = setup();
    a.election.start();
    await clock.advance(100);
    b.election.start();
    await clock.advance(3_000);
    clock.setWall(Date.UTC(2040, 0, 1));
    await clock.advance(30_000);
    expect([a.election.isLeader(), b.election.isLeader()]).toEqual([true, false]);
  });

  it('a stopped leader gives the Lease back at once, after its work ended', async () => {
    const { clock, memory, a, b } = setup();
    a.election.start();
    await clock.advance(100);
    b.election.start();
    await clock.advance(1_000);
    await a.election.stop();
    expect(a.story).toEqual(['started', 'stopped']);
    expect(memory.spec()).toMatchObject({ holderIdentity: '' });
    await clock.advance(2_500);
    expect(b.election.isLeader()).toBe(true);
    await b.election.stop();
  });

  it('a replica that comes back under its own name goes on at once', async () => {
    const { clock, memory, a } = setup();
    a.election.start();
    await clock.advance(1_000);
    a.link.broken = true;
    const again = replica('a', clock, memory);
    again.election.start();
    await clock.advance(100);
    expect(again.election.isLeader()).toBe(true);
  });

  it('a Lease taken away by hand ends the term at the next renewal', async () => {
    const { clock, memory, a } = setup();
    a.election.start();
    await clock.advance(1_000);
    const thief = memory.storeFor({ broken: false });
    const lease = await thief.read();
    if (lease !== undefined) await thief.replace({ ...lease, spec: { ...lease.spec, holderIdentity: 'someone' } });
    await clock.advance(5_000);
    expect(a.election.isLeader()).toBe(false);
    expect(a.story).toEqual(['started', 'stopped']);
  });
});
