// Models that come and go in a running server share its CPUs anew: what computes in native code never has more threads than there are CPUs,
// and no call is lost while sessions are made anew.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ServerState } from '@slipway/api';
import { SETTLE_MS } from '../../server/src/backends/thread-budget.ts';
import { startProcess, type ServerProcess } from './support/process.ts';
import { ask, MODELS, steadily, temporaryFolder, until, type Answer } from './support/server.ts';

const CPUS = 4;

function put(folder: string, name: string, source: string, more = ''): void {
  const target = path.join(folder, name, '1');
  mkdirSync(target, { recursive: true });
  cpSync(path.join(MODELS, source), target, { recursive: true });
  const manifest = path.join(target, 'model.yaml');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/^name: .*$/m, `name: ${name}`) + more);
}

async function threadsOf(server: ServerProcess): Promise<Record<string, number | undefined>> {
  const state = ServerState.parse((await ask(`${server.admin}/state`)).body);
  return Object.fromEntries((state.models ?? []).map(({ name, threads }) => [name, threads]));
}

/** Threads that worker threads and ONNX Runtime in them have, by the name that they inherit. */
function workerThreads({ child }: ServerProcess): number {
  const tasks = `/proc/${String(child.pid)}/task`;
  return readdirSync(tasks).filter((task) => readFileSync(path.join(tasks, task, 'comm'), 'utf8').trim() === 'WorkerThread').length;
}

async function manage(server: ServerProcess, name: string, what: 'load' | 'unload'): Promise<void> {
  const answer = await ask(`${server.url}/v2/repository/models/${name}/${what}`, { method: 'POST' });
  expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
}

const called = (server: ServerProcess, modelName: string): (() => Promise<Answer[]>) =>
  steadily(() => ask(`${server.url}/predict`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ modelName, inputs: [[1, 1, 1, 1, 1]] }) }));

describe('ONNX models that are loaded one after another', () => {
  it('make room for each other first, and get it back, without a lost call', async () => {
    using folder = temporaryFolder();
    put(folder.path, 'a', 'classifier-onnx/v1');
    const server = await startProcess({ MODEL_PATH: folder.path, TF_THREADS: String(CPUS) });
    const alone = workerThreads(server);
    expect(await threadsOf(server)).toEqual({ a: CPUS });
    const stop = called(server, 'a');
    put(folder.path, 'b', 'classifier-onnx/v1');
    await manage(server, 'b', 'load');
    expect(await threadsOf(server)).toEqual({ a: 2, b: 2 });
    // A session computes in its worker's thread too: three threads beside one worker are now one beside each of two.
    await until(() => workerThreads(server), (threads) => threads === alone);
    await manage(server, 'a', 'load');
    expect(await threadsOf(server), 'a reload takes over what there was').toEqual({ a: 2, b: 2 });
    await manage(server, 'b', 'unload');
    const left = performance.now();
    await until(() => threadsOf(server), ({ a }) => a === CPUS);
    expect(performance.now() - left).toBeGreaterThan(SETTLE_MS / 2);
    await until(() => workerThreads(server), (threads) => threads === alone + 1); // and one worker that waits for the next model
    expect(await stop()).toEqual([]);
  });

  it('leave TensorFlow its part when it comes, and so do processes', async () => {
    using folder = temporaryFolder();
    put(folder.path, 'a', 'classifier-onnx/v1');
    put(folder.path, 'p', 'classifier-onnx/v1', 'isolation: process\n');
    const server = await startProcess({ MODEL_PATH: folder.path, TF_THREADS: String(CPUS) });
    expect(await threadsOf(server)).toEqual({ a: 2, p: 2 });
    const stop = [called(server, 'a'), called(server, 'p')];
    put(folder.path, 't', 'classifier/v1');
    await manage(server, 't', 'load');
    expect(await threadsOf(server)).toEqual({ a: 1, p: 1, t: undefined });
    expect(await Promise.all(stop.map((each) => each()))).toEqual([[], []]);
  });

  it('beside TensorFlow from the start, each has its part at once', async () => {
    using folder = temporaryFolder();
    put(folder.path, 'a', 'classifier-onnx/v1');
    put(folder.path, 't', 'classifier/v1');
    const server = await startProcess({ MODEL_PATH: folder.path, TF_THREADS: String(CPUS) });
    expect(await threadsOf(server)).toEqual({ a: 2, t: undefined });
  });
});
