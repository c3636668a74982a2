// Answers that are given again, on real models: bit by bit what was computed, only where the model has it switched on, only for what is
// really the same call, and gone with the model.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { V2_PROTO } from '../../server/src/protocols/v2/proto.ts';
import { grpcClient } from './support/grpc.ts';
import { doubling, twoByTwo } from './support/saved-model.ts';
import { ask, MODELS, serve, temporaryFolder, type TestServer } from './support/server.ts';

const CLASSIFIER = path.join(MODELS, 'classifier', 'v2');
const ON = { CACHE_MAX_BYTES: '1000000', WARMUP_ITERATIONS: '1' };
const seen = ({ headers }: { headers: Headers }): string | null => headers.get('slipway-cache');
const ROWS = [[0.1, -0, 3e-39, 4, 1e9], [5, 4, 3, 2, 1]];

async function metric(server: TestServer, name: string): Promise<number> {
  const { text } = await server.parts.metrics.prometheus();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
}

/** An answer of V2 with raw tensors: every bit of it. */
async function raw(server: TestServer, model: string, inputs: object[]): Promise<{ cache: string | null; bytes: Buffer; status: number }> {
  const answer = await fetch(`${server.url}/v2/models/${model}/infer`, { method: 'POST', body: JSON.stringify({ inputs, parameters: { binary_data_output: true } }) });
  return { cache: answer.headers.get('slipway-cache'), bytes: Buffer.from(await answer.arrayBuffer()), status: answer.status };
}

describe('answers that are given again', () => {
  it('are those that were computed, bit by bit, on every dtype and through every protocol', async () => {
    using folder = temporaryFolder();
    const data = { float32: [0.1, 2, 3e-39], float64: [0.1, 1e300, -0], int64: [1, -2, 3], uint8: [1, 2, 100], string: ['a', 'ä', ''], bool: [true, false, true] };
    const dtypes = Object.keys(data) as (keyof typeof data)[];
    for (const dtype of dtypes) doubling(path.join(folder.path, dtype, '1'), dtype);
    cpSync(CLASSIFIER, path.join(folder.path, 'classifier', 'v2'), { recursive: true });
    await using server = await serve({ ...ON, MODEL_PATH: folder.path });
    const names = { float32: 'FP32', float64: 'FP64', int64: 'INT64', uint8: 'UINT8', string: 'BYTES', bool: 'BOOL' };
    for (const dtype of dtypes) {
      const inputs = [{ name: 'x', datatype: names[dtype], shape: [1, 3], data: data[dtype] }];
      const [first, second] = [await raw(server, dtype, inputs), await raw(server, dtype, inputs)];
      expect([first.status, first.cache, second.cache], dtype).toEqual([200, 'miss', 'hit']);
      expect(second.bytes.equals(first.bytes), dtype).toBe(true);
    }
    const ways: (() => Promise<{ headers: Headers; body: unknown }>)[] = [
      () => server.post('/predict', { modelName: 'classifier', inputs: ROWS }),
      () => server.post('/v1/models/classifier:predict', { instances: ROWS }),
      () => server.post('/predictions/classifier', { inputs: ROWS }),
    ];
    const strip = (body: unknown): unknown => JSON.parse(JSON.stringify(body, (key, value: unknown) => (key.endsWith('TimeMs') ? 0 : value)));
    const answers = [];
    for (const way of [...ways, ...ways]) answers.push(await way());
    expect(answers.map(seen), 'the same tensors, whoever sends them').toEqual(['miss', 'hit', 'hit', 'hit', 'hit', 'hit']);
    for (const [at] of ways.entries()) expect(strip(answers[at]?.body)).toEqual(strip(answers[at + ways.length]?.body));
    using client = grpcClient(V2_PROTO, 'inference.GRPCInferenceService', server.port);
    const infer = (): Promise<{ headers: { get(name: string): unknown[] } }> => client.call('ModelInfer', { model_name: 'float32', inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], contents: { fp32_contents: data.float32 } }] });
    expect((await infer()).headers.get('slipway-cache')).toEqual(['hit']);
  });

  it('serve calls that want some outputs only, and other post-processing, from the same run', async () => {
    using folder = temporaryFolder();
    twoByTwo(path.join(folder.path, 'two', '1'));
    await using server = await serve({ ...ON, MODEL_PATH: folder.path });
    const inputs = [{ name: 'a', datatype: 'FP32', shape: [1, 2], data: [1, 2] }, { name: 'b', datatype: 'FP32', shape: [1, 2], data: [3, 5] }];
    const all = await server.post('/v2/models/two/infer', { inputs });
    const one = await server.post('/v2/models/two/infer', { inputs, outputs: [{ name: 'difference' }] });
    expect([seen(all), seen(one)]).toEqual(['miss', 'hit']);
    expect(one.body.outputs).toEqual([{ name: 'difference', datatype: 'FP32', shape: [1, 2], data: [-2, -3] }]);
    const swapped = await server.post('/v2/models/two/infer', { inputs: [{ ...inputs[0], name: 'b' }, { ...inputs[1], name: 'a' }] });
    expect([seen(swapped), swapped.body.outputs.find((output: { name: string }) => output.name === 'difference').data]).toEqual(['miss', [2, 3]]);
  });

  it('are for the same numbers only: the caller\'s preprocessing, other rows and other batches are other calls', async () => {
    await using server = await serve({ ...ON, MODEL_PATH: CLASSIFIER });
    const bodies = [{ inputs: ROWS }, { inputs: ROWS, preprocessing: { scale: 2 } }, { inputs: [...ROWS].reverse() }, { inputs: ROWS.slice(0, 1) }];
    for (const body of bodies) expect(seen(await server.post('/predict', body))).toBe('miss');
    for (const body of bodies) expect(seen(await server.post('/predict', body))).toBe('hit');
    expect(seen(await server.post('/batch-predict', { batch: ROWS.map((row) => ({ inputs: [row] })) }))).toBe('miss');
  });
});

describe('a call that is never answered from the cache', () => {
  it('where nothing switched it on', async () => {
    await using server = await serve({ MODEL_PATH: CLASSIFIER, WARMUP_ITERATIONS: '1' });
    for (const _ of [1, 2]) expect(seen(await server.post('/predict', { inputs: ROWS }))).toBeNull();
    expect((await server.get('/v2/models/classifier/config')).body).not.toHaveProperty('response_cache');
    await using off = await serve({ MODEL_PATH: CLASSIFIER, WARMUP_ITERATIONS: '1', CACHE_MAX_BYTES: '0' });
    expect(seen(await off.post('/predict', { inputs: ROWS }))).toBeNull();
  });

  it('one that wants an explanation, one that is wrong, and one after the time to live', async () => {
    await using server = await serve({ ...ON, MODEL_PATH: path.join(MODELS, 'sentiment', 'v2'), CACHE_TTL_SECONDS: '0.001' });
    const body = { text: 'not bad at all' };
    for (const _ of [1, 2]) {
      const explained = await server.post('/v2/predict', body);
      expect([seen(explained), explained.body.explanation.top_feature]).toEqual([null, expect.any(String)]);
      expect(await server.post('/predict', { text: '' })).toMatchObject({ status: 200 });
      expect((await server.post('/predict', { text: [] })).status).toBe(400);
    }
    for (const _ of [1, 2, 3]) {
      expect(seen(await server.post('/v1/predict', body))).toBe('miss');
      await new Promise((resolve) => setTimeout(resolve, 5)); // older than its time to live
    }
  });
});

describe('what is kept', () => {
  it('is bounded, counted in the memory budget and in what is measured, and goes with the model', async () => {
    using folder = temporaryFolder();
    cpSync(CLASSIFIER, folder.path, { recursive: true });
    const manifest = path.join(folder.path, 'model.yaml');
    writeFileSync(manifest, `${readFileSync(manifest, 'utf8')}\ncache: {maxBytes: 8000, maxEntries: 4, ttl: 1h}\n`);
    await using server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1' });
    const send = async (n: number): Promise<string | null> => seen(await server.post('/predict', { inputs: [[n, 1, 2, 3, 4]] }));
    await Promise.all(Array.from({ length: 20 }, (_, n) => send(n)));
    for (let n = 0; n < 6; n++) expect(await send(n)).toBe('miss');
    expect(await send(5)).toBe('hit');
    expect(await send(0), 'used least recently').toBe('miss');
    const { body } = await server.get('/models');
    expect(body.models[0].cache).toMatchObject({ maxBytes: 8000, maxEntries: 4, ttlMs: 3_600_000, entries: 4 });
    expect(server.parts.memory.held).toBe(body.models[0].cache.bytes);
    expect(await metric(server, 'slipway_server_cache_bytes')).toBe(body.models[0].cache.bytes);
    expect([await metric(server, 'slipway_server_cache_hits_total'), await metric(server, 'slipway_server_cache_misses_total')]).toEqual([1, 27]);
    expect([await metric(server, 'nv_cache_num_hits_per_model'), await metric(server, 'nv_cache_num_misses_per_model')]).toEqual([1, 27]);
    const { model_stats: [stats] } = (await server.get('/v2/models/classifier/stats')).body;
    expect(stats.inference_stats).toMatchObject({ cache_hit: { count: 1 }, cache_miss: { count: 27 }, success: { count: 28 }, compute_infer: { count: 27 } });
    expect((await server.get('/v2/models/classifier/config')).body.response_cache).toEqual({ enable: true });
    const again = await ask(`${server.admin}/models`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'classifier', version: 'v2', url: folder.path }) });
    expect(again.status).toBe(201);
    expect(await send(0), 'another load is another model').toBe('miss');
    await server.parts.manager.unload('classifier');
    expect(server.parts.memory.held).toBe(0);
  });
});
