import { ROUTER_PORTS_CONFIGMAP } from '@slipway/api';
import { describe, expect, it } from 'vitest';
import type { KubeObject, NamespaceConfig, NamespacePlan, ObservedNamespace } from '../types.ts';
import { planForNamespace } from './namespace.ts';

const CONFIG: NamespaceConfig = { images: { server: 's', router: 'r' }, routerClusterRole: 'slipway-router', routerReplicas: 2, imagePullSecrets: [], nodeSelector: {}, resources: {} };
const AT = 1_000_000_000;
const base: ObservedNamespace = { at: AT, namespace: 'ns', terminating: false, isvcs: [], children: {}, apis: { podMonitor: false } };
const one: ObservedNamespace = { ...base, isvcs: [{ name: 'a', uid: 'a', deleting: false, timeoutSeconds: 300 }] };

const plan = (observed: ObservedNamespace): NamespacePlan => planForNamespace(observed, CONFIG);
const kinds = (made: NamespacePlan): string[] => made.objects.map(({ object }) => object.kind);
const asWritten = (object: KubeObject): KubeObject => ({ ...object, metadata: { ...object.metadata, uid: 'u', resourceVersion: '7' } });

describe('the routers of a namespace', () => {
  it('come with the first InferenceService, ports first', () => {
    expect(kinds(plan(one))).toEqual(['ConfigMap', 'ServiceAccount', 'RoleBinding', 'Deployment', 'PodDisruptionBudget']);
    expect(kinds(plan({ ...one, apis: { podMonitor: true } }))).toContain('PodMonitor');
  });

  it('have NetworkPolicies where the setting is on; switched off, those that were made go', () => {
    const peers = { operator: { podSelector: { matchLabels: { app: 'operator' } } }, prometheus: { podSelector: { matchLabels: { app: 'prometheus' } } } };
    const on = planForNamespace(one, { ...CONFIG, networkPolicy: peers });
    const policies = on.objects.map(({ object }) => object).filter(({ kind }) => kind === 'NetworkPolicy');
    expect(policies.map(({ metadata }) => metadata.name)).toEqual(['slipway-server', 'slipway-router']);
    const children = Object.fromEntries(policies.map((object) => [`NetworkPolicy/${object.metadata.name}`, asWritten(object)]));
    expect(planForNamespace({ ...one, children }, { ...CONFIG, networkPolicy: peers }).prune).toEqual([]);
    const off = plan({ ...one, children });
    expect(off.prune.map(({ kind, name, uid }) => [kind, name, uid])).toEqual([['NetworkPolicy', 'slipway-server', 'u'], ['NetworkPolicy', 'slipway-router', 'u']]);
    expect(kinds(off)).not.toContain('NetworkPolicy');
    expect(plan({ ...base, children }).prune, 'with the last InferenceService they go too').toHaveLength(2);
  });

  it('go with the last one; the ports stay until they may be given again', () => {
    const [ports] = plan(one).objects;
    const router = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'slipway-router', namespace: 'ns', uid: 'd', resourceVersion: '3' } };
    const emptied = plan({ ...base, portsConfigMap: asWritten(ports?.object ?? router), children: { 'Deployment/slipway-router': router } });
    expect(emptied.prune).toEqual([{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'slipway-router', namespace: 'ns', uid: 'd', resourceVersion: '3' }]);
    expect(kinds(emptied)).toEqual(['ConfigMap']);
    expect(emptied.wakeAt).toBe(AT + 600_000);
    const later = plan({ ...base, at: AT + 600_000, portsConfigMap: asWritten(emptied.objects[0]?.object ?? router) });
    expect(later.objects).toEqual([]);
    expect(later.prune.map((each) => each.name)).toEqual([ROUTER_PORTS_CONFIGMAP]);
  });

  it('are never made in a namespace that is being deleted, nor for an InferenceService that is', () => {
    expect(plan({ ...one, terminating: true })).toEqual({ objects: [], prune: [] });
    expect(kinds(plan({ ...base, isvcs: [{ name: 'a', uid: 'a', deleting: true }] }))).toEqual(['ConfigMap']);
    expect(plan({ ...base, isvcs: [{ name: 'a', uid: 'a', deleting: true }] }).prune).toEqual([]);
  });

  it('write an allocation only over the version that was read', () => {
    const [first] = plan(one).objects;
    if (first === undefined) throw new Error('no ports');
    expect(first.resourceVersion).toBeUndefined();
    const [second] = plan({ ...one, portsConfigMap: asWritten(first.object) }).objects;
    expect(second).toEqual({ object: first.object, resourceVersion: '7' });
  });
});
