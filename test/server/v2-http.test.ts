// The Open Inference Protocol V2 over HTTP on a real server: exchanges to the byte, raw tensors of every kind, large bodies,
// compression, limits, repository, statistics.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doubling } from './support/saved-model.ts';
import { serve, temporaryFolder, type Loose, type TestServer } from './support/server.ts';

interface Exchange {
  what: string;
  method: string;
  path: string;
  body?: string;
  status: number;
  answer: string;
}
const exchanges = JSON.parse(readFileSync(path.join(import.meta.dirname, 'fixtures/v2/exchanges.json'), 'utf8')) as Exchange[];

const folder = temporaryFolder();
let server: TestServer;

beforeAll(async () => {
  doubling(path.join(folder.path, 'twice', '1'), 'float32', [-1, 2]);
  doubling(path.join(folder.path, 'echo', '1'), 'string', [-1, 2]);
  server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1', MAX_BODY_BYTES: '4000000', MAX_BATCH_ITEMS: '200000' });
}, 240_000);
afterAll(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

interface RawAnswer {
  status: number;
  headers: Headers;
  json: Loose;
  tail: Buffer;
}

/** Sends JSON with raw tensors behind it; `json` undefined = one raw tensor alone. */
async function binary(model: string, json: object | undefined, tensors: Buffer, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const head = json === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(json));
  const answer = await fetch(`${server.url}/v2/models/${model}/infer`, {
    method: 'POST',
    headers: { 'inference-header-content-length': String(head.byteLength), 'content-type': 'application/octet-stream', ...headers },
    body: new Uint8Array(Buffer.concat([head, tensors])),
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  const length = Number(answer.headers.get('inference-header-content-length') ?? bytes.byteLength);
  return { status: answer.status, headers: answer.headers, json: JSON.parse(bytes.subarray(0, length).toString()), tail: bytes.subarray(length) };
}

const floats = (values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
const text = (...items: string[]): Buffer => Buffer.concat(items.flatMap((item) => [Buffer.from(Uint32Array.of(Buffer.byteLength(item)).buffer), Buffer.from(item)]));
const X = (rows: number, more: object): object => ({ inputs: [{ name: 'x', shape: [rows, 2], datatype: 'FP32', ...more }] });

describe('exchanges to the byte', () => {
  it.each(exchanges)('$what', async ({ method, path: at, body, status, answer }) => {
    const got = await fetch(`${server.url}${at}`, { method, ...(body === undefined ? {} : { body }) });
    expect({ status: got.status, answer: await got.text() }).toEqual({ status, answer });
    expect(got.headers.get('content-type')).toBe('application/json');
    expect(got.headers.get('x-request-id')).not.toBeNull();
  });
});

describe('raw tensors', () => {
  it('in and out, at an odd offset', async () => {
    for (const id of ['a', 'ab', 'abc', 'abcd']) {
      const { json, tail, headers } = await binary('twice', { id, ...X(1, { parameters: { binary_data_size: 8 } }), parameters: { binary_data_output: true } }, floats([1, -2]));
      expect(json).toEqual({ id, model_name: 'twice', model_version: '1', outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } }] });
      expect(tail).toEqual(floats([2, -4]));
      expect(headers.get('content-type')).toBe('application/octet-stream');
      expect(headers.get('slipway-model-version')).toBe('1');
    }
  });

  it('each output says for itself whether it is raw', async () => {
    const ask = (parameters: object, all: boolean): Promise<RawAnswer> => binary('twice', { ...X(1, { parameters: { binary_data_size: 8 } }), parameters: { binary_data_output: all }, outputs: [{ name: 'y', parameters }] }, floats([1, 2]));
    expect((await ask({ binary_data: false }, true)).json.outputs[0].data).toEqual([2, 4]);
    expect((await ask({ binary_data: true }, false)).tail).toEqual(floats([2, 4]));
  });

  it('strings carry their lengths', async () => {
    const sent = text('a', 'größer');
    const { tail } = await binary('echo', { inputs: [{ name: 'x', shape: [1, 2], datatype: 'BYTES', parameters: { binary_data_size: sent.byteLength } }], parameters: { binary_data_output: true } }, sent);
    expect(tail).toEqual(sent);
  });

  it('without any JSON: the only input, its unknown dimension by the length', async () => {
    const { json, tail } = await binary('twice', undefined, floats([1, 2, 3, 4, 5, 6]));
    expect(json.outputs[0]).toEqual({ name: 'y', datatype: 'FP32', shape: [3, 2], parameters: { binary_data_size: 24 } });
    expect(tail).toEqual(floats([2, 4, 6, 8, 10, 12]));
    expect((await binary('twice', undefined, floats([1]))).json.error).toContain('input byte size mismatch');
  });

  it.each<[string, object, Buffer, string]>([
    ['too short', X(2, { parameters: { binary_data_size: 16 } }), floats([1, 2]), 'unexpected end of the body'],
    ['too long', X(1, { parameters: { binary_data_size: 8 } }), floats([1, 2, 3]), 'unexpected additional input data'],
    ['of another size than the shape', X(1, { parameters: { binary_data_size: 4 } }), floats([1]), "input byte size mismatch for input 'x'. Expected 8, got 4"],
  ])('%s are refused', async (_what, json, tensors, words) => {
    const answer = await binary('twice', json, tensors);
    expect(answer.status).toBe(400);
    expect(answer.json.error).toContain(words);
  });
});

describe('large and compressed bodies', () => {
  const values = Array.from({ length: 100_000 }, (_, index) => (index % 1000) / 8);

  it('JSON above the size that is parsed at once, and an answer as large', async () => {
    const { body } = await server.post('/v2/models/twice/infer', X(values.length / 2, { data: values }));
    expect(body.outputs[0].data).toEqual(values.map((value) => value * 2));
  });

  it('gzip both ways, raw too', async () => {
    const head = Buffer.from(JSON.stringify({ ...X(values.length / 2, { parameters: { binary_data_size: values.length * 4 } }), parameters: { binary_data_output: true } }));
    const answer = await fetch(`${server.url}/v2/models/twice/infer`, {
      method: 'POST',
      headers: { 'inference-header-content-length': String(head.byteLength), 'content-encoding': 'gzip', 'accept-encoding': 'gzip' },
      body: new Uint8Array(gzipSync(Buffer.concat([head, floats(values)]))),
    });
    expect(answer.headers.get('content-encoding')).toBe('gzip');
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(bytes.subarray(Number(answer.headers.get('inference-header-content-length')))).toEqual(floats(values.map((value) => value * 2)));
  });

  it('a body over the limit is 413 in V2\'s words', async () => {
    const { status, body } = await server.post('/v2/models/twice/infer', ' '.repeat(4_000_001));
    expect({ status, body }).toMatchObject({ status: 413, body: { error: expect.stringContaining('4000000') as string } });
  });

  it('a body that is no JSON is 400', async () => {
    expect(await server.post('/v2/models/twice/infer', '{"inputs":')).toMatchObject({ status: 400, body: { error: expect.stringContaining('not JSON') as string } });
  });
});

describe('the repository and the statistics', () => {
  it('unloads and loads; what is gone is not found', async () => {
    expect((await server.post('/v2/repository/models/echo/unload', {})).status).toBe(200);
    expect((await server.get('/v2/models/echo/ready')).status).toBe(404);
    expect((await server.post('/v2/repository/models/echo/load', {})).status).toBe(200);
    expect((await server.get('/v2/models/echo/ready')).status).toBe(200);
    expect(await server.post('/v2/repository/models/nobody/load', {})).toMatchObject({ status: 400, body: { error: expect.stringContaining("failed to load 'nobody', failed to poll from model repository") as string } });
    expect((await server.post('/v2/repository/models/echo/load', { parameters: { config: '{}' } })).status).toBe(400);
  });

  it('counts calls, rows and failures, also under Triton\'s names', async () => {
    const stats = async (): Promise<Loose> => (await server.get('/v2/models/twice/versions/1/stats')).body.model_stats[0];
    const before = await stats();
    await server.post('/v2/models/twice/infer', X(3, { data: [1, 2, 3, 4, 5, 6] }));
    const after = await stats();
    expect(after.inference_count - before.inference_count).toBe(3);
    expect(after.inference_stats.success.count - before.inference_stats.success.count).toBe(1);
    expect(after.inference_stats.compute_infer.ns).toBeGreaterThan(before.inference_stats.compute_infer.ns);
    expect(after.last_inference).toBeGreaterThan(Date.now() - 600_000);
    const { body } = await server.get('/metrics', { accept: 'text/plain' });
    expect(body).toContain(`nv_inference_request_success{model="twice",version="1"} ${String(after.inference_stats.success.count)}`);
    expect(body).toContain(`nv_inference_count{model="twice",version="1"} ${String(after.inference_count)}`);
    expect(body).toContain('protocol="v2",code="200"');
  });
});
