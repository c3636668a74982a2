// A download that fails again and again: from the first failure to its end the cause is told in every snapshot that a kubelet gives on the
// way, those that say nothing of it included. The snapshots are statuses of pods as the API server has them, not our reading of them.
import { describe, expect, it } from 'vitest';
import type { FetchProgress, Reason } from '@slipway/api';
import { podFactsOf } from '../../operator/src/observe/pods.ts';
import type { ContainerStatus, Pod } from '../../operator/src/observe/shapes.ts';
import type { Observed, PodFacts } from '../../operator/src/types.ts';
import { World } from './world.ts';

interface Snapshot {
  pods: PodFacts[];
  /** What is seen, for the message of a failure. */
  seen: string;
}

const CREATED = '2026-01-01T00:00:00Z';
const EMPTY: FetchProgress = { phase: 'Connecting', bytesDone: 0, bytesPerSecond: 0, attempt: 1 };
const SERVER: ContainerStatus = { name: 'server', state: { waiting: { reason: 'PodInitializing' } } };

/** One pod whose init container `fetch` is as given; `progress`: what it answers, if it does. */
function fetching(seen: string, fetch: Omit<ContainerStatus, 'name'> | undefined, progress?: Partial<FetchProgress>, name = 'v1-a'): Snapshot {
  const statuses = fetch === undefined ? {} : { initContainerStatuses: [{ name: 'fetch', ...fetch }], containerStatuses: [SERVER] };
  const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, uid: name, creationTimestamp: CREATED }, status: { phase: 'Pending', ...statuses } };
  return { seen, pods: [{ ...podFactsOf(pod), ...(progress === undefined ? {} : { progress: { ...EMPTY, ...progress } }) }] };
}

const running = { running: { startedAt: CREATED } };
const ended = (reason: string) => ({ terminated: { reason: 'Error', exitCode: 1, message: JSON.stringify({ reason, message: 'the storage said so' }) } });
const well = { terminated: { reason: 'Completed', exitCode: 0 } };

/** From the first failure on, in the order in which the API server shows it. */
const between = (reason: string): Snapshot[] => [
  fetching('the first failure', { restartCount: 0, state: ended(reason) }),
  fetching('created again', { restartCount: 1, state: { waiting: {} }, lastState: ended(reason) }),
  fetching('runs again', { restartCount: 1, state: running, lastState: ended(reason) }),
  // The kubelet's garbage collector counts a container that is created but not started among the dead ones, and keeps one of those.
  fetching('runs again, and the kubelet has cleared away how it ended', { restartCount: 1, state: running }),
  fetching('has no answer yet', { restartCount: 1, state: running }, {}),
  fetching('has bytes of the former attempt', { restartCount: 1, state: running, lastState: ended(reason) }, { phase: 'Downloading', bytesDone: 5_000, bytesTotal: 9_000 }),
  fetching('the second failure', { restartCount: 1, state: ended(reason), lastState: ended(reason) }),
  fetching('back-off', { restartCount: 1, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: ended(reason) }),
  { seen: 'somebody deletes the pod', pods: fetching('', { restartCount: 1, state: running }).pods.map((pod) => ({ ...pod, deleting: true })) },
  { seen: 'the pod is gone', pods: [] },
  fetching('another pod', undefined, undefined, 'v1-b'),
  fetching('its first attempt', { restartCount: 0, state: running }, undefined, 'v1-b'),
];

/** A first release of one pod; what is seen of its pods is given. */
function watched(): { world: World; see: (snapshot: Snapshot) => string } {
  const world = new World({ spec: { replicas: 1 } });
  const now: { pods?: PodFacts[] } = {};
  const observe = world.observe.bind(world);
  world.observe = (): Observed | undefined => {
    const observed = observe();
    for (const revision of observed?.revisions ?? []) if (now.pods !== undefined) Object.assign(revision, { pods: now.pods, readyEndpoints: 0 });
    return observed;
  };
  world.run(2);
  const see = ({ pods, seen }: Snapshot): string => {
    now.pods = pods;
    world.tick();
    const { phase = '', summary, conditions = [] } = world.status ?? {};
    const progressing = conditions.find((each) => each.type === 'Progressing');
    return `${seen}: ${phase} ${summary?.reason ?? ''}, Progressing ${progressing?.status ?? ''} ${progressing?.reason ?? ''}`;
  };
  return { world, see };
}

const AT_THE_END: Reason[] = ['DigestMismatch', 'PackageChanged', 'ArchiveInvalid', 'DiskFull'];
const ON_THE_WAY: Reason[] = ['StorageUriInvalid', 'DownloadNotFound', 'DownloadForbidden', 'DownloadTLS', 'DownloadDNS', 'DownloadRefused', 'DownloadInterrupted', 'DownloadServerError', 'DownloadTimeout', 'DownloadFailed'];

describe.each([...AT_THE_END, ...ON_THE_WAY])('a download that fails with %s', (reason) => {
  const arrives = fetching('bytes arrive', { restartCount: 0, state: running }, { phase: 'Downloading', bytesDone: 5_000, bytesTotal: 9_000, bytesPerSecond: 1_000 }, 'v1-b');

  it('is blocked by it in every snapshot between two tries', () => {
    const { world, see } = watched();
    const snapshots = between(reason);
    expect(snapshots.map(see)).toEqual(snapshots.map(({ seen }) => `${seen}: Degraded ${reason}, Progressing False ${reason}`));
    expect(world.status?.conditions?.find((each) => each.type === 'Ready')?.message).toMatch(/^the storage said so\. /);
  });

  it('makes progress again once it is through', () => {
    const { see } = watched();
    between(reason).forEach(see);
    const through = fetching('through', { restartCount: 0, state: well }, undefined, 'v1-b');
    expect(see(through)).toBe('through: Progressing CreatingPods, Progressing True CreatingPods');
    expect(see(fetching('another', { restartCount: 0, state: running }, {}, 'v1-c'))).toBe('another: Progressing Downloading, Progressing True Downloading');
  });

  it('makes progress again as soon as bytes arrive, if they say anything of it', () => {
    const { see } = watched();
    between(reason).forEach(see);
    const seen = AT_THE_END.includes(reason) ? `Degraded ${reason}, Progressing False ${reason}` : 'Progressing Downloading, Progressing True Downloading';
    expect(see(arrives)).toBe(`bytes arrive: ${seen}`);
  });

  it('says nothing against the next revision', () => {
    const { world, see } = watched();
    between(reason).forEach(see);
    world.model('v2');
    world.run(2);
    expect(see(fetching('v2 begins', { restartCount: 0, state: running }, undefined, 'v2-a'))).toBe('v2 begins: Progressing CreatingPods, Progressing True CreatingPods');
  });
});

describe('a cause that only the fetcher tells', () => {
  const tries = (attempt: number) => fetching('tries', { restartCount: 0, state: running }, { attempt, lastReason: 'DownloadDNS', lastError: 'ENOTFOUND' });

  it('stands while the fetcher does not answer', () => {
    const { see } = watched();
    expect(see(tries(3))).toBe('tries: Degraded DownloadDNS, Progressing False DownloadDNS');
    expect(see(fetching('silent', { restartCount: 0, state: running }))).toBe('silent: Degraded DownloadDNS, Progressing False DownloadDNS');
  });
});
