// The binary way in and out of the native API over real models: raw tensors, pictures by their first bytes, raw answers, and every refusal.
import { readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doubling, twoByTwo } from './support/saved-model.ts';
import { MODELS, serve, temporaryFolder, type Answer, type TestServer } from './support/server.ts';

const TYPE = { 'content-type': 'application/octet-stream' };
const ROWS = [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]];
const BYTES = Buffer.from(Float32Array.from(ROWS.flat()).buffer);
const folder = temporaryFolder();
let server: TestServer;

beforeAll(async () => {
  const models = path.join(folder.path, 'models');
  for (const model of ['classifier', 'sentiment', 'digits']) await cp(path.join(MODELS, model), path.join(models, model), { recursive: true });
  twoByTwo(path.join(models, 'pair', '1'));
  for (const dtype of ['float64', 'int32', 'int64', 'uint8', 'string'] as const) doubling(path.join(models, `twice-${dtype}`, '1'), dtype, [-1, 2]);
  doubling(path.join(models, 'open', '1'), 'float32', [-1, -1]);
  server = await serve({ MODEL_PATH: models, WARMUP_ITERATIONS: '1' });
}, 240_000);
afterAll(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

const send = (at: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Answer> => server.post(at, body, { ...TYPE, ...headers });

async function raw(at: string, body: Uint8Array | string, headers: Record<string, string> = {}): Promise<{ status: number; headers: Headers; bytes: Buffer }> {
  const answer = await fetch(`${server.url}${at}`, { method: 'POST', body: body as string, headers: { ...TYPE, accept: 'application/octet-stream', ...headers } });
  return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
}

describe('a raw tensor', () => {
  it('is what the same numbers are as JSON, its rows counted from its length', async () => {
    const json = await server.post('/predict', { modelName: 'classifier', inputs: ROWS });
    expect((await send('/predict?modelName=classifier', BYTES)).body.predictions).toEqual(json.body.predictions);
    const v1 = await send('/predict?modelName=classifier&modelVersion=v1', BYTES);
    expect(v1.body.modelVersion).toBe('v1');
    expect((await send('/predict?modelName=classifier', BYTES, { 'slipway-model-version': 'v1' })).body.predictions).toEqual(v1.body.predictions);
  });

  it('may say its shape and dtype, by headers or in the query', async () => {
    const wanted = (await send('/predict?modelName=classifier', BYTES)).body.predictions;
    expect((await send('/predict?modelName=classifier&shape=2,5&dtype=float32', BYTES)).body.predictions).toEqual(wanted);
    expect((await send('/predict?modelName=classifier', BYTES, { 'slipway-tensor-shape': '[2, 5]', 'slipway-tensor-dtype': 'float32' })).body.predictions).toEqual(wanted);
  });

  it.each([
    ['float64', Float64Array.of(1.5, -2, 3, 4), [[3, -4], [6, 8]]],
    ['int32', Int32Array.of(1, -2, 3, 4), [[2, -4], [6, 8]]],
    ['int64', BigInt64Array.of(1n, -2n, 3n, 4n), [[2, -4], [6, 8]]],
    ['uint8', Uint8Array.of(1, 2, 3, 4), [[2, 4], [6, 8]]],
  ] as const)('of %s', async (dtype, numbers, doubled) => {
    const bytes = new Uint8Array(numbers.buffer);
    expect((await send(`/predict?modelName=twice-${dtype}`, bytes)).body.predictions).toEqual(doubled);
    const answer = await raw(`/predict?modelName=twice-${dtype}`, bytes);
    expect([answer.headers.get('slipway-tensor-dtype'), answer.headers.get('slipway-tensor-shape')]).toEqual([dtype, '2,2']);
    expect(answer.bytes.byteLength).toBe(bytes.byteLength);
  });

  it('of a model whose dimensions are open says its shape', async () => {
    const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
    expect((await send('/predict?modelName=open&shape=2,3', bytes)).body.predictions).toEqual([[2, 4, 6], [8, 10, 12]]);
    expect(await send('/predict?modelName=open', bytes)).toMatchObject({ status: 400, body: { code: 'invalid_input', errors: [{ path: 'shape', got: 'nothing' }] } });
  });

  it('in the envelope of version 2', async () => {
    const { body } = await send('/v2/predict?modelName=classifier', BYTES, { 'x-request-id': 'raw-1' });
    expect(body).toMatchObject({ model_version: 'v2', request_id: 'raw-1', training_data_tag: expect.any(String) as string, revision: null });
    expect(body.explanation).toHaveLength(2);
    expect(body.uncertainty).toHaveLength(2);
  });
});

describe('a raw answer', () => {
  it('is the model\'s own output, described by headers', async () => {
    const json = await server.post('/v2/models/classifier/infer', { inputs: [{ name: 'readings', datatype: 'FP32', shape: [2, 5], data: ROWS }] });
    const answer = await raw('/predict?modelName=classifier', BYTES);
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(answer.headers.get('slipway-tensor-shape')).toBe('2,3');
    expect(answer.headers.get('slipway-tensor-name')).toBe(json.body.outputs[0].name);
    expect(answer.headers.get('slipway-model-version')).toBe('v2');
    const numbers = new Float32Array(new Uint8Array(answer.bytes).buffer);
    expect([...numbers].map((value) => value.toFixed(5))).toEqual(json.body.outputs[0].data.map((value: number) => value.toFixed(5)));
  });

  it('also to JSON and to texts, and gzipped', async () => {
    const text = await raw('/predict', JSON.stringify({ text: ['great', 'awful'] }), { 'content-type': 'application/json' });
    expect(text.headers.get('slipway-tensor-shape')).toBe('2,2');
    const many = new Uint8Array(Float32Array.from({ length: 5 * 1000 }, (_, index) => index % 7).buffer);
    const packed = await raw('/predict?modelName=classifier', many, { 'accept-encoding': 'gzip' });
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    expect(packed.bytes.byteLength).toBe(1000 * 3 * 4);
  });

  it('is not for several outputs or strings, nor where JSON is accepted too', async () => {
    const pair = await raw('/predict', JSON.stringify({ modelName: 'pair', inputs: { a: [[1, 2]], b: [[3, 4]] } }), { 'content-type': 'application/json' });
    expect(pair.status).toBe(501);
    expect(JSON.parse(String(pair.bytes))).toMatchObject({ code: 'not_supported', detail: expect.stringContaining('several outputs') as string });
    expect((await send('/predict?modelName=classifier', BYTES, { accept: 'application/octet-stream, application/json' })).body.predictions).toHaveLength(2);
  });
});

describe('pictures by their first bytes', () => {
  it('as application/octet-stream', async () => {
    const png = readFileSync(path.join(MODELS, 'digits/digit.png'));
    const sample = JSON.parse(readFileSync(path.join(MODELS, 'digits/v1/samples/one.request.json'), 'utf8'));
    const json = await server.post('/predict', sample);
    expect(json.status).toBe(200);
    expect((await send('/predict?modelName=digits', png)).body.predictions).toEqual(json.body.predictions);
    expect((await send('/predict', png)).body.predictions).toEqual(json.body.predictions);
  });
});

describe('is refused, naming what is wrong', () => {
  it.each([
    ['a length that is no row', 'modelName=classifier', BYTES.subarray(0, 39), 400, 'invalid_input', 'inputs'],
    ['an empty body', 'modelName=classifier', Buffer.alloc(0), 400, 'invalid_input', 'inputs'],
    ['a shape of another size', 'modelName=classifier&shape=3,5', BYTES, 400, 'invalid_input', 'inputs.readings'],
    ['a shape that the model does not take', 'modelName=classifier&shape=5,2', BYTES, 400, 'invalid_input', 'inputs.readings'],
    ['no shape at all', 'modelName=classifier&shape=2x5', BYTES, 400, 'invalid_input', 'shape'],
    ['a shape without end', 'modelName=classifier&shape=9999999999,9999999999', BYTES, 400, 'invalid_input', 'shape'],
    ['a dtype there is not', 'modelName=classifier&dtype=quad', BYTES, 400, 'invalid_input', 'dtype'],
    ['a dtype that the model does not take', 'modelName=classifier&shape=2,5&dtype=int32', BYTES, 400, 'invalid_input', 'inputs.readings'],
    ['a parameter given twice', 'modelName=classifier&shape=2,5&shape=1,10', BYTES, 400, 'malformed_request', undefined],
    ['several inputs', 'modelName=pair', BYTES, 400, 'invalid_input', 'inputs'],
    ['a text model', 'modelName=sentiment', BYTES, 400, 'invalid_input', 'text'],
    ['strings', 'modelName=twice-string', BYTES, 400, 'invalid_input', 'dtype'],
    ['a model there is not', 'modelName=nobody', BYTES, 404, 'model_not_found', undefined],
    ['NaN', 'modelName=classifier', Buffer.from(Float32Array.of(1, 2, Number.NaN, 4, 5).buffer), 400, 'data_contract_violation', 'inputs.readings'],
  ] as const)('%s', async (_what, query, body, status, code, at) => {
    const answer = await send(`/predict?${query}`, body);
    expect(answer, JSON.stringify(answer.body)).toMatchObject({ status, body: { code } });
    if (at !== undefined) expect(answer.body.errors[0].path).toContain(at);
  });

  it('a batch, and a picture that is none', async () => {
    expect(await send('/batch-predict?modelName=classifier', BYTES)).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
    expect(await send('/predict?modelName=digits', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2]))).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
  });
});
