// The CRD on a real API server: every rule accepts and refuses what it should and says why, defaults agree with zod, status and scale
// are subresources, and kubectl explains and prints it well.
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { execFile, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InferenceServiceSpec } from '@slipway/api';
import { inferenceServiceCrd } from '@slipway/api/crd';
import { ApiError, CONTROLLER_REVISIONS } from '@slipway/kube';
import type { KubeObject } from '@slipway/kube';
import { COMMANDS } from '../../tools/generate/commands.ts';
import { ISVCS, isvcWith, startControlPlane } from './support/control-plane.ts';
import type { ControlPlane } from './support/control-plane.ts';

interface Rule {
  file: string;
  message: string;
  schema?: boolean;
  accept: Record<string, unknown>[];
  reject: Record<string, unknown>[];
}

const folder = path.join(import.meta.dirname, 'fixtures/crd');
const rules = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .map((file): Rule => ({ file, ...(load(readFileSync(path.join(folder, file), 'utf8')) as Omit<Rule, 'file'>) }));

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(async () => {
  await plane.stop();
});

const create = (object: KubeObject): Promise<KubeObject> => plane.client.create(ISVCS, object, { dryRun: true });

describe('rules', () => {
  const accepted = rules.flatMap((rule) => rule.accept.map((patch) => [rule.file, JSON.stringify(patch), patch] as const));
  const refused = rules.flatMap((rule) => rule.reject.map((patch) => [rule.file, JSON.stringify(patch), patch, rule.message] as const));

  it('each CEL rule of the CRD has a file', () => {
    expect(rules.filter((rule) => rule.schema !== true).map((rule) => rule.message).sort()).toEqual([...new Set(celMessages(inferenceServiceCrd()))].sort());
  });

  it.each(accepted)('%s accepts %s, and defaults it as zod does', async (_file, _text, patch) => {
    const object = isvcWith(patch);
    const stored = await create(object);
    expect(stored['spec']).toEqual(InferenceServiceSpec.parse(object['spec']));
  });

  it.each(refused)('%s refuses %s', async (_file, _text, patch, message) => {
    const answer = await create(isvcWith(patch)).catch((error: unknown) => error);
    expect(answer).toBeInstanceOf(ApiError);
    expect((answer as ApiError).status).toBe(422);
    expect((answer as ApiError).message).toContain(message);
  });
});

describe('defaults', () => {
  it('fill in a bare spec completely', async () => {
    const stored = await create(isvcWith());
    expect(stored['spec']).toEqual({
      model: { storageUri: 'file:///models/sentiment/v1' },
      replicas: 1,
      rollout: { strategy: 'RollingUpdate', paused: false, progressDeadline: '10m', revisionHistoryLimit: 10 },
      traffic: { timeout: '60s', retry: 'Auto' },
      monitoring: { serviceMonitor: { enabled: true, interval: '15s' } },
    });
  });

  it.each([
    { spec: { rollout: {}, traffic: {}, monitoring: {} } },
    { spec: { rollout: { strategy: 'BlueGreen', blueGreen: {} }, monitoring: { serviceMonitor: {} } } },
    { spec: { rollout: { rollingUpdate: {} }, model: { warmup: {}, batching: {} } } },
    { spec: { runtime: { image: 'i' }, podTemplate: {}, resources: {} } },
  ])('of nested parts agree with zod: %j', async (patch) => {
    const object = isvcWith(patch);
    expect((await create(object))['spec']).toEqual(InferenceServiceSpec.parse(object['spec']));
  });

  it('keep what deep pod parts hold, and prune what nobody knows elsewhere', async () => {
    const podTemplate = { affinity: { nodeAffinity: { x: [1] } }, sidecars: [{ name: 'a', image: 'i', futureField: { deep: true } }], tolerations: [{ key: 'k', anything: 1 }] };
    const stored = (await create(isvcWith({ spec: { podTemplate, unknown: 1, model: { unknown: 1 } } })))['spec'] as Record<string, unknown>;
    expect(stored['podTemplate']).toEqual(podTemplate);
    expect(stored).not.toHaveProperty('unknown');
    expect(stored['model']).not.toHaveProperty('unknown');
  });
});

describe('subresources', () => {
  const ref = { type: ISVCS, namespace: 'default', name: 'scaled' };
  beforeAll(async () => {
    await plane.client.create(ISVCS, isvcWith({ metadata: { name: 'scaled' } }));
  });

  it('status and spec cannot be written through each other', async () => {
    await plane.client.patch(ref, { status: { phase: 'Healthy' } }, { type: 'merge' });
    expect(await plane.client.get(ref)).not.toHaveProperty('status.phase');
    const intent = { ...isvcWith({ metadata: { name: 'scaled' }, spec: { replicas: 9 } }), status: { phase: 'Healthy', replicas: 1, selector: 'serving.slipway.dev/revision=scaled-a' } };
    await plane.client.applyStatus(ISVCS, intent, { fieldManager: 'test', force: true });
    expect(await plane.client.get(ref)).toMatchObject({ spec: { replicas: 1 }, status: { phase: 'Healthy' } });
  });

  it('scale shows selector and pods, and kubectl scale changes spec.replicas only', async () => {
    expect(await plane.client.get(ref, { subresource: 'scale' })).toMatchObject({ spec: { replicas: 1 }, status: { replicas: 1, selector: 'serving.slipway.dev/revision=scaled-a' } });
    const before = await plane.client.get(ref);
    await plane.server.kubectl('scale', 'isvc', 'scaled', '--replicas=3');
    const after = await plane.client.get(ref);
    expect(after['spec']).toEqual({ ...(before['spec'] as object), replicas: 3 });
  });

  it('refuses a status that is none', async () => {
    const wrong = { ...isvcWith({ metadata: { name: 'scaled' } }), status: { phase: 'Splendid' } };
    await expect(plane.client.applyStatus(ISVCS, wrong, { fieldManager: 'test', force: true })).rejects.toThrow(/status.phase: Unsupported value/);
  });
});

describe('kubectl', () => {
  it('explains isvc.spec.rollout', async () => {
    const { stdout } = await plane.kubectl(['explain', 'isvc.spec.rollout']);
    await expect(stdout).toMatchFileSnapshot('fixtures/explain-rollout.txt');
  });

  it('explains every field', async () => {
    const { stdout } = await plane.kubectl(['explain', 'isvc.spec', '--recursive']);
    for (const field of ['storageUri', 'maxSurge', 'setWeight', 'allowOrigins', 'serviceMonitor', 'sidecars']) expect(stdout).toContain(field);
    expect(stdout).not.toContain('<no description>');
  });

  it('knows the short names and the category', async () => {
    for (const name of ['isvc', 'slipisvc', 'slipway']) expect((await plane.kubectl(['get', name])).code).toBe(0);
  });

  it('prints the columns, blank where there is nothing', async () => {
    await plane.client.create(ISVCS, isvcWith({ metadata: { name: 'shown' } }));
    const summary = { ready: '2/2', version: 'v1', stable: '5d8f7c9b64' };
    const status = { url: 'http://shown.default.svc.cluster.local', phase: 'Healthy', summary };
    await plane.client.applyStatus(ISVCS, { ...isvcWith({ metadata: { name: 'shown' } }), status }, { fieldManager: 'test', force: true });
    const plain = (await plane.kubectl(['get', 'isvc', 'shown'])).stdout.split('\n');
    expect(plain[0]?.trim().split(/\s+/)).toEqual(['NAME', 'URL', 'READY', 'PHASE', 'CANARY', 'WEIGHT', 'STEP', 'REASON', 'VERSION', 'AGE']);
    expect(plain[1]).toMatch(/^shown\s+http:\/\/shown.default.svc.cluster.local\s+2\/2\s+Healthy\s+v1\s+\d+s/);
    expect((await plane.kubectl(['get', 'isvc', 'shown', '-o', 'wide'])).stdout).toMatch(/STABLE.*\n.*5d8f7c9b64/);
  });
});

describe('the documented commands', () => {
  const bin = mkdtempSync(path.join(tmpdir(), 'slipway-kubectl-'));
  const env = (): NodeJS.ProcessEnv => ({ ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, KUBECONFIG: plane.server.kubeconfig });
  const ref = { type: ISVCS, namespace: 'default', name: 'sentiment' };

  beforeAll(async () => {
    symlinkSync(plane.kube, path.join(bin, 'kubectl'));
    await plane.client.create(ISVCS, isvcWith());
    const at = '2026-01-01T00:00:00Z';
    const conditions = ['Ready', 'RolledOut'].map((type) => ({ type, status: 'True', reason: 'Serving', message: 'ok', lastTransitionTime: at }));
    const status = { rollout: { state: 'Waiting', candidate: 'sentiment-7c9b64' }, conditions };
    await plane.client.applyStatus(ISVCS, { ...isvcWith(), status }, { fieldManager: 'test', force: true });
    const labels = { 'serving.slipway.dev/inferenceservice': 'sentiment' };
    const record = { spec: { model: { storageUri: 'file:///models/sentiment/v0', version: 'v0' } } };
    const revision = { apiVersion: 'apps/v1', kind: 'ControllerRevision', metadata: { name: 'sentiment-5d8f7c9b64', namespace: 'default', labels }, revision: 1, data: record };
    await plane.client.create(CONTROLLER_REVISIONS, revision);
  });
  afterAll(() => {
    rmSync(bin, { recursive: true, force: true });
  });

  it.each(COMMANDS.filter(({ line }) => !line.includes('--watch')).map(({ title, line }) => [title, line]))('%s', async (_title, line) => {
    await promisify(execFile)('bash', ['-euc', line], { env: env(), timeout: 60_000 });
  });

  it('leave behind what they promise', async () => {
    expect(await plane.client.get(ref)).toMatchObject({
      metadata: { annotations: { 'serving.slipway.dev/promote': 'sentiment-7c9b64:full', 'serving.slipway.dev/abort': 'sentiment-7c9b64', 'serving.slipway.dev/retry': 'sentiment-7c9b64' } },
      spec: { replicas: 3, rollout: { paused: false }, model: { storageUri: 'file:///models/sentiment/v0', version: 'v0' } },
    });
  });

  it('watching prints the present state at once', async () => {
    const line = COMMANDS.find((command) => command.line.includes('--watch'))?.line ?? '';
    const child = spawn('bash', ['-euc', `exec ${line}`], { env: env(), stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      let seen = '';
      for await (const chunk of child.stdout) if (/\nsentiment .*\n/.test((seen += String(chunk)))) break;
      expect(seen).toMatch(/^NAME\s+URL/);
    } finally {
      child.kill();
    }
  });
});

/** Messages of all rules in a schema. */
function celMessages(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const own = (node as { 'x-kubernetes-validations'?: { message: string }[] })['x-kubernetes-validations'] ?? [];
  return [...own.map(({ message }) => message), ...Object.values(node).flatMap(celMessages)];
}
