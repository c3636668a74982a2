// Many small models in one server share a few workers: each answers as itself, none starves another, and what one of them does to a worker
// (blocks it, ends it) costs the others nothing but a move.
import { cpSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { onnxModel } from '../../models/training/onnx.ts';
import type { ModelRunner } from '../../server/src/backends/model-runner.ts';
import type { Tensor } from '../../server/src/inference/tensor.ts';
import type { Model } from '../../server/src/models/model.ts';
import { attribute, doubling, picky, writeSavedModel } from './support/saved-model.ts';
import { MODELS, serve, temporaryFolder, until, type Answer, type TestServer } from './support/server.ts';

const MIB = 1024 * 1024;

/** y = x * factor, in ONNX. */
function scaling(folder: string, factor: number): void {
  const value = (name: string) => ({ name, dtype: 'float32', shape: ['rows', 1] }) as const;
  const weight = { name: 'w', dtype: 'float32', shape: [1], data: new Uint8Array(Float32Array.of(factor).buffer) } as const;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'model.onnx'), onnxModel({ name: 'scaling', nodes: [{ op: 'Mul', inputs: ['x', 'w'], outputs: ['y'] }], weights: [weight], inputs: [value('x')], outputs: [value('y')] }));
}

/** y = x to the power of `power`, of square matrices: nothing for a small one, seconds for a large one. */
function powers(folder: string, power: number): void {
  const T = attribute.type('float32');
  const nodes = Array.from({ length: power - 1 }, (_, at) => ({ name: `p${String(at)}`, op: 'MatMul', inputs: [at === 0 ? 'x' : `p${String(at - 1)}`, 'x'], attributes: { T } }));
  writeSavedModel(folder, {
    nodes: [{ name: 'x', op: 'Placeholder', attributes: { dtype: T, shape: attribute.shape([-1, -1]) } }, ...nodes],
    inputs: [{ name: 'x', node: 'x:0', dtype: 'float32', shape: [-1, -1] }],
    outputs: [{ name: 'y', node: `p${String(power - 2)}:0`, dtype: 'float32', shape: [-1, -1] }],
  });
}

function modelOf(server: TestServer, name: string): Model {
  const model = server.parts.manager.registry.entries().find((entry) => entry.name === name)?.model;
  if (model === undefined) throw new Error(`${name} is not loaded`);
  return model;
}

const runnerOf = (server: TestServer, name: string): ModelRunner => modelOf(server, name).runner;
const workerOf = (server: TestServer, name: string): unknown => runnerOf(server, name).held()[0];

/** Calls these models in turns without a pause until it is stopped; tells how often, and what was not 200 and right. */
function traffic(server: TestServer, names: readonly string[]): { stop(): Promise<{ calls: number; bad: unknown[] }>; calls(): number } {
  let running = true;
  let calls = 0;
  const bad: unknown[] = [];
  const lane = async (name: string): Promise<void> => {
    for (let value = 1; running; value++) {
      const { status, body } = await server.post('/predict', { modelName: name, inputs: [[value, 0]] });
      if (status !== 200 || JSON.stringify(body.predictions) !== JSON.stringify([[2 * value, 0]])) bad.push(body);
      calls += 1;
    }
  };
  const lanes = names.map(lane);
  return { calls: () => calls, stop: async () => {
    running = false;
    await Promise.all(lanes);
    return { calls, bad };
  } };
}

describe('thirty models in one server', () => {
  it('share two workers of each runtime, and each answers as itself', async () => {
    using folder = temporaryFolder();
    const scaled = Array.from({ length: 15 }, (_, at) => `s${String(at)}`);
    const doubled = Array.from({ length: 15 }, (_, at) => `d${String(at)}`);
    scaled.forEach((name, at) => { scaling(path.join(folder.path, name, '1'), at + 2); });
    for (const name of doubled) doubling(path.join(folder.path, name, '1'), 'float32', [-1, 2]);
    await using server = await serve({ MODEL_PATH: folder.path, SHARED_WORKERS: '2', WARMUP_ITERATIONS: '1' });
    expect(server.state().phase).toBe('Ready');
    expect(server.parts.pool.workers()).toHaveLength(4);
    const ask = (modelName: string, row: readonly number[]): Promise<Answer> => server.post('/predict', { modelName, inputs: [row] });
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all([...scaled.map((name) => ask(name, [round])), ...doubled.map((name, at) => ask(name, [at, round]))]);
      expect(answers.map((answer) => answer.body.predictions as unknown)).toEqual([...scaled.map((_, at) => [[round * (at + 2)]]), ...doubled.map((_, at) => [[2 * at, 2 * round]])]);
    }
    expect(server.parts.pool.workers()).toHaveLength(4);
    const { text } = await server.parts.metrics.prometheus();
    expect(text.match(/^slipway_server_model_ready\{.*\} 1$/gm)).toHaveLength(30);
  });

  it('but large ones, and those that say where they run, have workers of their own', async () => {
    using folder = temporaryFolder();
    for (const name of ['a', 'b', 'large', 'said']) cpSync(path.join(MODELS, 'classifier-onnx', 'v1', 'model.onnx'), path.join(folder.path, name, '1', 'model.onnx'));
    const weights = path.join(folder.path, 'large', '1', 'weights.data');
    writeFileSync(weights, '');
    truncateSync(weights, 40 * MIB);
    writeFileSync(path.join(folder.path, 'said', '1', 'model.yaml'), 'apiVersion: modelpackage.slipway.dev/v1\nname: said\nversion: "1"\nformat: onnx\nisolation: thread\n');
    await using server = await serve({ MODEL_PATH: folder.path, SHARED_WORKERS: '1', WARMUP_ITERATIONS: '1' });
    expect(workerOf(server, 'a')).toBe(workerOf(server, 'b'));
    expect(new Set(['a', 'large', 'said'].map((name) => workerOf(server, name))).size).toBe(3);
    await using apart = await serve({ MODEL_PATH: folder.path, SHARED_WORKERS: '10', WARMUP_ITERATIONS: '1' });
    expect(apart.parts.pool.workers()).toHaveLength(4);
  });
});

describe('what one model does to the worker', () => {
  it('blocking it: the others move, their calls succeed meanwhile, and its own is answered', async () => {
    using folder = temporaryFolder();
    for (const name of ['a', 'b']) doubling(path.join(folder.path, name, '1'), 'float32', [-1, 2]);
    powers(path.join(folder.path, 'powers', '1'), 24);
    await using server = await serve({ MODEL_PATH: folder.path, SHARED_WORKERS: '1', WARMUP_ITERATIONS: '1' });
    expect(server.parts.pool.workers()).toHaveLength(1);
    const before = workerOf(server, 'powers');
    const size = 3000;
    let done = false;
    const long = modelOf(server, 'powers').batcher.submit({ inputs: [{ name: 'x', dtype: 'float32', shape: [size, size], data: new Float32Array(size * size) }], deadline: Infinity });
    void long.finally(() => { done = true; });
    const steady = traffic(server, ['a', 'b']);
    await until(() => [workerOf(server, 'a'), workerOf(server, 'b')], (workers) => workers.every((worker) => worker !== undefined && worker !== before), 60_000);
    const moved = steady.calls();
    await until(() => steady.calls(), (calls) => calls > moved + 10, 60_000);
    expect(done, 'it is still at it').toBe(false);
    expect((await long).outputs[0]?.shape).toEqual([size, size]);
    expect((await steady.stop()).bad).toEqual([]);
    expect(workerOf(server, 'powers'), 'it keeps the worker').toBe(before);
    expect(workerOf(server, 'a')).toBe(workerOf(server, 'b'));
    const { text } = await server.parts.metrics.prometheus();
    expect(text).not.toMatch(/slipway_server_worker_restarts_total\{.*\} [1-9]/);
  });

  it('ending it: only its own call fails, the others\' are made elsewhere, and it comes back alone', async () => {
    using folder = temporaryFolder();
    for (const name of ['a', 'b', 'c']) doubling(path.join(folder.path, name, '1'), 'float32', [-1, 2]);
    doubling(path.join(folder.path, 'words', '1'), 'string', [-1]);
    await using server = await serve({ MODEL_PATH: folder.path, SHARED_WORKERS: '1', WARMUP_ITERATIONS: '1', WORKER_HEAP_MB: '128' });
    expect(server.parts.pool.workers()).toHaveLength(1);
    const before = workerOf(server, 'words');
    const steady = traffic(server, ['a', 'b', 'c']);
    const many = Array.from({ length: 4_000_000 }, (_, at) => `word number ${String(at)}`);
    await expect(modelOf(server, 'words').batcher.submit({ inputs: [{ name: 'x', dtype: 'string', shape: [many.length], data: many }], deadline: Infinity })).rejects.toMatchObject({ code: 'worker_failed' });
    expect((await server.get('/v2/models/words/ready')).status).not.toBe(200);
    await until(() => runnerOf(server, 'words').alive, (alive) => alive === 1);
    expect(await server.post('/predict', { modelName: 'words', inputs: ['x'] })).toMatchObject({ status: 200, body: { predictions: ['x'] } });
    const { calls, bad } = await steady.stop();
    expect(bad).toEqual([]);
    expect(calls).toBeGreaterThan(20);
    const workers = ['a', 'b', 'c', 'words'].map((name) => workerOf(server, name));
    expect([new Set(workers.slice(0, 3)).size, new Set(workers).size, workers.includes(before)]).toEqual([1, 2, false]);
    const { text } = await server.parts.metrics.prometheus();
    expect(text).toContain('slipway_server_worker_restarts_total{model="words",version="1"} 1');
    expect(text).not.toMatch(/slipway_server_worker_restarts_total\{model="[abc]".*\} [1-9]/);
    expect(text).toMatch(/slipway_server_worker_moves_total\{model="[abc]".*\} [1-9]/);
    expect(text).not.toMatch(/slipway_server_worker_moves_total\{model="words".*\} [1-9]/);
  });

  it('leaving native memory behind in failed runs: all move beside their calls, and it sits alone', async () => {
    using folder = temporaryFolder();
    for (const name of ['a', 'b']) doubling(path.join(folder.path, name, '1'), 'float32', [-1, 2]);
    picky(path.join(folder.path, 'picky', '1'));
    await using server = await serve({ MODEL_PATH: folder.path, SHARED_WORKERS: '1', WARMUP_ITERATIONS: '1' });
    const before = runnerOf(server, 'picky').held()[0];
    const steady = traffic(server, ['a', 'b']);
    const tensor = (): Tensor => ({ name: 'x', dtype: 'float32', shape: [5_000_000, 2], data: new Float32Array(10_000_000).fill(Infinity) });
    await expect(modelOf(server, 'picky').batcher.submit({ inputs: [tensor()], deadline: Infinity, owned: true })).rejects.toMatchObject({ code: 'inference_failed' });
    await until(() => before?.alive, (alive) => alive === false);
    expect((await steady.stop()).bad).toEqual([]);
    expect(await server.post('/predict', { modelName: 'picky', inputs: [[3, 4]] })).toMatchObject({ status: 200, body: { predictions: [[3, 4]] } });
    expect(workerOf(server, 'a')).toBe(workerOf(server, 'b'));
    expect(workerOf(server, 'picky')).not.toBe(workerOf(server, 'a'));
  });

  it('loading and unloading beside others leaves no tensor behind', async () => {
    using folder = temporaryFolder();
    for (const name of ['a', 'b']) doubling(path.join(folder.path, name, '1'), 'float32', [-1, 2]);
    await using server = await serve({ MODEL_PATH: folder.path, SHARED_WORKERS: '1', WARMUP_ITERATIONS: '1' });
    const { manager, pool } = server.parts;
    const held = async (): Promise<number[]> => {
      const [stats] = await Promise.all(pool.workers().map((worker) => worker.call('stats', null)));
      return [pool.workers().length, stats?.tensors ?? -1, stats?.nativeTensors ?? -1];
    };
    const before = await held();
    const steady = traffic(server, ['a', 'b']);
    for (let round = 0; round < 10; round++) {
      for (const name of ['classifier/v1', 'sentiment/v1']) await manager.loadModel('guest', path.join(MODELS, name), String(round));
      await manager.unload('guest');
    }
    expect((await steady.stop()).bad).toEqual([]);
    expect(await held()).toEqual(before);
  });
});
