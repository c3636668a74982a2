// Why a namespace has no ready router: from what the API server, the scheduler and the kubelet said about its pods.
import { describe, expect, it } from 'vitest';
import type { KubeObject, Observed, PodFacts, RouterFacts } from '../types.ts';
import { routerCause } from './routers.ts';

const AT = 1_000_000;
const containers = [{ name: 'router', resources: { requests: { cpu: '50m', memory: '128Mi' } } }];
const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'slipway-router' }, spec: { template: { spec: { containers } } } } as KubeObject;
const pod = (more: Partial<PodFacts>): PodFacts => ({ name: 'slipway-router-1', uid: '1', ready: false, deleting: false, phase: 'Pending', createdAt: AT - 90_000, containers: [], ...more });
const waiting = (reason: string, message: string): PodFacts => pod({ containers: [{ name: 'router', init: false, ready: false, restarts: 0, waiting: { reason, message } }] });

function messageWith(absent: RouterFacts['absent']): string {
  const routers: RouterFacts = { ready: 0, asked: false, pods: [], ...(absent === undefined ? {} : { absent }) };
  const { reason, message } = routerCause({ at: AT, routers } as Observed, 1);
  expect(reason).toBe('RoutersNotReady');
  return message;
}

const ADVICE = 'No router of the namespace is ready';

describe('a namespace without a ready router', () => {
  it('says that its pods are refused, without advice that is meant for models', () => {
    const message = messageWith({ deployment, replicaFailure: 'pods "slipway-router-1" is forbidden: exceeded quota: memory', pods: [] });
    expect(message).toMatch(new RegExp(`^pods "slipway-router-1" is forbidden: exceeded quota: memory\\. ${ADVICE}`));
  });

  it.for<[string, PodFacts, string]>([
    ['has no room', pod({ unschedulable: '0/1 nodes are available: 1 Insufficient cpu.', room: { cpu: 0.01 } }), 'pod slipway-router-1 asks for cpu=50m memory=128Mi (short by 40m of cpu on the node with the most free)'],
    ['has no image', waiting('ImagePullBackOff', 'Back-off pulling image "r"'), 'container router: Back-off pulling image "r"'],
    ['fails its probe', pod({ phase: 'Running', warnings: { Unhealthy: 'Readiness probe failed: HTTP probe failed with statuscode: 503' } }), 'pod slipway-router-1: Readiness probe failed'],
  ])('says that one %s', ([, trouble, words]) => {
    expect(messageWith({ deployment, pods: [trouble] })).toContain(words);
  });

  it('says no more than that while nothing is known to be wrong', () => {
    expect(messageWith({ deployment, pods: [pod({ createdAt: AT - 1000 })] })).toMatch(new RegExp(`^${ADVICE}`));
    expect(messageWith(undefined)).toMatch(new RegExp(`^${ADVICE}`));
  });
});
