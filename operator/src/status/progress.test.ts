// What a revision whose pods are on their way is doing, in words that change seldom.
import type { FetchProgress } from '@slipway/api';
import { expect, it } from 'vitest';
import type { PodFacts, RevisionFacts } from '../types.ts';
import { doingOf } from './progress.ts';

const pod = (more: Partial<PodFacts>): RevisionFacts => {
  const facts: PodFacts = { name: 'scorer-1', uid: '1', ready: false, deleting: false, phase: 'Pending', createdAt: 0, containers: [], ...more };
  return { name: 'scorer', pods: [facts] } as unknown as RevisionFacts;
};
const download = (more: Partial<FetchProgress>): RevisionFacts => pod({ progress: { phase: 'Downloading', bytesDone: 0, bytesPerSecond: 0, attempt: 1, ...more } });

it.each([
  [download({ bytesDone: 123e6, bytesTotal: 500e6, bytesPerSecond: 12.3e6 }), 'the package: 100 MB of 500 MB (20%) at 10 MB/s'],
  [download({ bytesDone: 3.21e6, bytesPerSecond: 440_000 }), 'the package: 3.0 MB so far at 0.4 MB/s'],
  [download({ bytesDone: 5e6, bytesTotal: 10e6, attempt: 2, lastError: 'reset' }), 'the package: 5.0 MB of 10 MB (50%), attempt 2 after: reset'],
  [download({ phase: 'Unpacking' }), 'the package: unpacking'],
])('%#. of a download: %s', (revision, words) => {
  expect(doingOf(revision)).toEqual({ reason: 'Downloading', message: words });
});

it('tells loading from warming up, and pods that start from pods that are not there', () => {
  expect(doingOf(pod({ state: { phase: 'WarmingUp', models: [] } })).message).toBe('pod scorer-1 warms up the model');
  expect(doingOf(pod({ containers: [{ name: 'server', init: false, ready: false, restarts: 0, running: true }] })).reason).toBe('LoadingModel');
  expect(doingOf(pod({})).message).toBe('pod scorer-1 is starting');
  expect(doingOf(pod({ deleting: true })).message).toBe('pods of scorer are being created');
});
