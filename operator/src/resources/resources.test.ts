// Each testdata/*/NAME.in.yaml becomes NAME.out.yaml: every object that the operator makes of it, whole, reviewed as a diff.
// Refresh with: vitest run --project unit operator/src/resources -u
import { readdirSync, readFileSync } from 'node:fs';
import { dump, load, YAML11_SCHEMA } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { InferenceService, revisionName } from '@slipway/api';
import type { RouteEntry } from '@slipway/api';
import type { KubeObject, NamespaceConfig, PortAllocation, RevisionRecord } from '../types.ts';
import * as resources from './index.ts';

const IMAGES = { server: 'slipway.example.com/server:1', fetch: 'slipway.example.com/router:1' };
const PORTS = { public: 20_000, preview: 20_001 };
const DIGEST = 'ab'.repeat(32);

const folder = (name: string): URL => new URL(`testdata/${name}/`, import.meta.url);
const inputs = (name: string): string[] => readdirSync(folder(name)).filter((file) => file.endsWith('.in.yaml'));
const read = (name: string, file: string): unknown => load(readFileSync(new URL(file, folder(name)), 'utf8'));
const yaml = (objects: KubeObject[]): string => objects.map((object) => dump(object, { lineWidth: 160, noRefs: true, schema: YAML11_SCHEMA })).join('---\n');
const golden = (name: string, file: string): string => new URL(file.replace('.in.yaml', '.out.yaml'), folder(name)).pathname;

/** As the API server would give it to the operator. */
function served(raw: unknown): InferenceService {
  const { metadata, ...rest } = raw as { metadata: Record<string, unknown> };
  const uid = 'c0ffee00-0000-4000-8000-000000000001';
  return InferenceService.parse({ ...rest, metadata: { ...metadata, uid, resourceVersion: '1', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' } });
}

function childrenOf(isvc: InferenceService): KubeObject[] {
  const revision = revisionName(isvc.metadata.name, '5d8f7c9b64');
  const modelVersion = isvc.spec.model.version ?? '5d8f7c9b64';
  const rendered = resources.renderRevision({ isvc, revision, modelVersion, number: 3, images: IMAGES, imagePullSecrets: ['ours'] });
  const { model, runtime, resources: asked, podTemplate } = isvc.spec;
  const record: RevisionRecord = { spec: { model, runtime, resources: asked, podTemplate }, images: IMAGES, modelVersion, ...rendered };
  const { port, ...ports } = resources.recordedPorts(rendered.service);
  const entry: RouteEntry = {
    schema: 1, uid: isvc.metadata.uid, sequence: 7, namespace: isvc.metadata.namespace, name: isvc.metadata.name, ports: PORTS, targetPort: port,
    backends: [{ revision, role: 'stable', weight: 100, modelVersion, ...ports }], timeoutSeconds: 60, retry: 'Auto',
  };
  return [
    resources.appliedDeploymentFor(isvc, record, isvc.spec.replicas),
    resources.appliedServiceFor(isvc, record, { role: 'stable', modelVersion }),
    resources.serviceFor(isvc, PORTS),
    resources.previewServiceFor(isvc, PORTS),
    resources.pdbFor(isvc),
    resources.serviceMonitorFor(isvc, isvc.spec.monitoring.serviceMonitor, [resources.scrapedOf(isvc.spec)].filter((each) => each !== undefined)),
    resources.routeConfigMapFor(isvc, entry),
    resources.packageConfigMapFor(isvc, revision, DIGEST),
    { ...resources.controllerRevisionFor(isvc, revision, 3, record), data: '(the record: spec, images, modelVersion, deployment, service)' },
  ];
}

interface NamespaceInput {
  namespace: string;
  config: NamespaceConfig;
  longestTimeout: number;
  allocation: PortAllocation;
}

function routersOf({ namespace, config, longestTimeout, allocation }: NamespaceInput): KubeObject[] {
  return [
    resources.routerServiceAccountFor(namespace),
    resources.routerRoleBindingFor(namespace, config.routerClusterRole),
    resources.routerPortsConfigMapFor(namespace, allocation),
    resources.routerDeploymentFor(namespace, config, longestTimeout),
    resources.routerPdbFor(namespace),
    resources.routerPodMonitorFor(namespace),
    ...(config.networkPolicy === undefined ? [] : [resources.serverNetworkPolicyFor(namespace, config.networkPolicy), resources.routerNetworkPolicyFor(namespace, config.networkPolicy)]),
  ];
}

describe('children of an InferenceService', () => {
  it.each(inputs('isvc'))('%s', async (file) => {
    await expect(yaml(childrenOf(served(read('isvc', file))))).toMatchFileSnapshot(golden('isvc', file));
  });

  it('keeps the whole record in the ControllerRevision', () => {
    const isvc = served(read('isvc', 'plain.in.yaml'));
    const rendered = resources.renderRevision({ isvc, revision: 'sentiment-a', modelVersion: 'a', number: 1, images: IMAGES });
    const record: RevisionRecord = { spec: { model: isvc.spec.model }, images: IMAGES, modelVersion: 'a', ...rendered };
    expect(resources.controllerRevisionFor(isvc, 'sentiment-a', 1, record)['data']).toEqual(record);
  });

  it('renders the same bytes twice and touches neither input nor record', () => {
    const isvc = served(read('isvc', 'pod-template.in.yaml'));
    const before = structuredClone(isvc);
    expect(yaml(childrenOf(isvc))).toBe(yaml(childrenOf(isvc)));
    expect(isvc).toEqual(before);
  });

  it('makes role and model version legal label values, whatever the package calls itself', () => {
    const isvc = served(read('isvc', 'plain.in.yaml'));
    const { service } = resources.renderRevision({ isvc, revision: 'sentiment-a', modelVersion: 'a', number: 1, images: IMAGES });
    const labels = resources.appliedServiceFor(isvc, { service }, { role: 'stable', modelVersion: `.1+build/${'x'.repeat(80)}-` }).metadata.labels ?? {};
    expect(labels['serving.slipway.dev/model-version']).toMatch(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/);
  });
});

describe('routers of a namespace', () => {
  it.each(inputs('namespace'))('%s', async (file) => {
    await expect(yaml(routersOf(read('namespace', file) as NamespaceInput))).toMatchFileSnapshot(golden('namespace', file));
  });
});
