// A few namespaces at a time: who may roll its routers now.
import type { KubeObject } from '@slipway/kube';
import { describe, expect, it } from 'vitest';
import { mayRoll } from './router-rollouts.ts';
import type { Deployment } from './shapes.ts';

const routers = (namespace: string, image: string, status: Deployment['status'] = { observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2 }): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'slipway-router', namespace, generation: 1 },
  spec: { replicas: 2, template: { spec: { dnsPolicy: 'defaulted', containers: [{ name: 'router', image, resources: {} }] } } } as Deployment['spec'],
  ...(status === undefined ? {} : { status }),
});
const intent = (namespace: string, image: string): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'slipway-router', namespace },
  spec: { template: { spec: { containers: [{ name: 'router', image }] } } },
});
const rolling = { observedGeneration: 1, replicas: 3, updatedReplicas: 1, readyReplicas: 2 };

describe('rolling routers', () => {
  it('new ones, unchanged ones and ones that roll already need not wait', () => {
    const busy = ['x', 'y', 'z'].map((namespace) => routers(namespace, 'new', rolling));
    expect(mayRoll(intent('a', 'new'), busy, 3)).toBe(true);
    expect(mayRoll(intent('a', 'new'), [...busy, routers('a', 'new')], 3)).toBe(true);
    expect(mayRoll(intent('a', 'new'), [...busy, routers('a', 'old', rolling)], 3)).toBe(true);
  });

  it('ones that would roll wait while too many do', () => {
    const busy = ['x', 'y', 'z'].map((namespace) => routers(namespace, 'new', rolling));
    expect(mayRoll(intent('a', 'new'), [...busy, routers('a', 'old')], 3)).toBe(false);
    expect(mayRoll(intent('a', 'new'), [...busy.slice(1), routers('a', 'old')], 3)).toBe(true);
  });

  it.each([
    ['the controller has not seen the change', { observedGeneration: 0, replicas: 2, updatedReplicas: 2, readyReplicas: 2 }],
    ['pods are not updated', { observedGeneration: 1, replicas: 2, updatedReplicas: 1, readyReplicas: 2 }],
    ['pods are not ready', { observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 1 }],
    ['old pods are still there', { observedGeneration: 1, replicas: 3, updatedReplicas: 2, readyReplicas: 2 }],
  ])('rolling means: %s', (_name, status) => {
    expect(mayRoll(intent('a', 'new'), [routers('b', 'new', status), routers('a', 'old')], 1)).toBe(false);
  });
});
