// Models come and go at run time without a lost call: load, swap, unload, lazy load, default version, all under steady traffic; a
// worker that is lost comes back; management asks who you are.
import { cpSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { doubling, picky, slow } from './support/saved-model.ts';
import { ask, MODELS, serve, temporaryFolder, until, type Answer, type TestServer } from './support/server.ts';

const CLASSIFIER = path.join(MODELS, 'classifier');
const ROW = [[1, 2, 3, 4, 5]];

/** Calls without a pause until it is stopped; gives every answer that was not good. */
function traffic(server: TestServer, body: object, good: (answer: Answer) => boolean): { stop(): Promise<{ calls: number; bad: Answer[] }> } {
  let running = true;
  let calls = 0;
  const bad: Answer[] = [];
  const lane = async (): Promise<void> => {
    while (running) {
      const answer = await server.post('/predict', body);
      calls += 1;
      if (!good(answer)) bad.push(answer);
    }
  };
  const lanes = [lane(), lane(), lane()];
  return {
    stop: async () => {
      running = false;
      await Promise.all(lanes);
      return { calls, bad };
    },
  };
}

const manage = (server: TestServer, method: string, at: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> =>
  ask(`${server.admin}${at}`, { method, headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });

describe('under steady traffic', () => {
  it('loads, swaps, changes the default and unloads without a failed call', async () => {
    await using server = await serve({ MODEL_PATH: path.join(CLASSIFIER, 'v1'), WARMUP_ITERATIONS: '1' });
    const seen = new Set<string>();
    const steady = traffic(server, { modelName: 'classifier', inputs: ROW }, (answer) => {
      seen.add(answer.body.modelVersion);
      return answer.status === 200;
    });
    expect((await manage(server, 'POST', '/models', { name: 'classifier', url: `file://${CLASSIFIER}/v2`, version: 'v2' })).status).toBe(201);
    await until(() => seen.size, (size) => size === 2);
    for (let round = 0; round < 3; round++) {
      expect((await manage(server, 'POST', '/models', { name: 'classifier', url: path.join(CLASSIFIER, 'v2'), version: 'v2' })).status).toBe(201);
    }
    expect((await manage(server, 'PUT', '/models/classifier/default', { version: 'v1' })).body.defaultVersion).toBe('v1');
    expect((await server.post('/predict', { modelName: 'classifier', inputs: ROW })).body.modelVersion).toBe('v1');
    expect((await manage(server, 'DELETE', '/models/classifier/versions/v1')).status).toBe(200);
    expect((await server.post('/predict', { modelName: 'classifier', inputs: ROW })).body.modelVersion).toBe('v2');
    expect(await server.post('/predict', { modelName: 'classifier', modelVersion: 'v1', inputs: ROW })).toMatchObject({ status: 404 });
    const { calls, bad } = await steady.stop();
    expect(bad.map((answer) => answer.body)).toEqual([]);
    expect(calls).toBeGreaterThan(20);
    await manage(server, 'DELETE', '/models/classifier');
    expect((await server.get('/models')).body.models).toEqual([]);
  });

  it('unloading waits for the calls under way', async () => {
    using folder = temporaryFolder();
    slow(path.join(folder.path, 'slow', '1'), 1500);
    await using server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1' });
    const calls = [1, 2, 3].map((n) => server.post('/predict', { modelName: 'slow', inputs: [[n]] }));
    await until(() => server.parts.metrics.inFlight, (inFlight) => inFlight === 3);
    const unloaded = server.parts.manager.unload('slow');
    expect((await server.post('/predict', { modelName: 'slow', inputs: [[4]] })).status).toBe(404);
    expect((await Promise.all(calls)).map((answer) => answer.body.predictions)).toEqual([[[1]], [[2]], [[3]]]);
    await unloaded;
  });

  it('a load that fails leaves what serves as it is', async () => {
    await using server = await serve({ MODEL_PATH: path.join(CLASSIFIER, 'v1'), WARMUP_ITERATIONS: '1' });
    using folder = temporaryFolder();
    const answer = await manage(server, 'POST', '/models', { name: 'classifier', url: folder.path, version: 'v1' });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'url', got: 'ModelNotFound' }] } });
    expect((await manage(server, 'POST', '/models', { name: 'x', url: 's3://bucket/x', version: '1' })).body.detail).toContain('slipway-fetch');
    expect((await server.post('/predict', { modelName: 'classifier', inputs: ROW })).status).toBe(200);
    expect((await server.get('/health/ready')).status).toBe(200);
  });
});

describe('lazy loading', () => {
  it('loads on the first call, once for many first calls, and is ready before', async () => {
    await using server = await serve({ MODEL_PATH: MODELS, LAZY_LOAD: 'true', WARMUP_ITERATIONS: '1' });
    expect((await server.get('/health/ready')).status).toBe(200);
    expect(server.state().models.every((model) => model.phase === 'Pending')).toBe(true);
    const answers = await Promise.all([1, 2, 3, 4].map(() => server.post('/predict', { modelName: 'classifier', modelVersion: 'v1', inputs: ROW })));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200]);
    const loaded = server.state().models.filter((model) => model.phase === 'Ready');
    expect(loaded).toMatchObject([{ name: 'classifier', version: 'v1' }]);
    expect(server.parts.pool.workers()).toHaveLength(1);
  });

  it('says why when the first call cannot load it', async () => {
    using folder = temporaryFolder();
    cpSync(path.join(CLASSIFIER, 'v1'), path.join(folder.path, 'classifier', 'v1'), { recursive: true });
    await using server = await serve({ MODEL_PATH: folder.path, LAZY_LOAD: 'true', WARMUP_ITERATIONS: '1' });
    const { rmSync } = await import('node:fs');
    rmSync(path.join(folder.path, 'classifier', 'v1', 'weights.bin'));
    const answer = await server.post('/predict', { modelName: 'classifier', inputs: ROW });
    expect(answer).toMatchObject({ status: 503, body: { code: 'model_failed' } });
    expect(answer.body.detail).toContain('weights.bin');
  });
});

describe('where models lie', () => {
  it("what slipway-fetch left, TensorFlow Serving's numbers, a bare folder", async () => {
    using folder = temporaryFolder();
    const { mkdirSync, writeFileSync } = await import('node:fs');
    const digest = 'a'.repeat(64);
    mkdirSync(path.join(folder.path, '.slipway'), { recursive: true });
    doubling(path.join(folder.path, digest, '2'), 'float32', [-1, 2]);
    doubling(path.join(folder.path, digest, '10'), 'int32', [-1, 2]);
    writeFileSync(path.join(folder.path, '.slipway', 'fetched.json'), JSON.stringify({ storageUri: 's3://b/m', digest, path: digest, bytes: 1 }));
    await using server = await serve({ MODEL_PATH: folder.path, MODEL_NAME: 'm', REVISION: 'm-1a2b3', BEHIND_ROUTER: 'true', WARMUP_ITERATIONS: '1' });
    expect(server.state()).toMatchObject({ phase: 'Ready', digest, modelVersion: '10' });
    expect((await server.post('/predict', { modelName: 'm', inputs: [[1, 2]] })).body).toMatchObject({ predictions: [[2, 4]], modelVersion: '10' });
    expect((await server.get('/models')).body.models[0].inputs[0].dtype).toBe('int32');
  });

  it('a bare package behind a router has the version of the spec, else the hash of the revision', async () => {
    using folder = temporaryFolder();
    doubling(folder.path, 'float32', [-1, 2]);
    await using hashed = await serve({ MODEL_PATH: folder.path, MODEL_NAME: 'm', REVISION: 'my-model-1a2b3', BEHIND_ROUTER: 'true', WARMUP_ITERATIONS: '1' });
    expect(hashed.state().modelVersion).toBe('1a2b3');
    await using named = await serve({ MODEL_PATH: folder.path, MODEL_NAME: 'm', MODEL_VERSION: 'blue', REVISION: 'my-model-1a2b3', BEHIND_ROUTER: 'true', WARMUP_ITERATIONS: '1' });
    expect(named.state().modelVersion).toBe('blue');
  });
});

describe('a worker that is lost', () => {
  it('fails only its calls, comes back, and other models never notice', async () => {
    using folder = temporaryFolder();
    doubling(path.join(folder.path, 'a', '1'), 'float32', [-1, 2]);
    slow(path.join(folder.path, 'b', '1'), 1500);
    await using server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1' });
    const steady = traffic(server, { modelName: 'a', inputs: [[1, 2]] }, (answer) => answer.status === 200);
    const under = server.post('/predict', { modelName: 'b', inputs: [[1]] });
    const { runner } = server.parts.manager.registry.find('b', '1')?.model ?? {};
    await until(() => runner?.free, (free) => free === 0);
    await runner?.held()[0]?.stop();
    const lost = await under;
    expect(lost).toMatchObject({ status: 503, body: { code: 'worker_failed' } });
    expect(lost.headers.get('retry-after')).toBe('1');
    expect(await server.post('/predict', { modelName: 'b', inputs: [[7]] }), 'waits for the new worker').toMatchObject({ status: 200, body: { predictions: [[7]] } });
    expect((await steady.stop()).bad).toEqual([]);
    const { text } = await server.parts.metrics.prometheus();
    expect(text).toContain('slipway_server_worker_restarts_total{model="b",version="1"} 1');
  });

  it('a server whose only model has no worker is not ready until it is back', async () => {
    await using server = await serve({ MODEL_PATH: path.join(CLASSIFIER, 'v1'), BEHIND_ROUTER: 'true', MODEL_NAME: 'pump', WARMUP_ITERATIONS: '1' });
    await server.parts.manager.registry.find('pump', 'v1')?.model?.runner.held()[0]?.stop();
    expect(await server.get('/health/ready')).toMatchObject({ status: 503, body: { reason: 'CrashLoop' } });
    await until(() => server.get('/health/ready'), (answer) => answer.status === 200);
  });
});

describe('who may manage', () => {
  it('nobody behind an InferenceService, only the bearer of the token on an open port', async () => {
    const load = { name: 'x', url: path.join(CLASSIFIER, 'v1'), version: '1' };
    await using behind = await serve({ MODEL_PATH: path.join(CLASSIFIER, 'v1'), BEHIND_ROUTER: 'true', MODEL_NAME: 'pump', ADMIN_HOST: '127.0.0.1', WARMUP_ITERATIONS: '1' });
    expect(await manage(behind, 'POST', '/models', load)).toMatchObject({ status: 403, body: { code: 'management_disabled' } });
    expect((await manage(behind, 'DELETE', '/models/pump')).status).toBe(403);
    expect((await ask(`${behind.admin}/state`)).body.phase).toBe('Ready');
    await using open = await serve({ MODEL_PATH: path.join(CLASSIFIER, 'v1'), ADMIN_HOST: '0.0.0.0', WARMUP_ITERATIONS: '1' });
    expect((await manage(open, 'DELETE', '/models/classifier')).status).toBe(403);
    await using guarded = await serve({ MODEL_PATH: path.join(CLASSIFIER, 'v1'), ADMIN_HOST: '127.0.0.1', ADMIN_TOKEN: 'secret', WARMUP_ITERATIONS: '1' });
    expect((await manage(guarded, 'DELETE', '/models/classifier')).status).toBe(401);
    expect((await manage(guarded, 'DELETE', '/models/classifier', undefined, { authorization: 'Bearer wrong!' })).status).toBe(401);
    expect((await manage(guarded, 'DELETE', '/models/classifier', undefined, { authorization: 'Bearer secret' })).status).toBe(200);
  });
});

describe('a worker whose failed runs leave native memory behind', () => {
  it('is replaced while it serves', async () => {
    using folder = temporaryFolder();
    picky(path.join(folder.path, 'picky', '1'));
    await using server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1' });
    const { runner } = server.parts.manager.registry.find('picky', '1')?.model ?? {};
    if (runner === undefined) throw new Error('no model');
    const [first] = runner.held();
    const steady = traffic(server, { modelName: 'picky', inputs: [[1, 2]] }, (answer) => answer.status === 200);
    for (let round = 0; round < 3; round++) {
      const tensor = { name: 'x', dtype: 'float32' as const, shape: [2_000_000, 2], data: new Float32Array(4_000_000).fill(Infinity) };
      const model = server.parts.manager.registry.find('picky', '1')?.model;
      await expect(model?.batcher.submit({ inputs: [tensor], deadline: Infinity, owned: true })).rejects.toMatchObject({ code: 'inference_failed' });
    }
    await until(() => runner.held()[0], (thread) => thread !== undefined && thread !== first);
    await until(() => first?.alive, (alive) => alive === false);
    const { bad } = await steady.stop();
    expect(bad.map((answer) => answer.body)).toEqual([]);
    expect((await server.post('/predict', { modelName: 'picky', inputs: [[3, 4]] })).body.predictions).toEqual([[3, 4]]);
  });
});
