// The first blocking cause from pods, Deployments and their messages, as a real kubelet, scheduler and API server word them.
import { REASONS } from '@slipway/api';
import type { Reason } from '@slipway/api';
import { describe, expect, it } from 'vitest';
import type { ContainerFacts, Observed, PodFacts, RevisionFacts } from '../types.ts';
import { firstBlockingCause } from './blocking.ts';

const AT = 1_000_000;
const digest = (digit: string): string => digit.repeat(64);
const observed = { at: AT, isvc: {}, failures: [] } as unknown as Observed;
const requests = { cpu: '100m', memory: '9000Gi' };
const podSpec = { nodeSelector: { pool: 'gpu' }, containers: [{ name: 'server', resources: { requests, limits: { memory: '64Mi' } } }, { name: 'log' }] };

const pod = (more: Partial<PodFacts> = {}): PodFacts => ({ name: 'scorer-1', uid: '1', ready: false, deleting: false, phase: 'Pending', createdAt: AT - 10_000, containers: [], ...more });
const container = (more: Partial<ContainerFacts> = {}): ContainerFacts => ({ name: 'server', init: false, ready: false, restarts: 0, ...more });
const waiting = (reason: string, message: string, more: Partial<ContainerFacts> = {}): PodFacts => pod({ containers: [container({ waiting: { reason, message }, ...more })] });
const ended = (message: string, more: Partial<ContainerFacts> = {}, reason = 'Error'): PodFacts =>
  pod({ containers: [container({ terminated: { reason, exitCode: 1, message }, restarts: 1, ...more })] });
const fetching = (more: Partial<ContainerFacts> = {}): Partial<ContainerFacts> => ({ name: 'fetch', init: true, ...more });
const progress = { phase: 'Connecting', bytesDone: 0, bytesPerSecond: 0, attempt: 3, lastError: 'https://nobody.invalid: ENOTFOUND', lastReason: 'DownloadDNS' } as const;
const state = (reason: string, message: string): PodFacts => pod({ state: { phase: 'Failed', reason, message, models: [] } });

function revision(more: Partial<RevisionFacts> = {}): RevisionFacts {
  const record = { deployment: { spec: { template: { spec: podSpec } } } } as unknown as RevisionFacts['record'];
  const deployment = { uid: '1', resourceVersion: '1', generation: 1, observedGeneration: 1, replicas: 1, readyReplicas: 0 };
  return { name: 'scorer', hash: 'x', sequence: 1, createdAt: 0, uid: '1', resourceVersion: '1', record, deployment, readyEndpoints: 0, pods: [], ...more };
}

function refused(message: string): RevisionFacts {
  const { deployment, ...others } = revision();
  return { ...others, ...(deployment === undefined ? {} : { deployment: { ...deployment, replicaFailure: { reason: 'FailedCreate', message } } }) };
}

const REFUSED: [string, Reason][] = [
  ['pods "x" is forbidden: exceeded quota: memory, requested: requests.memory=3Gi, used: requests.memory=0, limited: requests.memory=2Gi', 'QuotaExceeded'],
  ['pods "x" is forbidden: maximum memory usage per Container is 4Gi, but limit is 5Gi', 'LimitRangeExceeded'],
  ['pods "x" is forbidden: minimum cpu usage per Pod is 1, but request is 100m', 'LimitRangeExceeded'],
  ['pods "x" is forbidden: memory max limit to request ratio per Container is 2, but provided ratio is 4.000000', 'LimitRangeExceeded'],
  ['pods "x" is forbidden: error looking up service account a/b: serviceaccount "b" not found', 'ServiceAccountMissing'],
  ['pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged', 'PodsForbidden'],
];

const BLOCKED: [string, PodFacts, Reason, RegExp][] = [
  ['a scheduler without room', pod({ unschedulable: '0/1 nodes are available: 1 Insufficient memory.' }), 'Unschedulable', /asks for cpu=100m memory=9000Gi and 1 sidecar on a node with pool=gpu: 0\/1 nodes/],
  ['how much a scheduler is short of', pod({ unschedulable: '0/2 nodes are available: 2 Insufficient memory, 1 Insufficient cpu.', room: { memory: 8 * 2 ** 30, cpu: 4 } }), 'Unschedulable', /pool=gpu \(short by 8\.8Ti of memory on the node with the most free\): 0\/2/],
  ['no more of what the scheduler says than helps', pod({ unschedulable: "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling." }), 'Unschedulable', /: 0\/1 nodes are available: 1 node\(s\) didn't match Pod's node affinity\/selector\. No node suits/],
  ['nor what older schedulers say', pod({ unschedulable: '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.' }), 'Unschedulable', /: 1 Insufficient cpu\. No node suits/],
  ['a missing claim', pod({ unschedulable: '0/1 nodes are available: persistentvolumeclaim "models" not found. not found' }), 'VolumeMissing', /^pod scorer-1: 0\/1 nodes are available: persistentvolumeclaim "models" not found\. Create/],
  ['ready pods that no endpoint leads to', pod({ ready: true, readySince: AT - 5_000 }), 'NoReadyEndpoints', /^1 ready pod of scorer, but none among the endpoints/],
  ['an image that is not there', waiting('ImagePullBackOff', 'Back-off pulling image "x"'), 'ImagePullFailed', /container server: Back-off/],
  ['an image that runs as root', waiting('CreateContainerConfigError', 'container has runAsNonRoot and image will run as root (pod: "p_n(uid)", container: server)'), 'ImageRunsAsRoot', /will run as root\. The image/],
  ['a missing Secret', waiting('CreateContainerConfigError', 'secret "models" not found'), 'SecretMissing', /secret "models" not found/],
  ['a missing ConfigMap', waiting('CreateContainerConfigError', 'configmap "words" not found'), 'ContainerConfigInvalid', /configmap "words" not found/],
  ['a volume of a Secret', pod({ warnings: { FailedMount: 'MountVolume.SetUp failed: secret "tls" not found' } }), 'SecretMissing', /"tls" not found/],
  ['a wrong package, though its next attempt brings bytes', pod({ ...ended('{"reason":"DigestMismatch","message":"the package digest is another"}', fetching({ running: true })), progress: { ...progress, attempt: 1, bytesDone: 5, bytesPerSecond: 5 } }), 'DigestMismatch', /^the package digest is another\. /],
  ['a download whose next attempt has the bytes of the last one', pod({ ...ended('{"reason":"DownloadTimeout","message":"x"}', fetching({ running: true })), progress: { ...progress, attempt: 1, bytesDone: 5 } }), 'DownloadTimeout', /^x\. /],
  ['a download that ended', ended('{"reason":"DownloadNotFound","message":"s3://a/b"}', fetching()), 'DownloadNotFound', /^s3:\/\/a\/b\. Nothing is at/],
  ['a fetcher that died without a word', ended('Segmentation fault', fetching()), 'DownloadFailed', /container fetch exited with code 1: Segmentation fault/],
  ['a fetcher that was killed for memory', ended('', fetching(), 'OOMKilled'), 'OutOfMemory', /container fetch was killed\./],
  ['a download that keeps trying', pod({ progress }), 'DownloadDNS', /ENOTFOUND\. The storage host's name/],
  ['a server that was killed for memory', ended('', {}, 'OOMKilled'), 'OutOfMemory', /container server was killed at its memory limit of 64Mi/],
  ['a server that keeps exiting', ended('words.txt is missing'), 'CrashLoop', /container server exited with code 1: words\.txt is missing/],
  ['a model that does not load', state('WrongSignature', 'x@v1: input a'), 'WrongSignature', /x@v1: input a/],
  ['a server with a reason of its own', state('Moonshine', 'who knows'), 'ProbeFailing', /Moonshine who knows/],
  ['a full disk', pod({ phase: 'Failed', failed: { reason: 'Evicted', message: 'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi.' } }), 'DiskFull', /exceeds the total limit/],
  ['a node that is short', pod({ phase: 'Failed', failed: { reason: 'Evicted', message: 'The node was low on resource: memory.' } }), 'Evicted', /low on resource: memory/],
  ['a probe that fails for long', pod({ createdAt: AT - 61_000, warnings: { Unhealthy: 'Readiness probe failed: 503' } }), 'ProbeFailing', /pod scorer-1: Readiness probe failed: 503/],
];

const FINE: [string, PodFacts][] = [
  ['endpoints that lag a little', pod({ ready: true, readySince: AT - 4_000 })],
  ['a download that stumbled once', pod({ progress: { ...progress, attempt: 2 } })],
  ['a download that goes on after failures', pod({ progress: { ...progress, lastReason: undefined } })],
  ['a container that failed, now that its next attempt brings bytes', pod({ ...ended('{"reason":"DownloadNotFound","message":"x"}', fetching({ running: true })), progress: { ...progress, attempt: 1, bytesDone: 5, bytesPerSecond: 5 } })],
  ['a container that failed, now that its next attempt has all bytes', pod({ ...ended('{"reason":"DownloadNotFound","message":"x"}', fetching({ running: true })), progress: { ...progress, attempt: 1, phase: 'Verifying', bytesDone: 5 } })],
  ['a probe that fails at first', pod({ warnings: { Unhealthy: 'Readiness probe failed: 503' } })],
  ['a model that is still loading', pod({ createdAt: AT - 600_000, warnings: { Unhealthy: 'Readiness probe failed: 503' }, state: { phase: 'Loading', models: [] } })],
  ['a server that exited once', ended('once', { restarts: 0 })],
  ['a pod on its way out', pod({ deleting: true, unschedulable: 'no room' })],
];

describe('firstBlockingCause', () => {
  it.each(REFUSED)('reads what the API server says of pods: %s', (message, reason) => {
    expect(firstBlockingCause(refused(message), observed)).toEqual({ reason, message: `${message}. ${REASONS[reason].advice}` });
  });

  it.each(BLOCKED)('names %s', (_, blocked, reason, words) => {
    const found = firstBlockingCause(revision({ pods: [blocked] }), observed);
    expect(found?.reason).toBe(reason);
    expect(found?.message).toMatch(words);
    expect(found?.message.endsWith(REASONS[reason].advice)).toBe(true);
  });

  it.each(FINE)('has nothing against %s', (_, fine) => {
    expect(firstBlockingCause(revision({ pods: [fine] }), observed)).toBeUndefined();
  });

  it('prefers what comes first in the life of a pod, whichever pod it is on', () => {
    const pods = [state('ModelParseFailed', 'late'), pod({ name: 'scorer-2', createdAt: AT, unschedulable: '1 Insufficient cpu' })];
    expect(firstBlockingCause(revision({ pods }), observed)?.reason).toBe('Unschedulable');
  });

  it('forgets a pod that was put out once another has taken its place', () => {
    const gone = pod({ phase: 'Failed', failed: { reason: 'Evicted', message: 'low on memory' } });
    expect(firstBlockingCause(revision({ pods: [gone] }), observed)?.reason).toBe('Evicted');
    expect(firstBlockingCause(revision({ pods: [gone], readyEndpoints: 1 }), observed)).toBeUndefined();
  });

  it('sees that a pod serves other bytes than the revision is pinned to', () => {
    const other = pod({ state: { phase: 'Loading', digest: digest('b'), models: [] } });
    expect(firstBlockingCause(revision({ pods: [other], pinnedDigest: digest('a') }), observed)?.message).toMatch(/fetched bbbbbbbbbbbb, but scorer is pinned to aaaaaaaaaaaa/);
  });
});
