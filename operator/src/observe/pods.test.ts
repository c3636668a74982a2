// Reading pods: the cause of trouble survives the cut for the cache and arrives in the facts.
import type { KubeObject } from '@slipway/kube';
import { describe, expect, it } from 'vitest';
import { podFactsOf } from './pods.ts';
import { leanPod } from './shapes.ts';

const pod = (status: Record<string, unknown>, metadata: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', annotations: { big: 'x' }, ...metadata },
  spec: { containers: [{ name: 'server', env: [{ name: 'A', value: 'secret-ish' }] }] },
  status,
});
const factsOf = (object: KubeObject) => podFactsOf(leanPod(object));

describe('pod facts', () => {
  it('keeps no spec and no annotations in the cache', () => {
    const lean = leanPod(pod({ phase: 'Running' }));
    expect(lean).not.toHaveProperty('spec');
    expect(lean.metadata).not.toHaveProperty('annotations');
  });

  it('a healthy pod', () => {
    const facts = factsOf(
      pod({ phase: 'Running', podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }], containerStatuses: [{ name: 'server', ready: true, restartCount: 0, state: { running: {} } }] }),
    );
    expect(facts).toEqual({
      name: 'p',
      uid: 'u',
      ip: '10.0.0.1',
      ready: true,
      deleting: false,
      phase: 'Running',
      createdAt: Date.UTC(2026, 0, 1),
      containers: [{ name: 'server', init: false, ready: true, restarts: 0, running: true }],
    });
  });

  it('why it is not scheduled', () => {
    const facts = factsOf(pod({ phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes: Insufficient cpu' }] }));
    expect(facts.unschedulable).toBe('0/1 nodes: Insufficient cpu');
  });

  it('why the kubelet refused it', () => {
    expect(factsOf(pod({ phase: 'Failed', reason: 'UnexpectedAdmissionError', message: 'no' })).failed).toEqual({ reason: 'UnexpectedAdmissionError', message: 'no' });
  });

  it('why a container waits, and what the last one said when it ended', () => {
    const facts = factsOf(
      pod({
        phase: 'Pending',
        initContainerStatuses: [
          {
            name: 'fetch',
            restartCount: 3,
            state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
            lastState: { terminated: { reason: 'Error', exitCode: 1, message: '{"reason":"DownloadForbidden"}' } },
          },
        ],
      }),
    );
    expect(facts.containers[0]).toEqual({
      name: 'fetch',
      init: true,
      ready: false,
      restarts: 3,
      waiting: { reason: 'CrashLoopBackOff', message: 'back-off' },
      terminated: { reason: 'Error', exitCode: 1, message: '{"reason":"DownloadForbidden"}' },
    });
  });

  it('is deleting once it has a deletion time', () => {
    expect(factsOf(pod({}, { deletionTimestamp: '2026-01-01T00:00:00Z' })).deleting).toBe(true);
  });
});
