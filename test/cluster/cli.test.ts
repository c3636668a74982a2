// `kubectl isvc` as people run it: kubectl finds the built plugin on PATH, and a real operator answers on a real API server without
// nodes. What needs pods that run is in test/e2e.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '@slipway/kube';
import type { Client, KubeObject } from '@slipway/kube';
import { load } from 'js-yaml';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../operator/src/config.ts';
import { createOperator } from '../../operator/src/operator.ts';
import type { Operator } from '../../operator/src/operator.ts';
import { createLog } from '../../operator/src/runtime/log.ts';
import { createMetrics } from '../../operator/src/runtime/metrics.ts';
import { buildPlugin } from '../../tools/cli/build.ts';
import { ensureCommands } from '../../tools/cluster/local/requirements.ts';
import { clientFor, namespaceFor } from '../support/kube-client.ts';
import { ISVCS, isvcWith, root, startControlPlane } from './support/control-plane.ts';
import type { Answer, ControlPlane } from './support/control-plane.ts';

/** Part of the names of tests that are not run for want of a shell. */
const withoutShells = await ensureCommands({ zsh: 'zsh', fish: 'fish' }, { report: (line) => console.error(line) }).then(() => undefined, (error: Error) => ` (NOT CHECKED: ${error.message})`);

let plane: ControlPlane;
let operator: Operator | undefined;
let operatorClient: Client;
let folder: string;
let namespace: string;
let env: Record<string, string>;

beforeAll(async () => {
  plane = await startControlPlane();
  folder = await mkdtemp(path.join(tmpdir(), 'slipway-cli-'));
  await buildPlugin(root, folder);
  // The plugin's shebang asks PATH for a node: the one that runs the tests.
  env = { PATH: [folder, path.dirname(process.execPath), process.env['PATH'] ?? ''].join(path.delimiter), KUBECONFIG: plane.server.kubeconfig, HOME: folder };
  const flags = { 'server-image': 'server:1', 'router-image': 'router:1', 'lease-namespace': 'default', identity: 'cli', 'admin-port': '0' };
  const config = loadConfig(Object.entries(flags).map(([name, value]) => `--${name}=${value}`), {});
  ({ client: operatorClient } = await clientFor(plane.server));
  const log = createLog({ level: 'silent', component: 'operator', instance: 'cli' });
  operator = createOperator({ config, client: operatorClient, leaseClient: operatorClient, clock: systemClock, random: Math.random, log, metrics: createMetrics() });
  await operator.start();
});
beforeEach(async () => {
  namespace = await namespaceFor(plane.client, 'cli');
});
afterAll(async () => {
  await operator?.stop();
  await operatorClient?.close();
  await plane?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

const isvc = (...args: string[]): Promise<Answer> =>
  new Promise((resolve) => {
    execFile(plane.kube, ['kubectl', 'isvc', ...args, '-n', namespace], { env, timeout: 60_000 }, (error, stdout, stderr) => resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr }));
  });
const make = (name: string, spec: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}): Promise<KubeObject> =>
  plane.client.create(ISVCS, isvcWith({ metadata: { name, namespace, ...metadata }, spec }));
const get = (name: string): Promise<KubeObject> => plane.client.get<KubeObject>({ type: ISVCS, namespace, name });
interface Rollout { candidate?: string }
const candidateOf = async (name: string): Promise<string | undefined> => ((await get(name))['status'] as { rollout?: Rollout } | undefined)?.rollout?.candidate;
/** Resolves with the candidate, once there is another than `not`. */
async function candidate(name: string, not?: string): Promise<string> {
  await expect.poll(async () => ![undefined, not].includes(await candidateOf(name)), { timeout: 20_000 }).toBe(true);
  return (await candidateOf(name)) ?? '';
}

describe('kubectl isvc', () => {
  it('is found by kubectl', async () => {
    expect((await isvc('--help')).stdout).toContain('Usage: kubectl isvc');
  });

  it('errors name the fix and have exit codes', async () => {
    const [missing, usage, unreachable, kubeconfig] = await Promise.all([isvc('get', 'nothing'), isvc('promote'), isvc('list', '--context', 'nowhere'), isvc('list', '--kubeconfig', '/does/not/exist')]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringMatching(/no InferenceService nothing .*\n.*kubectl isvc list -A/) as string });
    expect(usage.code).toBe(2);
    expect(unreachable).toMatchObject({ code: 1, stderr: expect.stringContaining('--context') as string });
    expect(kubeconfig.stderr).toContain('there is no kubeconfig /does/not/exist');
  });

  it('get, list, explain and history show what the operator made', async () => {
    await make('seen');
    const name = await candidate('seen');
    const [tree, list, explain, history, yaml] = await Promise.all([isvc('get', 'seen'), isvc('list'), isvc('explain', 'seen'), isvc('history', 'seen'), isvc('get', 'seen', '-o', 'yaml')]);
    expect(tree.stdout).toMatch(new RegExp(`⟳ seen.*\n└──# revision:1\n   └──⧉ ${name}`));
    expect(Math.max(...tree.stdout.split('\n').map((each) => [...each].length))).toBeLessThanOrEqual(80);
    expect(list.stdout).toMatch(/^seen +/m);
    expect(explain.stdout).toMatch(/Ready +False[^]*What to do\n/);
    expect(history.stdout).toMatch(new RegExp(`^1 +${name} +.*file:///models/sentiment/v1`, 'm'));
    expect(load(yaml.stdout)).toMatchObject({ service: { metadata: { name: 'seen' } }, revisions: [{ revision: 1 }] });
    expect(yaml.stdout).not.toContain('managedFields');
  });

  it('status ends with 4 when the time is over; pause and resume wait until the operator has seen them', async () => {
    await make('waits');
    await candidate('waits');
    expect(await isvc('status', 'waits', '--timeout', '300ms')).toMatchObject({ code: 4, stderr: expect.stringContaining('kubectl isvc explain waits') as string });
    expect(await isvc('pause', 'waits')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^waits is paused: /) as string });
    const { metadata, spec, status } = (await get('waits')) as KubeObject & { status: { observedGeneration: number } };
    expect([spec, status.observedGeneration]).toEqual([expect.objectContaining({ rollout: expect.objectContaining({ paused: true }) as object }), metadata.generation]);
    expect((await isvc('resume', 'waits')).stdout).toContain('waits is resumed');
    expect((await get('waits'))['spec']).toMatchObject({ rollout: { paused: false } });
  });

  it('promote and abort answer what the operator answered, each time anew', async () => {
    await make('steered');
    const name = await candidate('steered');
    const refused = { code: 1, stderr: expect.stringContaining('there is no stable revision to go back to') as string };
    expect(await isvc('abort', 'steered')).toMatchObject(refused);
    expect(await isvc('abort', 'steered'), 'the same command again is a new one').toMatchObject(refused);
    expect(await isvc('promote', 'steered', '--full')).toMatchObject({ code: 0, stdout: `promote steered: ${name} takes over, leaving out the steps left\n` });
    expect((await get('steered')).metadata.annotations?.['serving.slipway.dev/promote']).toBe(`${name}:full`);
    expect((await isvc('retry', 'steered')).stderr).toContain('the candidate was not given up');
  });

  it('undo puts a recorded spec back; where GitOps holds the spec it prints what to commit', async () => {
    await make('undone', { model: { storageUri: 'file:///models/sentiment/v1' }, resources: { requests: { cpu: '10m' } } });
    const first = await candidate('undone');
    await plane.client.patch({ type: ISVCS, namespace, name: 'undone' }, { spec: { model: { storageUri: 'file:///models/sentiment/v2' }, resources: null } }, { type: 'merge' });
    await candidate('undone', first);
    const dry = await isvc('undo', 'undone', '--dry-run');
    expect(load(dry.stdout)).toMatchObject({ kind: 'InferenceService', spec: { model: { storageUri: 'file:///models/sentiment/v1' }, resources: { requests: { cpu: '10m' } } } });
    expect(await isvc('undo', 'undone', '--to-revision', '7')).toMatchObject({ code: 1, stderr: expect.stringContaining('recorded are 2, 1') as string });
    expect((await isvc('undo', 'undone')).stdout).toContain(`undone goes back to revision 1 (${first})`);
    expect((await get('undone'))['spec']).toMatchObject({ model: { storageUri: 'file:///models/sentiment/v1' }, resources: { requests: { cpu: '10m' } } });
    await expect.poll(() => candidateOf('undone'), { timeout: 20_000 }).toBe(first);

    await plane.client.patch({ type: ISVCS, namespace, name: 'undone' }, { metadata: { annotations: { 'argocd.argoproj.io/tracking-id': 'x' } } }, { type: 'merge' });
    const { generation } = (await get('undone')).metadata;
    expect(await isvc('undo', 'undone', '--to-revision', '2')).toMatchObject({ code: 1, stdout: expect.stringContaining('file:///models/sentiment/v2') as string, stderr: expect.stringContaining('Argo CD manages undone') as string });
    expect((await get('undone')).metadata.generation).toBe(generation);
  });

  it('get --watch prints a new picture when something changes, and ends on interrupt', async () => {
    await make('watched');
    await candidate('watched');
    const child = spawn(plane.kube, ['kubectl', 'isvc', 'get', 'watched', '--watch', '-n', namespace], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
    try {
      await expect.poll(() => shown, { timeout: 20_000 }).toContain('⟳ watched');
      await plane.client.patch({ type: ISVCS, namespace, name: 'watched' }, { spec: { model: { storageUri: 'file:///models/sentiment/v2' } } }, { type: 'merge' });
      await expect.poll(() => shown, { timeout: 20_000 }).toMatch(/⟳ watched[^]*⟳ watched[^]*revision:2/);
    } finally {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGINT');
      await ended;
    }
  });

  it('completes commands, options and names', async () => {
    await make('completed');
    const complete = async (...words: string[]): Promise<string> => (await promiseOf(['__complete', ...words])).stdout;
    expect(await complete('pro')).toBe('promote\n:4\n');
    expect(await complete('undo', '--to')).toBe('--to-revision\n:4\n');
    expect(await complete('-n', namespace, 'get', 'com')).toBe('completed\n:4\n');
    expect((await isvc('completion', 'bash')).stdout).toContain('complete -F');
    expect((await isvc('completion', 'tcsh')).code).toBe(2);
  });

  it('completes in a real bash, and through kubectl', async () => {
    await make('completed');
    const helper = path.join(folder, 'kubectl_complete-isvc');
    await writeFile(helper, '#!/bin/sh\nexec kubectl-isvc __complete "$@"\n', { mode: 0o755 });
    const typed = (words: string): string => `source <(kubectl-isvc completion bash); COMP_WORDS=(kubectl-isvc ${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _kubectl_isvc; printf '%s\\n' "\${COMPREPLY[@]}"`;
    expect((await program('bash', '--norc', '-c', typed('hist'))).stdout).toBe('history\n');
    expect((await program('bash', '--norc', '-c', typed(`-n ${namespace} get com`))).stdout).toBe('completed\n');
    expect((await program(plane.kube, 'kubectl', '__complete', 'isvc', 'pro')).stdout).toMatch(/^promote\n:4$/m);
  });

  it.skipIf(withoutShells !== undefined)(`completes in a real zsh, where TAB is pressed${withoutShells ?? ''}`, async () => {
    await make('completed');
    const typed = async (words: string, whole: string): Promise<string> => {
      const load = 'PS1=; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -D -u; source <(kubectl-isvc completion zsh); print -r -- LOADED$((1))';
      const script = `zmodload zsh/zpty; zpty z "zsh -f -i"; zpty -w z '${load}'; zpty -r z line '*LOADED1*'; zpty -w -n z "${words}"$'\\t'; zpty -r z line '*${whole}*'; print -r -- "$line"; zpty -d z`;
      return (await program('zsh', '-f', '-c', script)).stdout;
    };
    expect(await typed('kubectl-isvc hist', 'history')).toContain('kubectl-isvc history');
    expect(await typed(`kubectl-isvc -n ${namespace} get com`, 'completed')).toContain('get completed');
  });

  it.skipIf(withoutShells !== undefined)(`completes in a real fish${withoutShells ?? ''}`, async () => {
    await make('completed');
    const typed = async (words: string): Promise<string> => (await program('fish', '--no-config', '-c', `kubectl-isvc completion fish | source; complete -C '${words}'`)).stdout;
    expect(await typed('kubectl-isvc hist')).toBe('history\n');
    expect(await typed(`kubectl-isvc -n ${namespace} get com`)).toBe('completed\n');
    expect(await typed('kubectl-isvc completion ')).toBe('bash\nfish\nzsh\n');
  });

  it('predict and logs say what is missing while nothing serves', async () => {
    await make('silent');
    await candidate('silent');
    const [predict, logs, data] = await Promise.all([isvc('predict', 'silent', '-d', '{"text": "x"}'), isvc('logs', 'silent'), isvc('predict', 'silent', '-d', '{text')]);
    expect(predict).toMatchObject({ code: 1, stderr: expect.stringContaining('kubectl isvc explain silent') as string });
    expect(logs).toMatchObject({ code: 1, stderr: expect.stringContaining('silent has no pods') as string });
    expect(data.stderr).toContain('the data is not JSON');
  });

  it('status fails with the cause where only a person can help', async () => {
    await make('refused', { podTemplate: { volumes: [{ name: 'words', configMap: { name: 'words' }, emptyDir: {} }] } });
    expect(await isvc('status', 'refused', '--timeout', '50s')).toMatchObject({ code: 1, stderr: expect.stringMatching(/InvalidPodTemplate: .*may not specify more than 1 volume type/) as string });
  });

  describe('plan', () => {
    const CANARY = { replicas: 2, resources: { requests: { cpu: '10m', memory: '1Gi' } }, rollout: { strategy: 'Canary', canary: { steps: [{ setWeight: 20 }, { pause: {} }] } } };
    const V2 = { model: { storageUri: 'file:///models/sentiment/v2' } };
    interface Report { verdict: string; message: string; changes: { field: string }[]; objects: Record<'created' | 'changed' | 'removed', string[]>; steps: { words: string; waits: boolean }[]; capacity: Record<'now' | 'peak', Record<string, number>>; quota: { resource: string; allowed: boolean }[]; checks: { what: string; accepted: boolean; message?: string }[] }

    async function plan(name: string, spec: Record<string, unknown>): Promise<{ code: number; report: Report; text: string }> {
      const file = path.join(folder, `${namespace}-${name}.yaml`);
      await writeFile(file, JSON.stringify(isvcWith({ metadata: { name, namespace: null }, spec })));
      const { code, stdout, stderr } = await isvc('plan', '-f', file, '-o', 'json');
      expect(stderr).toBe('');
      return { code, report: JSON.parse(stdout) as Report, text: (await isvc('plan', '-f', file)).stdout };
    }
    const names = async (kind: string): Promise<string> => (await plane.kubectl(['get', kind, '-n', namespace, '-o', 'name'])).stdout;

    it('of a new service: everything that would be made, and nothing is', async () => {
      const { code, report, text } = await plan('fresh', CANARY);
      expect([code, report.verdict, report.message]).toEqual([0, 'fine', 'nothing stands in the way']);
      expect(report.objects.created).toEqual(expect.arrayContaining(['ConfigMap/fresh-route', 'Service/fresh', 'PodDisruptionBudget/fresh']));
      expect(report.checks.map(({ what, accepted }) => `${what.split(' ')[0]} ${accepted}`)).toEqual(['InferenceService true', 'Deployment true', 'a true']);
      expect(text).toMatch(/^Plan for InferenceService fresh[^]*\+ Service\/fresh\n[^]*pods +0 +2 +2\n/);
      expect(await names('isvc,deployments,pods,services,controllerrevisions,poddisruptionbudgets')).toBe('');
    });

    it('of a change: the fields, the canary with its pause, the peak; and nothing is written', async () => {
      await make('live', CANARY);
      const first = await candidate('live');
      await expect.poll(async () => (await plane.client.get<KubeObject>({ type: ISVCS, namespace, name: 'live' }))['status'], { timeout: 20_000 }).toMatchObject({ observedGeneration: 1 });
      const before = (await get('live')).metadata;
      const { code, report } = await plan('live', { ...CANARY, ...V2 });
      expect([code, report.verdict]).toEqual([0, 'fine']);
      expect(report.changes).toEqual([{ field: 'model.storageUri', before: 'file:///models/sentiment/v1', after: 'file:///models/sentiment/v2' }]);
      expect(report.objects.created.some((key) => key.startsWith('ControllerRevision/live-') && !key.endsWith(first))).toBe(true);
      const now = (await get('live')).metadata;
      expect([now.generation, (now.managedFields as { manager?: string }[] | undefined)?.some(({ manager }) => manager === 'kubectl')], 'the file was not applied').toEqual([before.generation, false]);
      expect(await names('controllerrevisions')).toBe(`controllerrevision.apps/${first}\n`);
      expect(await names('pods')).toBe('');
      expect((await plan('live', CANARY)).report.changes).toEqual([]);
    });

    it('what would be refused or held has an exit code of its own', async () => {
      const invalid = await plan('wrong', { rollout: { strategy: 'Canary' } });
      expect([invalid.code, invalid.report.verdict]).toEqual([1, 'refused']);
      expect(invalid.report.message).toContain('canary');

      await plane.client.create({ group: '', version: 'v1', kind: 'Service', plural: 'services', namespaced: true }, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'taken', namespace }, spec: { ports: [{ port: 81 }] } });
      const taken = await plan('taken', {});
      expect([taken.code, taken.report.message]).toEqual([1, expect.stringContaining('Service/taken would be refused: an object of that name belongs to somebody else')]);

      const quotas = { group: '', version: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas', namespaced: true };
      const hard = { 'requests.memory': '1Gi' };
      await plane.client.create(quotas, { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'team', namespace }, spec: { hard } });
      await plane.client.patch({ type: quotas, namespace, name: 'team' }, { status: { hard, used: { 'requests.memory': '0' } } }, { type: 'merge', subresource: 'status' });
      const large = await plan('large', CANARY);
      expect(large.code).toBe(1);
      expect(large.report.quota).toMatchObject([{ resource: 'requests.memory', allowed: false }]);
      expect(large.text).toContain('✖ team requests.memory: 0 used + 2Gi of 1Gi');
    });

    it('mistakes in the file are named', async () => {
      const file = path.join(folder, 'two.yaml');
      await writeFile(file, 'kind: ConfigMap\n');
      expect(await isvc('plan', '-f', file)).toMatchObject({ code: 1, stderr: expect.stringContaining('the file holds 0 InferenceServices') as string });
      expect((await isvc('plan', '-f', '/does/not/exist')).stderr).toContain('/does/not/exist');
    });
  });

  it('tells who is not known to the API server', async () => {
    await make('mine');
    await candidate('mine');
    const kubeconfig = path.join(folder, 'nobody');
    const config = JSON.parse(await readFile(plane.server.kubeconfig, 'utf8')) as { users: unknown[] };
    await writeFile(kubeconfig, JSON.stringify({ ...config, users: [{ name: 'admin', user: { token: 'wrong' } }] }));
    expect(await isvc('get', 'mine', '--kubeconfig', kubeconfig)).toMatchObject({ code: 1, stderr: expect.stringContaining('does not know you') as string });
  });

  it('version tells plugin, API and cluster', async () => {
    const answer = JSON.parse((await isvc('version', '-o', 'json')).stdout) as Record<string, unknown>;
    expect(answer).toMatchObject({ api: 'serving.slipway.dev/v1alpha1', served: true, kubernetes: expect.stringMatching(/^v1\./) as string });
  });
});

const program = (name: string, ...args: string[]): Promise<Answer> =>
  new Promise((resolve) => {
    execFile(name, args, { env, timeout: 60_000 }, (error, stdout, stderr) => resolve({ code: error === null ? 0 : 1, stdout, stderr }));
  });
const promiseOf = (args: string[]): Promise<Answer> =>
  new Promise((resolve) => {
    execFile(path.join(folder, 'kubectl-isvc'), args, { env, timeout: 60_000 }, (error, stdout, stderr) => resolve({ code: error === null ? 0 : 1, stdout, stderr }));
  });
