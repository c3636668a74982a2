// A real Prometheus, run by the Prometheus operator and configured from nothing but the ServiceMonitor and PodMonitor that Slipway made,
// scrapes serving pods and routers. The CRDs come after the InferenceService: what is optional appears when it can. Before that they are
// broken, and forbidden: monitoring never blocks. docs/reference/causes.md is held to the words.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { REASONS } from '@slipway/api';
import type { InferenceService } from '@slipway/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensurePrograms, goCommand } from '../../tools/cluster/binaries.ts';
import { programImage } from '../../tools/cluster/local/base-images.ts';
import { Aftermath } from './support/aftermath.ts';
import { condition, isTrue, manifest } from './support/isvc.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const run = promisify(execFile);
const world = new World();
const namespace = 'e2e-monitoring';
const monitoring = 'e2e-prometheus';
const MODULE = 'github.com/prometheus-operator/prometheus-operator';
const GROUPS = ['servicemonitors', 'podmonitors', 'prometheuses', 'prometheusagents', 'probes', 'prometheusrules', 'scrapeconfigs', 'alertmanagers', 'alertmanagerconfigs', 'thanosrulers'];
const NON_ROOT = { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } };

async function crdFiles(): Promise<string[]> {
  const module = path.resolve(import.meta.dirname, '../../tools/cluster/go/prometheus-operator');
  const { stdout } = await run(goCommand(), ['mod', 'download', '-json', MODULE], { cwd: module, maxBuffer: 1 << 24 });
  const { Dir } = JSON.parse(stdout) as { Dir: string };
  return GROUPS.map((name) => path.join(Dir, 'example/prometheus-operator-crd', `monitoring.coreos.com_${name}.yaml`));
}

async function loadImages(): Promise<void> {
  const { prometheus, ...programs } = await ensurePrograms(['prometheus', 'prometheus-operator', 'prometheus-config-reloader'], { report: (line) => process.stderr.write(`${line}\n`) });
  const images = [
    await programImage('slipway.local/prometheus:e2e', prometheus, 'prometheus', 'bin/prometheus'),
    await programImage('slipway.local/prometheus-operator:e2e', programs['prometheus-operator'], 'operator', 'bin/operator'),
    await programImage('slipway.local/prometheus-config-reloader:e2e', programs['prometheus-config-reloader'], 'prometheus-config-reloader', 'bin/prometheus-config-reloader'),
  ];
  await world.loadImages(images);
}

function operatorObjects(): Record<string, unknown>[] {
  const labels = { app: 'prometheus-operator' };
  const container = {
    name: 'operator',
    image: 'slipway.local/prometheus-operator:e2e',
    imagePullPolicy: 'IfNotPresent',
    args: ['--prometheus-config-reloader=slipway.local/prometheus-config-reloader:e2e', '--config-reloader-cpu-request=5m', '--config-reloader-memory-request=10Mi', `--namespaces=${namespace},${monitoring}`],
    resources: { requests: { cpu: '10m', memory: '40Mi' } },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true },
  };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'prometheus', namespace: monitoring } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'e2e-prometheus' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name: 'prometheus', namespace: monitoring }],
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'prometheus-operator', namespace: monitoring },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { serviceAccountName: 'prometheus', securityContext: NON_ROOT, containers: [container] } } },
    },
    {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'Prometheus',
      metadata: { name: 'e2e', namespace: monitoring },
      spec: {
        image: 'slipway.local/prometheus:e2e',
        version: 'v3.13.3',
        replicas: 1,
        serviceAccountName: 'prometheus',
        scrapeInterval: '5s',
        serviceMonitorSelector: {},
        serviceMonitorNamespaceSelector: {},
        podMonitorSelector: {},
        podMonitorNamespaceSelector: {},
        securityContext: NON_ROOT,
        resources: { requests: { cpu: '20m', memory: '100Mi' } },
      },
    },
  ];
}

const DEFINITION = 'servicemonitors.monitoring.coreos.com';
const OPEN = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };

/** What a botched upgrade leaves behind: the objects are stored in another version, and what converts them does not run. */
function brokenDefinition(): Record<string, unknown> {
  const service = { namespace: monitoring, name: 'converter', path: '/convert' };
  const conversion = { strategy: 'Webhook', webhook: { clientConfig: { service }, conversionReviewVersions: ['v1'] } };
  const names = { kind: 'ServiceMonitor', listKind: 'ServiceMonitorList', plural: 'servicemonitors', singular: 'servicemonitor' };
  const versions = [{ name: 'v1', served: true, storage: false, schema: OPEN }, { name: 'v2', served: true, storage: true, schema: OPEN }];
  return { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: DEFINITION }, spec: { group: 'monitoring.coreos.com', names, scope: 'Namespaced', versions, conversion } };
}

/** The operator may do these things with monitors, and nothing else. */
async function mayMonitors(...verbs: string[]): Promise<void> {
  const [role] = (await world.list<{ metadata: { name: string }; rules: { resources: string[] }[] }>('clusterroles', '', '-l', 'app.kubernetes.io/name=slipway')).filter(({ rules }) => rules?.some(({ resources }) => resources?.includes('servicemonitors')));
  const at = role?.rules.findIndex(({ resources }) => resources.includes('servicemonitors'));
  await world.kubectl('patch', 'clusterrole', role?.metadata.name ?? '', '--type=json', '-p', JSON.stringify([{ op: 'replace', path: `/rules/${at}/verbs`, value: verbs }]));
}

/** Waits until MonitoringReady says so; serving, REASON and phase must not know of it. */
async function troubled(words: RegExp): Promise<InferenceService> {
  const isvc = await world.isvcUntil(`MonitorFailed: ${words}`, 'classifier', namespace, (one) => condition(one, 'MonitoringReady')?.reason === 'MonitorFailed' && words.test(condition(one, 'MonitoringReady')?.message ?? ''));
  process.stderr.write(`monitoring  ${condition(isvc, 'MonitoringReady')?.message}\n`);
  expect(condition(isvc, 'MonitoringReady')?.message, 'what to do').toContain(REASONS.MonitorFailed.advice);
  expect(isTrue(isvc, 'Ready') && isTrue(isvc, 'RolledOut')).toBe(true);
  expect([isvc.status?.phase, isvc.status?.summary?.reason ?? '']).toEqual(['Healthy', '']);
  return isvc;
}

const monitored = (): Promise<InferenceService> => world.isvcUntil('monitored', 'classifier', namespace, (isvc) => condition(isvc, 'MonitoringReady')?.status === 'True');

/** What each way of being broken says; the rows of docs/reference/causes.md. */
const TROUBLES = {
  'CRD whose objects cannot be converted': /conversion webhook for monitoring\.coreos\.com\/v1, Kind=ServiceMonitor failed: .*service "converter" not found/,
  'operator may not write ServiceMonitors': /servicemonitors\.monitoring\.coreos\.com .*is forbidden: User "system:serviceaccount:\S+" cannot (create|patch) resource/,
};

async function query(expression: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> {
  const url = `${await prometheusUrl()}/api/v1/query?query=${encodeURIComponent(expression)}`;
  const answer = JSON.parse(await world.inside('curl', '-sS', '-m', '10', url)) as { data: { result: { metric: Record<string, string>; value: [number, string] }[] } };
  return answer.data.result;
}

async function prometheusUrl(): Promise<string> {
  const pod = await world.get<{ status: { podIP: string } }>('pod', 'prometheus-e2e-0', monitoring);
  return `http://${pod.status.podIP}:9090`;
}

describe('monitoring', () => {
  beforeAll(async () => {
    await world.namespace(namespace);
    await world.namespace(monitoring);
    await world.apply({ ...manifest({ name: 'classifier', namespace, model: 'classifier/v1' }) });
    await world.kubectl('patch', 'isvc', 'classifier', '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec: { monitoring: { serviceMonitor: { interval: '5s' } } } }));
    await world.healthy('classifier', namespace);
  });
  afterAll(async () => {
    await world.deleteNamespace(namespace);
    await world.deleteNamespace(monitoring);
    await world.kubectl('delete', 'clusterrolebinding', 'e2e-prometheus', '--ignore-not-found');
    for (const file of await crdFiles()) await world.kubectl('delete', '-f', file, '--ignore-not-found', '--wait=false');
  });

  it('is healthy without the CRDs and says what is missing', async () => {
    const isvc = await world.isvc('classifier', namespace);
    expect(condition(isvc, 'MonitoringReady')).toMatchObject({ status: 'False', reason: 'MonitorCrdMissing' });
    expect(isvc.status?.phase).toBe('Healthy');
    expect(isvc.status?.summary?.reason ?? '').toBe('');
  });

  it('a broken CRD is named in MonitoringReady and nowhere else, without a loop; it clears when somebody mends it', async () => {
    await world.apply(brokenDefinition());
    await troubled(TROUBLES['CRD whose objects cannot be converted']);
    await new Aftermath(world, namespace).atRest();
    await world.kubectl('patch', 'customresourcedefinition', DEFINITION, '--type=merge', '-p', JSON.stringify({ spec: { conversion: { strategy: 'None', webhook: null } } }));
    await monitored();
    await world.kubectl('delete', 'customresourcedefinition', DEFINITION);
    await world.isvcUntil('without the CRD', 'classifier', namespace, (isvc) => condition(isvc, 'MonitoringReady')?.reason === 'MonitorCrdMissing');
  });

  it('gets its ServiceMonitor and the routers their PodMonitor as soon as the CRDs exist', async () => {
    for (const file of await crdFiles()) await world.kubectl('apply', '--server-side', '-f', file);
    await world.isvcUntil('monitored', 'classifier', namespace, (isvc) => condition(isvc, 'MonitoringReady')?.status === 'True');
    await until('the PodMonitor exists', async () => (await world.get<{ metadata: { name: string } }>('podmonitor', 'slipway-router', namespace)).metadata.name === 'slipway-router');
  });

  it('a ServiceMonitor that the operator may not write is named there too, while a timed canary goes on; it clears with the right', async () => {
    await mayMonitors('get', 'list', 'watch');
    try {
      await world.kubectl('delete', 'servicemonitor', 'classifier', '-n', namespace);
      await troubled(TROUBLES['operator may not write ServiceMonitors']);
      const rollout = { strategy: 'Canary', canary: { steps: [{ setWeight: 50 }, { pause: { duration: '2s' } }] } };
      await world.kubectl('patch', 'isvc', 'classifier', '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec: { rollout, resources: { requests: { cpu: '51m' } } } }));
      await world.healthy('classifier', namespace);
      await troubled(TROUBLES['operator may not write ServiceMonitors']);
    } finally {
      await mayMonitors('get', 'list', 'watch', 'create', 'patch', 'delete');
    }
    await world.isvcUntil('monitored', 'classifier', namespace, (isvc) => condition(isvc, 'MonitoringReady')?.status === 'True', 330_000);
  }, 600_000);

  it('docs/reference/causes.md has the words', () => {
    const page = readFileSync(new URL('../../docs/reference/causes.md', import.meta.url), 'utf8').split('\n## Monitoring never blocks\n')[1] ?? '';
    const rows = page.split('\n').filter((line) => line.includes('`MonitorFailed`')).map((line) => line.split('|').map((cell) => cell.trim()));
    expect(rows.map(([, title]) => title)).toEqual(Object.keys(TROUBLES));
    for (const [index, words] of Object.values(TROUBLES).entries()) {
      expect(rows[index]?.[3]).toMatch(words);
      expect(rows[index]?.[4]).toBe(REASONS.MonitorFailed.advice);
    }
  });

  describe('with a Prometheus', () => {
    beforeAll(loadImages);

    it('is scraped by a real Prometheus with revision, version and role as labels', async () => {
      await world.apply(...operatorObjects());
      await until('Prometheus runs', async () => (await world.get<{ status: { phase: string } }>('pod', 'prometheus-e2e-0', monitoring)).status.phase === 'Running');
      const revision = (await world.isvc('classifier', namespace)).status?.rollout?.stable ?? '';
      const url = `${await world.clusterIp('classifier', namespace)}/predict`;
      for (let i = 0; i < 20; i += 1) expect((await world.post(url, { modelName: 'classifier', inputs: [[1, 2, 3, 4, 5]] })).status).toBe(200);
      const served = await until('the server was scraped', async () => {
        const found = await query(`sum by (revision, version, role) (slipway_server_requests_total{namespace="${namespace}"})`);
        return found.some((one) => Number(one.value[1]) >= 20) ? found : undefined;
      });
      expect(served[0]?.metric).toMatchObject({ revision, version: 'v1' });
      const routed = await until('the routers were scraped', async () => {
        const found = await query(`sum by (revision) (slipway_router_requests_total{namespace="${namespace}"})`);
        return found.some((one) => Number(one.value[1]) >= 20) ? found : undefined;
      });
      expect(routed.find((one) => Number(one.value[1]) >= 20)?.metric['revision']).toBe(revision);
    });
  });
});
