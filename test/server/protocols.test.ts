// KServe V1, TorchServe, SageMaker, Vertex AI and Azure ML over real models, and the lines of docs/protocols.md as they stand there.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { twoByTwo } from './support/saved-model.ts';
import { ask, MODELS, ROOT, serve, temporaryFolder, type Answer, type TestServer } from './support/server.ts';

const ROW = [1, 2, 3, 4, 5];
const FEATURES = { temperature: 1, vibration: 2, pressure: 3, current: 4, noise: 5 };
const folder = temporaryFolder();
let server: TestServer;
let kserve: TestServer;

beforeAll(async () => {
  const kserveModels = path.join(folder.path, 'kserve');
  const models = path.join(folder.path, 'models');
  for (const model of ['classifier/v1', 'classifier/v2', 'sentiment/v1']) await cp(path.join(MODELS, model), path.join(models, model), { recursive: true });
  for (const model of ['classifier/v1', 'sentiment/v1']) await cp(path.join(MODELS, model), path.join(kserveModels, model), { recursive: true });
  twoByTwo(path.join(kserveModels, 'pair', '1'));
  // The cloud's own paths are ones that mean something else here.
  server = await serve({ MODEL_PATH: models, WARMUP_ITERATIONS: '1', AIP_PREDICT_ROUTE: '/v1/endpoints/7:predict', AIP_HEALTH_ROUTE: '/models' });
  kserve = await serve({ MODEL_PATH: kserveModels, WARMUP_ITERATIONS: '1', V1_DIALECT: 'kserve' });
}, 240_000);
afterAll(async () => {
  await server.close();
  await kserve.close();
  folder[Symbol.dispose]();
});

/** Content type and body as they are. */
async function bytes(url: string, init: RequestInit = {}): Promise<[string | null, string]> {
  const answer = await fetch(url, init);
  return [answer.headers.get('content-type'), await answer.text()];
}

describe('KServe V1', () => {
  it('says what is there and ready', async () => {
    const alive = await kserve.get('/');
    expect([alive.headers.get('content-type'), alive.body]).toEqual(['application/json', { status: 'alive' }]);
    expect((await kserve.get('/v1/models')).body).toEqual({ models: ['classifier', 'pair', 'sentiment'] });
    expect((await kserve.get('/v1/models/classifier')).body).toEqual({ name: 'classifier', ready: true });
    expect(await kserve.get('/v1/models/nobody')).toMatchObject({ status: 404, body: { error: 'Model with name nobody does not exist.' } });
  });

  it('predicts rows, objects by name, inputs, texts', async () => {
    const native = await kserve.post('/predict', { modelName: 'classifier', inputs: [ROW] });
    for (const body of [{ instances: [ROW] }, { instances: [FEATURES] }, { instances: [{ readings: ROW }] }, { inputs: [ROW] }]) {
      expect((await kserve.post('/v1/models/classifier:predict', body)).body).toEqual({ predictions: native.body.predictions });
    }
    expect((await kserve.post('/v1/models/sentiment:predict', { instances: ['a wonderful evening', { text: 'never again' }] })).body.predictions).toMatchObject([{ prediction: 'positive' }, { prediction: 'negative' }]);
    expect((await kserve.post('/v1/models/pair:predict', { instances: [{ a: [1, 2], b: [1, 1] }, { a: [5, 5], b: [0, 1] }] })).body.predictions).toEqual([{ total: [2, 3], difference: [0, 1] }, { total: [5, 6], difference: [5, 4] }]);
  });

  it('says no charset', async () => {
    for (const verb of ['predict', 'explain']) expect((await bytes(`${kserve.url}/v1/models/classifier:${verb}`, { method: 'POST', body: JSON.stringify({ instances: [ROW] }) }))[0]).toBe('application/json');
  });

  it('explains what its package declares', async () => {
    const { body } = await kserve.post('/v1/models/classifier:explain', { instances: [ROW] });
    expect(Object.keys(body.explanations[0].contrib)).toEqual(Object.keys(FEATURES));
    expect(await kserve.post('/v1/models/pair:explain', { instances: [{ a: [1, 2], b: [1, 1] }] })).toMatchObject({ status: 501, body: { error: expect.stringContaining('declares no explanation') as string } });
    expect(await kserve.post('/v1/models/classifier:explain', { instances: new Array(40).fill(ROW) })).toMatchObject({ status: 413 });
  });

  it.each([
    ['/v1/models/nobody:predict', { instances: [1] }, 404], ['/v1/models/classifier:predict', {}, 400], ['/v1/models/classifier:predict', { instances: 1 }, 400], ['/v1/models/classifier:predict', { instances: [] }, 400],
    ['/v1/models/classifier:predict', '[', 400], ['/v1/models/classifier:predict', { instances: [[1]] }, 400], ['/v1/models/classifier:destroy', { instances: [ROW] }, 404], ['/v1/models/sentiment:predict', { instances: [7] }, 400],
  ])('%s %j is %i', async (at, body, status) => {
    expect(await kserve.post(at, body)).toMatchObject({ status, body: { error: expect.any(String) as string } });
  });
});

describe("KServe V1's words", () => {
  it.each([
    ['/v1/models/nobody:explain', { instances: [1] }, 404, 'Model with name nobody does not exist.'],
    ['/v1/models/classifier:explain', { instances: 1 }, 400, 'Expected "instances" to be a list'],
    ['/v1/models/classifier:predict', { instances: 1 }, 400, 'Expected "instances" to be a list'],
    ['/v1/models/classifier:explain', '[', 400, expect.stringMatching(/^Unrecognized request format: /) as string],
  ])('%s %j is %i', async (at, body, status, error) => {
    const answer = await kserve.post(at, body);
    expect([answer.status, answer.headers.get('content-type'), answer.body]).toEqual([status, 'application/json', { error }]);
  });
});

describe('TorchServe', () => {
  const predict = (at: string, body: string | Buffer, type = 'application/json'): Promise<Answer> => ask(`${server.url}/predictions/${at}`, { method: 'PUT', body: body as string, headers: { 'content-type': type } });

  it('is healthy', async () => {
    expect(await bytes(`${server.url}/ping`)).toEqual(['application/json', '{\n  "status": "Healthy"\n}\n']);
  });

  it('lays out its own words with a line end, and what a model says without', async () => {
    const [of, refused] = await bytes(`${server.url}/predictions/nobody`, { method: 'POST', body: '[1]' });
    expect([of, refused]).toEqual(['application/json', `${JSON.stringify(JSON.parse(refused), null, 2)}\n`]);
    const [type, text] = await bytes(`${server.url}/predictions/classifier`, { method: 'POST', body: JSON.stringify(ROW) });
    expect([type, text]).toEqual(['application/json', JSON.stringify(JSON.parse(text), null, 2)]);
    expect(await bytes(`${server.admin}/models?url=/nowhere&model_name=none`, { method: 'POST' })).toEqual(['application/json', '{\n  "code": 400,\n  "type": "BadRequestException",\n  "message": "ModelNotFound: /nowhere does not exist"\n}\n']);
    expect((await ask(`${server.admin}/models/none`, { method: 'DELETE' })).status).toBe(200); // what failed is a model that may fit
  });

  it('reads JSON, texts and forms', async () => {
    const native = await server.post('/predict', { modelName: 'classifier', modelVersion: 'v1', inputs: [ROW] });
    expect((await predict('classifier/v1', JSON.stringify(ROW))).body).toEqual(native.body.predictions[0]);
    expect((await predict('classifier/v1', JSON.stringify([ROW]))).body).toEqual(native.body.predictions);
    expect((await predict('classifier/v1', JSON.stringify({ data: FEATURES }))).body).toEqual(native.body.predictions[0]);
    expect((await predict('classifier/v1', JSON.stringify({ instances: [ROW] }))).body).toEqual({ predictions: native.body.predictions });
    expect((await predict('sentiment', 'a wonderful evening', 'text/plain')).body).toMatchObject({ prediction: 'positive' });
    expect((await predict('sentiment', 'a wonderful evening')).body).toMatchObject({ prediction: 'positive' });
    expect((await predict('sentiment', '["awful"]')).body).toMatchObject([{ prediction: 'negative' }]);
    const form = new FormData();
    form.set('data', new Blob(['a wonderful evening']), 'text.txt');
    expect((await ask(`${server.url}/predictions/sentiment`, { method: 'POST', body: form })).body).toMatchObject({ prediction: 'positive' });
  });

  it.each([
    ['nobody', '[1]', 404, 'ModelNotFoundException'], ['classifier/v9', '[1]', 404, 'ModelNotFoundException'], ['classifier', '[1]', 400, 'BadRequestException'], ['classifier', '{', 400, 'BadRequestException'], ['sentiment', ' ', 400, 'BadRequestException'],
  ])('%s %s is %i %s', async (at, body, status, type) => {
    expect(await predict(at, body)).toMatchObject({ status, body: { code: status, type, message: expect.any(String) as string } });
  });

  it('is managed on the admin port', async () => {
    expect((await ask(`${server.admin}/models/classifier/all`)).body).toMatchObject([{ modelVersion: 'v1', workers: [{ status: 'READY' }] }, { modelVersion: 'v2' }]);
    const added = await ask(`${server.admin}/models?url=${encodeURIComponent(path.join(folder.path, 'kserve/pair/1'))}&model_name=pair`, { method: 'POST' });
    expect(added.body).toEqual({ status: 'Model "pair" Version: 1.0 registered' });
    expect((await ask(`${server.admin}/models/classifier/v1/set-default`, { method: 'PUT' })).status).toBe(200);
    expect((await ask(`${server.admin}/models/classifier`)).body).toMatchObject([{ modelVersion: 'v1' }]);
    expect((await ask(`${server.admin}/models/classifier/v2/set-default`, { method: 'PUT' })).status).toBe(200);
    expect(await ask(`${server.admin}/models/pair?min_worker=2`, { method: 'PUT' })).toMatchObject({ status: 501, body: { type: 'NotImplementedException' } });
    expect((await ask(`${server.admin}/models/pair/1.0`, { method: 'DELETE' })).body).toEqual({ status: 'Model "pair" unregistered' });
    expect(await ask(`${server.admin}/models/pair`)).toMatchObject({ status: 404, body: { type: 'ModelNotFoundException' } });
  });
});

describe('the clouds', () => {
  it('SageMaker: JSON and CSV, both ways', async () => {
    const named = { 'x-amzn-sagemaker-target-model': 'classifier.tar.gz' };
    const native = await server.post('/predict', { modelName: 'classifier', inputs: [ROW, ROW] });
    for (const body of [{ instances: [ROW, ROW] }, [ROW, ROW], { inputs: [ROW, ROW] }]) expect((await server.post('/invocations', body, named)).body).toEqual({ predictions: native.body.predictions });
    const csv = await server.post('/invocations', '1,2,3,4,5\r\n1,2,3,4,5\n', { ...named, 'content-type': 'text/csv', accept: 'text/csv' });
    expect(csv.headers.get('content-type')).toContain('text/csv');
    expect(csv.body.trim().split('\n').map((line: string) => line.split(',').map(Number))).toEqual(native.body.predictions);
    const texts = await server.post('/invocations', 'a wonderful evening\n"awful,"\n', { 'content-type': 'text/csv', accept: 'text/csv' });
    expect(texts.body).toMatch(/^positive,0\.\d+\nnegative,0\.\d+\n$/);
  });

  it('Vertex AI: its own paths, also where they mean something else', async () => {
    expect((await server.post('/v1/endpoints/7:predict', { instances: ['a wonderful evening'], parameters: {} })).body).toMatchObject({ predictions: [{ prediction: 'positive' }] });
    expect((await server.get('/models')).body).toEqual({ status: 'healthy' });
    expect(await server.post('/v1/endpoints/7:predict', { instances: 1 })).toMatchObject({ status: 400, body: { error: { code: 400, status: 'INVALID_ARGUMENT' } } });
  });

  it('Azure ML: data and tables', async () => {
    expect((await server.get('/')).status).toBe(200);
    expect((await server.post('/score', { data: ['awful'] })).body).toMatchObject([{ prediction: 'negative' }]);
    const table = { columns: Object.keys(FEATURES), index: [0], data: [ROW] };
    const native = await server.post('/predict', { modelName: 'classifier', inputs: [ROW] });
    expect((await server.post('/score', { input_data: table })).body).toEqual(native.body.predictions);
  });

  it('answer anything in words', async () => {
    const body = fc.oneof(fc.json({ maxDepth: 3 }), fc.string(), fc.record({ instances: fc.jsonValue({ maxDepth: 3 }), data: fc.jsonValue({ maxDepth: 2 }), inputs: fc.jsonValue({ maxDepth: 2 }) }, { requiredKeys: [] }).map((value) => JSON.stringify(value)));
    const at = fc.constantFrom('/invocations', '/score', '/predictions/classifier', '/predictions/sentiment', '/v1/endpoints/7:predict');
    const type = fc.constantFrom('application/json', 'text/csv', 'text/plain', 'multipart/form-data; boundary=x', 'image/png');
    await fc.assert(fc.asyncProperty(at, body, type, async (url, sent, contentType) => {
      const answer = await server.post(url, Buffer.from(sent), { 'content-type': contentType });
      expect(answer.status, `${url} ${contentType} ${sent}`).toBeLessThan(500);
    }), { numRuns: 60 });
  });
});

describe('docs/protocols.md', () => {
  const page = readFileSync(path.join(ROOT, 'docs/protocols.md'), 'utf8');
  const lines = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((match) => (match[1] ?? '').trim().split('\n'));

  it('has calls', () => {
    expect(lines.length).toBeGreaterThan(15);
    expect(lines.every((line) => line.startsWith('curl -sf'))).toBe(true);
  });

  it.each(lines)('%s', async (line) => {
    const to = line.includes('V1_DIALECT=kserve') ? kserve : server;
    const here = line.replace('http://127.0.0.1:3000', to.url).replace('http://127.0.0.1:9090', to.admin);
    const { stdout } = await promisify(execFile)('bash', ['-c', here], { cwd: ROOT });
    expect(stdout.length).toBeGreaterThan(10);
  });
});
