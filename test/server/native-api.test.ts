// The native API word by word, over the sample models: the contract's own calls, both versions of the API, what chooses a version,
// names, headers, pages about the server.
import http2 from 'node:http2';
import { gunzipSync, gzipSync, brotliCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MODELS, serve, type Loose, type TestServer } from './support/server.ts';
import * as schemas from '../../server/src/protocols/native/schemas.ts';

let server: TestServer;
beforeAll(async () => {
  server = await serve({ MODEL_PATH: MODELS, WARMUP_ITERATIONS: '1', CORS_ORIGINS: 'https://app.example' });
});
afterAll(() => server.close());

const ROW = [[1, 2, 3, 4, 5]];
const total = (row: number[]): number => row.reduce((a, b) => a + b, 0);

describe("the contract's own calls", () => {
  it('GET /health', async () => {
    expect(await server.get('/health')).toMatchObject({ status: 200, body: { status: 'healthy', backend: { native: true } } });
  });

  it('GET /health/ready', async () => {
    expect(await server.get('/health/ready')).toMatchObject({ status: 200, body: { status: 'ready' } });
  });

  it('GET /models', async () => {
    const { body } = await server.get('/models');
    expect(schemas.ModelListing.parse(body)).toBeTruthy();
    const v1 = body.models.find((model: { name: string; version: string }) => model.name === 'classifier' && model.version === 'v1');
    expect(v1).toMatchObject({ inputShape: [-1, 5], outputShape: [-1, 3], warmupComplete: true });
    expect(Date.parse(v1.loadedAt)).toBeGreaterThan(Date.now() - 600_000);
  });

  it('POST /predict', async () => {
    const { status, body } = await server.post('/predict', { modelName: 'classifier', modelVersion: 'v1', inputs: [[1, 2, 3, 4, 5]] });
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(['inferenceTimeMs', 'modelVersion', 'postprocessingTimeMs', 'predictions', 'preprocessingTimeMs']);
    expect(body.modelVersion).toBe('v1');
    expect(total(body.predictions[0])).toBeCloseTo(1, 5);
    for (const key of ['inferenceTimeMs', 'preprocessingTimeMs', 'postprocessingTimeMs']) expect(body[key]).toBeGreaterThanOrEqual(0);
  });

  it('POST /predict with preprocessing: y = ((x / scale) - mean) / std', async () => {
    const plain = await server.post('/predict', { modelName: 'classifier', inputs: [[0.5, -0.5, 0, 0.25, 1]] });
    const own = await server.post('/predict', { modelName: 'classifier', inputs: [[20, 0, 10, 15, 30]], preprocessing: { normalize: true, scale: 10, mean: [1, 1, 1, 1, 1], std: [2] } });
    expect(own.body.predictions).toEqual(plain.body.predictions);
    const bytes = await server.post('/predict', { modelName: 'classifier', inputs: [[255, 0, 255, 0, 0]], preprocessing: { normalize: true } });
    expect(bytes.body.predictions).toEqual((await server.post('/predict', { modelName: 'classifier', inputs: [[1, 0, 1, 0, 0]] })).body.predictions);
  });

  it('POST /batch-predict', async () => {
    const items = Array.from({ length: 7 }, (_, index) => ({ inputs: [[index, 1, 2, 3, 4], [4, 3, 2, 1, index]] }));
    const { body } = await server.post('/batch-predict', { modelName: 'classifier', maxBatchSize: 4, batch: items });
    expect(body.results).toHaveLength(7);
    for (const [index, item] of items.entries()) {
      const alone = await server.post('/predict', { modelName: 'classifier', ...item });
      expect(body.results[index].modelVersion).toBe('v2');
      body.results[index].predictions.flat().forEach((value: number, at: number) => { expect(value).toBeCloseTo(alone.body.predictions.flat()[at], 6); });
    }
  });

  it('GET /metrics is JSON, or Prometheus text for who asks', async () => {
    const { body } = await server.get('/metrics');
    expect(schemas.MetricsSummary.parse(body)).toEqual(body);
    expect(body.requestCount).toBeGreaterThan(0);
    expect(body.averageInferenceTimeMs).toBeGreaterThan(0);
    for (const accept of ['text/plain', 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1']) {
      const prometheus = await server.get('/metrics', { accept });
      expect(prometheus.headers.get('content-type')).toContain('text/plain');
      expect(prometheus.body).toContain('slipway_server_requests_total{model="classifier",version="v1",protocol="native",code="200"}');
    }
  });

  it('the sample requests of every model give their expected answers', async () => {
    const { readdirSync, readFileSync, existsSync } = await import('node:fs');
    const path = await import('node:path');
    let compared = 0;
    for (const entry of server.state().models) {
      const folder = path.join(MODELS, entry.name, entry.version, 'samples');
      for (const file of existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.request.json')) : []) {
        const request = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
        const expected = JSON.parse(readFileSync(path.join(folder, file.replace('.request.', '.response.')), 'utf8'));
        const { body } = await server.post('/predict', { ...request, modelVersion: entry.version });
        expect(close(body, expected), `${entry.name} ${entry.version} ${file}: ${JSON.stringify(body)}`).toBe(true);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(4);
  });
});

/** Everything expected is there, numbers within float32 noise. */
function close(got: unknown, expected: unknown): boolean {
  if (typeof expected === 'number') return typeof got === 'number' && Math.abs(got - expected) <= 1e-5;
  if (typeof expected !== 'object' || expected === null) return got === expected;
  return Object.entries(expected).every(([key, value]) => close((got as Record<string, unknown>)[key], value));
}

describe('version 2 of the API', () => {
  it('is one envelope', async () => {
    const { body, headers } = await server.post('/v2/predict', { modelName: 'classifier', modelVersion: 'v1', inputs: [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]] }, { 'x-request-id': 'abc-1' });
    expect(schemas.Envelope.parse(body)).toEqual(body);
    expect(body).toMatchObject({ model_version: 'v1', training_data_tag: 'pump-readings-seed-11', revision: null, request_id: 'abc-1' });
    expect(headers.get('x-request-id')).toBe('abc-1');
    expect(body.predictions).toHaveLength(2);
    expect(body.uncertainty).toHaveLength(2);
    for (const value of body.uncertainty) expect(value).toBeGreaterThan(0);
    expect(body.explanation).toHaveLength(2);
    expect(Object.keys(body.explanation[0].contrib)).toEqual(['temperature', 'vibration', 'pressure', 'current', 'noise']);
    expect(body.explanation[0].top_feature).toBe(strongest(body.explanation[0].contrib));
  });

  it('explains by what really happens without the feature', async () => {
    const { body } = await server.post('/v2/predict', { modelName: 'classifier', modelVersion: 'v1', inputs: ROW });
    const [row] = body.predictions;
    const best = row.indexOf(Math.max(...row));
    const without = await server.post('/predict', { modelName: 'classifier', modelVersion: 'v1', inputs: [[1, 2, 0, 4, 5]] });
    expect(body.explanation[0].contrib.pressure).toBeCloseTo(row[best] - without.body.predictions[0][best], 5);
  });

  it('has a batch form', async () => {
    const { body } = await server.post('/v2/batch-predict', { modelName: 'classifier', batch: [{ inputs: ROW }, { inputs: ROW }] });
    expect(schemas.BatchEnvelope.parse(body)).toEqual(body);
    expect(body.results[1].model_version).toBe('v2');
  });
});

const strongest = (contrib: Record<string, number>): string | undefined => Object.entries(contrib).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]))[0]?.[0];

describe('what chooses the version of the API', () => {
  const body = { modelName: 'classifier', inputs: ROW };
  const isV2 = (answer: { body: object }): boolean => 'request_id' in answer.body;

  it('the path, the query, the header, else 1', async () => {
    expect(isV2(await server.post('/predict', body))).toBe(false);
    expect(isV2(await server.post('/v1/predict', body))).toBe(false);
    expect(isV2(await server.post('/v2/predict', body))).toBe(true);
    expect(isV2(await server.post('/predict?version=v2', body))).toBe(true);
    expect(isV2(await server.post('/predict', body, { 'accept-version': 'v2' }))).toBe(true);
    expect(isV2(await server.post('/predict?version=v1', body, { 'accept-version': 'v2' }))).toBe(false);
    expect(isV2(await server.post('/v1/predict', body, { 'accept-version': 'v2' }))).toBe(false);
  });

  it("the cookie of the consumer's first call", async () => {
    const first = await server.post('/predict', body, { 'accept-version': 'v2' });
    const cookie = (first.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const second = await server.post('/predict', body, { cookie: `other=1; ${cookie}` });
    expect(isV2(second)).toBe(true);
    expect(second.headers.get('set-cookie')).toBeNull();
    expect(isV2(await server.post('/v1/predict', body, { cookie }))).toBe(false);
  });

  it('refuses a version there is not, also beside one there is', async () => {
    expect((await server.post('/predict?version=v1', body, { 'accept-version': 'v9' })).status).toBe(400);
    expect((await server.post('/predict?version=v1&version=v2', body)).status).toBe(400);
    expect(await server.post('/predict?version=v3', body)).toMatchObject({ status: 400, body: { code: 'malformed_request' } });
  });
});

describe('names and versions of models', () => {
  it('the highest version answers who names none; body before header', async () => {
    const version = async (body: object, headers = {}): Promise<unknown> => (await server.post('/predict', { inputs: ROW, ...body }, headers)).body.modelVersion;
    expect(await version({ modelName: 'classifier' })).toBe('v2');
    expect(await version({ modelName: 'classifier' }, { 'slipway-model-version': 'v1' })).toBe('v1');
    expect(await version({ modelName: 'classifier', modelVersion: 'v2' }, { 'slipway-model-version': 'v1' })).toBe('v2');
  });

  it('modelName may be left out where one model fits, else the answer lists them', async () => {
    expect((await server.post('/predict', { text: 'good' })).body.modelVersion).toMatch(/^v/);
    const tensors = server.state().models.filter((model) => model.name !== 'sentiment').map((model) => model.name);
    const answer = await server.post('/predict', { inputs: ROW });
    if (new Set(tensors).size === 1) expect(answer.status).toBe(200);
    else expect(answer).toMatchObject({ status: 400, body: { code: 'model_name_required' } });
  });

  it('says what a model takes', async () => {
    expect(await server.post('/predict', { modelName: 'classifier', text: 'x' })).toMatchObject({ status: 400, body: { errors: [{ path: 'inputs', got: 'text' }] } });
    expect(await server.post('/predict', { modelName: 'sentiment', inputs: ROW })).toMatchObject({ status: 400, body: { errors: [{ path: 'text', got: 'inputs' }] } });
    expect((await server.post('/predict', { modelName: 'classifier', inputs: ROW, text: 'x' })).status).toBe(400);
  });
});

describe('text', () => {
  it('one text is one prediction', async () => {
    const { body } = await server.post('/predict', { modelName: 'sentiment', modelVersion: 'v2', text: 'not bad at all' });
    expect(schemas.TextResponse.parse(body)).toEqual(body);
    expect(Object.keys(body.probabilities).sort()).toEqual(['negative', 'positive']);
    expect(body.score).toBe(body.probabilities[body.prediction]);
    expect(body.modelVersion).toBe('v2');
  });

  it('several are predictions', async () => {
    const { body } = await server.post('/predict', { modelName: 'sentiment', text: ['great', 'awful'] });
    expect(body.predictions.map((one: { prediction: string }) => one.prediction)).toEqual(['positive', 'negative']);
  });

  it('is explained by its words', async () => {
    const { body } = await server.post('/v2/predict', { modelName: 'sentiment', text: 'this was a wonderful evening' });
    expect(body.prediction.prediction).toBe('positive');
    expect(Object.keys(body.explanation.contrib)).toEqual(['this', 'was', 'a', 'wonderful', 'evening']);
    expect(body.explanation.top_feature).toBe('wonderful');
    expect(body.uncertainty).toBeGreaterThanOrEqual(0);
  });
});

describe('every answer', () => {
  it('carries request id, trace parent and model version', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const good = await server.post('/predict', { modelName: 'classifier', inputs: ROW }, { traceparent });
    expect(good.headers.get('traceparent')).toBe(traceparent);
    expect(good.headers.get('slipway-model-version')).toBe('v2');
    expect(good.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    const bad = await server.post('/predict', '{', { traceparent, 'x-request-id': 'mine' });
    expect(bad.headers.get('x-request-id')).toBe('mine');
    expect(bad.body.requestId).toBe('mine');
    expect(bad.headers.get('traceparent')).toBe(traceparent);
    expect((await server.get('/health', { 'x-request-id': 'x'.repeat(200) })).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('answers browsers of the configured origins', async () => {
    const preflight = await fetch(`${server.url}/predict`, { method: 'OPTIONS', headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('https://app.example');
    const foreign = await server.get('/health', { origin: 'https://evil.example' });
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('reads gzip and br, and writes what is accepted', async () => {
    const body = JSON.stringify({ modelName: 'classifier', inputs: Array.from({ length: 100 }, () => ROW[0]) });
    const plain = await server.post('/predict', body);
    for (const [encoding, packed] of [['gzip', gzipSync(body)], ['br', brotliCompressSync(body)]] as const) {
      expect((await server.post('/predict', packed, { 'content-encoding': encoding })).body.predictions).toEqual(plain.body.predictions);
      const answer = await server.post('/predict', body, { 'accept-encoding': encoding });
      expect(answer.headers.get('content-encoding')).toBe(encoding);
      expect(answer.body.predictions).toEqual(plain.body.predictions);
    }
    expect((await server.post('/predict', body, { 'accept-encoding': 'identity' })).headers.get('content-encoding')).toBeNull();
  });
});

describe('one port', () => {
  it('speaks cleartext HTTP/2 too, several calls on one connection', async () => {
    const session = http2.connect(server.url);
    const call = (): Promise<{ status: unknown; body: Loose }> =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':method': 'POST', ':path': '/predict', 'content-type': 'application/json', 'accept-encoding': 'gzip' });
        const chunks: Buffer[] = [];
        let head: Record<string, unknown> = {};
        stream.on('response', (headers) => { head = headers; });
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => { const bytes = Buffer.concat(chunks); resolve({ status: head[':status'], body: JSON.parse(String(head['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes)) }); });
        stream.on('error', reject);
        stream.end(JSON.stringify({ modelName: 'classifier', inputs: ROW }));
      });
    try {
      for (const answer of await Promise.all([call(), call(), call()])) expect(answer).toMatchObject({ status: 200, body: { modelVersion: 'v2' } });
      expect((await call()).status).toBe(200);
    } finally {
      session.close();
    }
  });

  it('waits for a slow first byte before it decides', async () => {
    const net = await import('node:net');
    const socket = net.connect(server.port, '127.0.0.1');
    const answer = new Promise<string>((resolve) => { socket.once('data', (data) => { resolve(String(data)); }); });
    socket.write('P');
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.write('UT /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    expect(await answer).toMatch(/^HTTP\/1\.1 405 /);
    socket.destroy();
  });
});

describe('OpenAPI', () => {
  it('is a 3.1 document that lists the served paths and no others, and knows the models', async () => {
    const { body } = await server.get('/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    const { schemas: components } = body.components;
    expect(components.PredictRequest.anyOf).toEqual(expect.arrayContaining([{ $ref: '#/components/schemas/classifier.v2' }, { $ref: '#/components/schemas/sentiment.v1' }]));
    expect(components['classifier.v2'].required).toEqual(['modelName', 'inputs']);
    expect(components['classifier.v1'].required).toEqual(['modelName', 'modelVersion', 'inputs']);
    expect(components['classifier.v1'].properties.inputs.anyOf[0].items.prefixItems.map((feature: { title: string }) => feature.title)).toEqual(['temperature', 'vibration', 'pressure', 'current', 'noise']);
    expect(components['sentiment.v2'].required).toEqual(['text']);
    for (const [path, item] of Object.entries(body.paths as Record<string, Record<string, unknown>>)) {
      for (const method of Object.keys(item)) {
        const answer = await fetch(`${server.url}${path}`, { method: method.toUpperCase() });
        expect([404, 405], `${method} ${path}`).not.toContain(answer.status);
        await answer.arrayBuffer();
      }
    }
    expect(Object.keys(body.paths)).toHaveLength(12);
  });

  it('gives examples that the server answers', async () => {
    const { body } = await server.get('/openapi.json');
    const examples = Object.values(body.paths['/predict'].post.requestBody.content['application/json'].examples as Record<string, { value: object }>);
    expect(examples).toHaveLength(server.state().models.length);
    for (const { value } of examples) expect((await server.post('/predict', value)).status).toBe(200);
    const batches = Object.values(body.paths['/batch-predict'].post.requestBody.content['application/json'].examples as Record<string, { value: object }>);
    expect(batches).toHaveLength(examples.length);
    for (const { value } of batches) expect((await server.post('/batch-predict', value)).status).toBe(200);
  });

  it('describes real answers: each matches its own schema', async () => {
    const { body } = await server.get('/openapi.json');
    const schema = z.fromJSONSchema({ ...body.components.schemas.Problem } as never);
    const problem = await server.post('/predict', { modelName: 'none', inputs: ROW });
    expect(schema.safeParse(problem.body).success).toBe(true);
  });

  it('has a page that loads nothing from elsewhere', async () => {
    const { status, body, headers } = await server.get('/docs');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain('text/html');
    expect(body).not.toMatch(/https?:\/\//);
  });
});
