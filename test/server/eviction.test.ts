// Many real models in one server that may hold only a few at once: they are loaded by their calls, give way to each other, come back,
// and every call is answered; what is in use never goes.
import { cpSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { doubling } from './support/saved-model.ts';
import { MODELS, serve, temporaryFolder, until, type TestServer } from './support/server.ts';

const MIB = 1024 * 1024;
const COUNT = 36;
const nameOf = (index: number): string => `m${String(index).padStart(2, '0')}`;

async function metric(server: TestServer, name: string): Promise<number> {
  const { text } = await server.parts.metrics.prometheus();
  const lines = text.split('\n').filter((line) => new RegExp(`^${name}[{ ]`).test(line));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

const loaded = (server: TestServer): string[] => server.state().models.filter((model) => model.loaded === true).map((model) => model.name);

/** Copies of a small ONNX model with weights beside it, and some of TensorFlow's: two runtimes, one ledger. */
function many(folder: string): void {
  for (let index = 0; index < COUNT; index++) {
    if (index % 12 === 0) doubling(path.join(folder, nameOf(index), '1'), 'float32', [-1, 5]);
    else {
      cpSync(path.join(MODELS, 'classifier-onnx', 'v1', 'model.onnx'), path.join(folder, nameOf(index), '1', 'model.onnx'));
      heavier(path.join(folder, nameOf(index), '1', 'weights.data'), 12 * MIB);
    }
  }
}

/** A file of zeros that takes no room on disk: weights that lie beside a model count as its own. */
function heavier(file: string, bytes: number): void {
  writeFileSync(file, '');
  truncateSync(file, bytes);
}

describe('many models under a small budget', () => {
  it('all answer, a few are loaded at a time, none of the calls fails', async () => {
    using folder = temporaryFolder();
    many(folder.path);
    const limit = 160 * MIB;
    await using server = await serve({ MODEL_PATH: folder.path, LAZY_LOAD: 'true', MODEL_MEMORY_BYTES: String(limit), WARMUP_ITERATIONS: '1' });
    const answers = new Map<string, string>();
    let most = 0;
    const call = async (index: number): Promise<void> => {
      const name = nameOf(index);
      const answer = await server.post('/predict', { modelName: name, inputs: [[1, 2, 3, 4, 5]] });
      expect({ status: answer.status, name, detail: answer.body.detail }).toEqual({ status: 200, name, detail: undefined });
      const predictions = JSON.stringify(answer.body.predictions);
      expect(answers.get(name) ?? predictions, 'the same answer after it was away').toBe(predictions);
      answers.set(name, predictions);
      most = Math.max(most, server.parts.manager.memory.used);
    };
    const lane = async (start: number): Promise<void> => {
      for (let step = 0; step < COUNT; step++) await call((start + step * 7) % COUNT);
    };
    await Promise.all([0, 9, 18, 27].map(lane));
    expect(answers.size).toBe(COUNT);
    // What a worker costs is measured as they start: one that turns out dearer than the guess makes others give way at once.
    expect(most).toBeLessThanOrEqual(limit + 104 * MIB);
    await until(() => server.parts.manager.memory.used, (used) => used <= limit);
    expect(loaded(server).length).toBeLessThan(COUNT);
    expect(await metric(server, 'slipway_server_model_evictions_total')).toBeGreaterThan(COUNT - loaded(server).length - 1);
    expect(await metric(server, 'slipway_server_model_loads_total')).toBe(loaded(server).length + (await metric(server, 'slipway_server_model_evictions_total')));
    expect(await metric(server, 'slipway_server_models_memory_bytes')).toBeLessThanOrEqual(limit);
    for (let index = 0; index < COUNT; index++) {
      const { version } = server.state().models.find((model) => model.name === nameOf(index)) ?? {};
      expect((await server.get(`/v2/models/${nameOf(index)}/versions/${version ?? ''}/ready`)).status, 'ready, loaded or not').toBe(200);
    }
    expect((await server.get('/health/ready')).status).toBe(200);
    const { body } = await server.get('/models');
    expect(body.models.filter((model: { loaded: boolean }) => model.loaded).map((model: { name: string }) => model.name)).toEqual(loaded(server));
    expect((await fetch(`${server.url}/v2/repository/index`, { method: 'POST', body: '{"ready":true}' }).then((answer) => answer.json() as Promise<unknown[]>)).length).toBe(COUNT);
  });

  it('the one that was used least recently goes first, with its kept answers', async () => {
    using folder = temporaryFolder();
    for (const name of ['a', 'b', 'c']) {
      cpSync(path.join(MODELS, 'classifier-onnx', 'v1', 'model.onnx'), path.join(folder.path, name, '1', 'model.onnx'));
      heavier(path.join(folder.path, name, '1', 'weights.data'), 200 * MIB);
    }
    await using server = await serve({ MODEL_PATH: folder.path, LAZY_LOAD: 'true', MODEL_MEMORY_BYTES: String(500 * MIB), WARMUP_ITERATIONS: '1', CACHE_MAX_BYTES: '10000' });
    const call = async (modelName: string): Promise<string | null> => (await server.post('/predict', { modelName, inputs: [[1, 2, 3, 4, 5]] })).headers.get('slipway-cache');
    await call('a');
    await call('b');
    expect(await call('a')).toBe('hit');
    await call('c');
    expect(loaded(server)).toEqual(['a', 'c']);
    expect(await call('b'), 'its answers went with it').toBe('miss');
    expect(loaded(server)).toEqual(['b', 'c']);
    expect(server.parts.memory.held).toBeGreaterThan(0);
  });

  it('what is in use stays: a call for another waits, then gets 503 with a time to come back', async () => {
    using folder = temporaryFolder();
    for (const name of ['busy', 'other']) heavier(path.join(doubling(path.join(folder.path, name, '1'), 'float32', [-1, 2]), 'weights.data'), 60 * MIB);
    await using server = await serve({ MODEL_PATH: folder.path, LAZY_LOAD: 'true', MODEL_MEMORY_BYTES: String(160 * MIB), WARMUP_ITERATIONS: '0' });
    expect((await server.post('/predict', { modelName: 'busy', inputs: [[1, 2]] })).status).toBe(200);
    const release = server.parts.manager.registry.find('busy', '1')?.lease(); // as a call does for as long as it runs
    const refused = await server.post('/predict', { modelName: 'other', inputs: [[1, 2]] });
    expect(refused).toMatchObject({ status: 503, body: { code: 'memory_exhausted' } });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await server.get('/v2/models/other/ready')).status, 'it may be asked again').toBe(200);
    expect(loaded(server)).toEqual(['busy']);
    release?.();
    expect(await server.post('/predict', { modelName: 'other', inputs: [[1, 2]] })).toMatchObject({ status: 200, body: { predictions: [[2, 4]] } });
    expect(loaded(server)).toEqual(['other']);
  });

  it('one that could never fit says so', async () => {
    using folder = temporaryFolder();
    doubling(path.join(folder.path, 'm', '1'), 'float32', [-1, 2]);
    await using server = await serve({ MODEL_PATH: folder.path, LAZY_LOAD: 'true', MODEL_MEMORY_BYTES: '1000', WARMUP_ITERATIONS: '1' });
    const answer = await server.post('/predict', { modelName: 'm', inputs: [[1, 2]] });
    expect(answer).toMatchObject({ status: 503, body: { code: 'model_failed' } });
    expect(answer.body.detail).toContain('MODEL_MEMORY_BYTES');
    expect(server.state().models).toMatchObject([{ phase: 'Failed', reason: 'OutOfMemory', loaded: false }]);
  });

  it('calls that name no version get the highest, also while it is away', async () => {
    using folder = temporaryFolder();
    for (const version of ['1', '2']) doubling(path.join(folder.path, 'm', version), 'float32', [-1, 2]);
    await using server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1' });
    await server.parts.manager.unload('m');
    for (const version of ['1', '2']) await server.parts.manager.loadModel('lazy', path.join(folder.path, 'm', version), version, { lazy: true });
    const ask = async (more: object): Promise<string> => (await server.post('/predict', { modelName: 'lazy', inputs: [[1, 2]], ...more })).body.modelVersion;
    expect(await ask({ modelVersion: '1' })).toBe('1');
    expect(await ask({})).toBe('2');
  });
});
