// `isolation: process`: each worker of a model is a child process. What ends it (a genuine crash inside ONNX Runtime, kill -9)
// fails the calls under way and nothing else; it comes back; it never outlives the server.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { onnxModel } from '../../models/training/onnx.ts';
import { WorkerProcess } from '../../server/src/backends/worker-process.ts';
import { png } from './support/png.ts';
import { startProcess } from './support/process.ts';
import { doubling, slow } from './support/saved-model.ts';
import { ask, MODELS, serve, steadily, temporaryFolder, until, type TestServer } from './support/server.ts';

const ISOLATED = { WARMUP_ITERATIONS: '1', MODEL_ISOLATION: 'process' };

/** Dividing this int32 by -1 overflows, which the processor answers with a trap. */
const FATAL = -2_147_483_648;

/** y = x / -1 of int32 in ONNX: FATAL ends whatever process runs it with SIGFPE, deep in native code. `sample` becomes the warm-up input. */
function crashing(folder: string, sample?: number): void {
  const value = (name: string) => ({ name, dtype: 'int32', shape: ['rows', 1] }) as const;
  const weight = { name: 'w', dtype: 'int32', shape: [1], data: new Uint8Array(Int32Array.of(-1).buffer) } as const;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'model.onnx'), onnxModel({ name: 'crashing', nodes: [{ op: 'Div', inputs: ['x', 'w'], outputs: ['y'] }], weights: [weight], inputs: [value('x')], outputs: [value('y')] }));
  if (sample === undefined) return;
  writeFileSync(path.join(folder, 'sample.json'), JSON.stringify({ inputs: [[sample]] }));
  writeFileSync(path.join(folder, 'model.yaml'), 'apiVersion: modelpackage.slipway.dev/v1\nname: crashing\nversion: "1"\nformat: onnx\nsamples: [{request: sample.json}]\n');
}

/** Process ids of a model's workers. */
const pidsOf = (server: TestServer, name: string): number[] =>
  server.parts.manager.registry.entries().filter((entry) => entry.name === name).flatMap((entry) => entry.model?.runner.held() ?? []).flatMap((worker) => (worker instanceof WorkerProcess ? (worker.pid ?? []) : []));

/** Child processes of a process that have not ended. */
function childrenOf(pid: number): number[] {
  const file = `/proc/${String(pid)}/task/${String(pid)}/children`;
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ').filter((id) => id !== '').map(Number) : [];
}

const isRunning = (pid: number): boolean => existsSync(`/proc/${String(pid)}/status`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));

describe('a native crash in a process of the model', () => {
  it('fails the calls under way with 503, touches no other model, and the model comes back', async () => {
    using folder = temporaryFolder();
    crashing(path.join(folder.path, 'crashing', '1'));
    doubling(path.join(folder.path, 'other', '1'), 'float32', [-1, 2]);
    await using server = await serve({ ...ISOLATED, MODEL_PATH: folder.path });
    expect(server.state()).toMatchObject({ phase: 'Ready', models: [{ name: 'crashing', isolation: 'process' }, { name: 'other', isolation: 'process' }] });
    const [before] = pidsOf(server, 'crashing');
    const others = pidsOf(server, 'other');
    const stop = steadily(() => server.post('/predict', { modelName: 'other', inputs: [[1, 2]] }));
    const lost = await server.post('/predict', { modelName: 'crashing', inputs: [[FATAL]] });
    expect(lost).toMatchObject({ status: 503, body: { code: 'worker_failed', detail: expect.stringContaining('SIGFPE') as string } });
    expect(lost.headers.get('retry-after')).toBe('1');
    expect(await server.post('/predict', { modelName: 'crashing', inputs: [[7]] }), 'waits for the new process').toMatchObject({ status: 200, body: { predictions: [[-7]] } });
    expect((await stop()).map((answer) => answer.body)).toEqual([]);
    expect(pidsOf(server, 'other')).toEqual(others);
    expect(pidsOf(server, 'crashing')).not.toContain(before);
    const { text } = await server.parts.metrics.prometheus();
    expect(text).toContain('slipway_server_worker_restarts_total{model="crashing",version="1"} 1');
    expect(text).toMatch(/slipway_server_model_info\{[^}]*model="crashing"[^}]*isolation="process"/);
  });

  it('while it warms up is a failed load that names the signal; the server and its other models go on', async () => {
    using folder = temporaryFolder();
    crashing(path.join(folder.path, 'crashing', '1'), FATAL);
    doubling(path.join(folder.path, 'good', '1'), 'float32', [-1, 2]);
    await using server = await serve({ ...ISOLATED, MODEL_PATH: folder.path });
    const [failed, good] = server.state().models;
    expect(failed).toMatchObject({ name: 'crashing', phase: 'Failed', reason: 'WarmupFailed', message: expect.stringContaining('SIGFPE') as string });
    expect(good).toMatchObject({ name: 'good', phase: 'Ready' });
    expect((await server.post('/predict', { modelName: 'good', inputs: [[1, 2]] })).body.predictions).toEqual([[2, 4]]);
    await until(() => server.parts.pool.workers().length, (count) => count === 1);
  });
});

describe('kill -9 of a process of the model', () => {
  it('answers 503 with Retry-After to the call under way; readiness is the model\'s own', async () => {
    using folder = temporaryFolder();
    slow(path.join(folder.path, 'slow', '1'), 1500);
    doubling(path.join(folder.path, 'other', '1'), 'float32', [-1, 2]);
    await using server = await serve({ ...ISOLATED, MODEL_PATH: folder.path });
    const under = server.post('/predict', { modelName: 'slow', inputs: [[1]] });
    const runner = server.parts.manager.registry.find('slow', '1')?.model?.runner;
    await until(() => runner?.free, (free) => free === 0);
    const [pid] = pidsOf(server, 'slow');
    process.kill(pid ?? 0, 'SIGKILL');
    const lost = await under;
    expect(lost).toMatchObject({ status: 503, body: { code: 'worker_failed', detail: expect.stringContaining('SIGKILL') as string } });
    expect(lost.headers.get('retry-after')).toBe('1');
    expect((await server.get('/v2/models/slow/ready')).status).not.toBe(200);
    expect((await server.get('/v2/models/other/ready')).status).toBe(200);
    expect((await server.get('/health/ready')).status).toBe(200);
    await until(() => server.get('/v2/models/slow/ready'), (answer) => answer.status === 200);
    expect(await server.post('/predict', { modelName: 'slow', inputs: [[5]] })).toMatchObject({ status: 200, body: { predictions: [[5]] } });
  });
});

describe('the settings of the process', () => {
  it('share out the CPUs, hold the heap, count its memory and hide the server\'s environment', async () => {
    using folder = temporaryFolder();
    for (const name of ['a', 'b']) doubling(path.join(folder.path, name, '1'), 'float32', [-1, 2]);
    await using server = await serve({ ...ISOLATED, MODEL_PATH: folder.path, TF_THREADS: '8', TF_WORKERS: '2', WORKER_HEAP_MB: '128', ADMIN_TOKEN: 'secret' });
    const pids = [...pidsOf(server, 'a'), ...pidsOf(server, 'b')];
    expect(new Set(pids).size).toBe(4);
    for (const pid of pids) {
      const environment = readFileSync(`/proc/${String(pid)}/environ`, 'utf8').split('\0');
      expect(environment).toContain('TF_NUM_INTRAOP_THREADS=2');
      expect(environment.join('\n')).not.toContain('secret');
      expect(readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8')).toContain('--max-old-space-size=128');
    }
    expect(server.state().memoryBytes).toBeGreaterThan(process.memoryUsage.rss());
    const listed = (await server.get('/models')).body.models as { isolation: string }[];
    expect(listed.map((model) => model.isolation)).toEqual(['process', 'process']);
  });

  it('come from the package unless the server says otherwise; pictures are decoded there too', async () => {
    using folder = temporaryFolder();
    cpSync(path.join(MODELS, 'classifier', 'v1'), folder.path, { recursive: true });
    const file = path.join(folder.path, 'model.yaml');
    writeFileSync(file, `${readFileSync(file, 'utf8')}\nisolation: process\n`);
    await using own = await serve({ WARMUP_ITERATIONS: '1', MODEL_PATH: folder.path });
    expect(own.state().models).toMatchObject([{ isolation: 'process' }]);
    expect((await own.post('/predict', { inputs: [[1, 2, 3, 4, 5]] })).status).toBe(200);
    await using overruled = await serve({ WARMUP_ITERATIONS: '1', MODEL_PATH: folder.path, MODEL_ISOLATION: 'thread' });
    expect(overruled.state().models).toMatchObject([{ isolation: 'thread' }]);
    await using digits = await serve({ ...ISOLATED, MODEL_PATH: path.join(MODELS, 'digits', 'v1') });
    expect(await digits.post('/predict', png(8, 8, Array.from({ length: 64 }, (_, at) => at)), { 'content-type': 'image/png' })).toMatchObject({ status: 200 });
  });
});

describe('the server ends', () => {
  it('on SIGTERM after the calls under way are answered by the process, which gets the signal too', async () => {
    using folder = temporaryFolder();
    slow(path.join(folder.path, 'slow', '1'), 2000);
    const { child, url, exit, log } = await startProcess({ MODEL_PATH: folder.path, MODEL_ISOLATION: 'process', DRAIN_DELAY_SECONDS: '0.2' });
    const pids = childrenOf(child.pid ?? 0);
    expect(pids).toHaveLength(1);
    const calls = [1, 2, 3].map((n) => ask(`${url}/predict`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ inputs: [[n]] }) }));
    await until(() => ask(`${url}/metrics`, { headers: { accept: 'text/plain' } }).then((answer) => answer.body as string), (text) => text.includes('slipway_server_requests_in_flight 3'));
    // As from a terminal or an init that signals the whole group.
    for (const pid of pids) process.kill(pid, 'SIGTERM');
    child.kill('SIGTERM');
    expect((await Promise.all(calls)).map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect(await exit, log()).toBe(0);
    await until(() => pids.filter(isRunning), (running) => running.length === 0);
  });

  it('by kill -9 in the middle of a long native run: no process is left behind', async () => {
    using folder = temporaryFolder();
    slow(path.join(folder.path, 'slow', '1'), 200);
    slow(path.join(folder.path, 'endless', '1'), 12_000);
    const { child, url } = await startProcess({ MODEL_PATH: folder.path, MODEL_ISOLATION: 'process', LAZY_LOAD: 'true', WARMUP_ITERATIONS: '0' });
    const post = (modelName: string): Promise<unknown> => ask(`${url}/predict`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ modelName, inputs: [[1]] }) }).catch(() => undefined);
    await post('slow');
    void post('endless');
    const pids = await until(() => childrenOf(child.pid ?? 0), (found) => found.length === 2);
    child.kill('SIGKILL');
    await until(() => pids.filter(isRunning), (running) => running.length === 0);
  });
});
