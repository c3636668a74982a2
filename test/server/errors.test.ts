// Every row of the error table of the server contract, on a real server: status, code, what the detail names, Retry-After; and that
// the process stays up.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../server/src/app.ts';
import { readConfig } from '../../server/src/config.ts';
import { Drain } from '../../server/src/http/drain.ts';
import type { Model } from '../../server/src/models/model.ts';
import { Problem } from '../../server/src/protocols/native/schemas.ts';
import { doubling, slow } from './support/saved-model.ts';
import { MODELS, serve, temporaryFolder, until, type Answer, type TestServer } from './support/server.ts';

const folder = temporaryFolder();
const LIMIT = 4_000_000;
let server: TestServer;

/** A package that says which values are good. */
function contractPackage(at: string): void {
  doubling(at, 'float32', [-1, 4]);
  writeFileSync(
    path.join(at, 'model.yaml'),
    `apiVersion: modelpackage.slipway.dev/v1
name: strict
version: v1
format: saved-model
dataContract:
  id: strict-1
  features:
    - {name: age, type: integer, min: 0, max: 120}
    - {name: kind, type: number, enum: [1, 2]}
    - {name: seen, type: boolean}
    - {name: weight, type: number, nullable: true}
`,
  );
}

beforeAll(async () => {
  const models = path.join(folder.path, 'models');
  contractPackage(path.join(models, 'strict', 'v1'));
  slow(path.join(models, 'slow', '1'), 1200);
  doubling(path.join(models, 'twice', '1'), 'float32', [-1, 2]);
  mkdirSync(path.join(models, 'broken', '1'), { recursive: true });
  writeFileSync(path.join(models, 'broken', '1', 'saved_model.pb'), 'not a protobuf');
  server = await serve({ MODEL_PATH: models, WARMUP_ITERATIONS: '1', MAX_BODY_BYTES: String(LIMIT), MAX_BATCH_ITEMS: '100', MAX_QUEUE: '2', REQUEST_TIMEOUT_SECONDS: '20' });
});
afterEach(async () => {
  expect((await server.get('/health')).status).toBe(200);
  expect(await server.post('/predict', { modelName: 'twice', inputs: [[1, 2]] })).toMatchObject({ status: 200, body: { predictions: [[2, 4]] } });
});
afterAll(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  expect(Problem.parse(answer.body)).toEqual(answer.body);
  expect(answer.body).toMatchObject({ status, code, requestId: answer.headers.get('x-request-id') });
  expect(answer.status).toBe(status);
}

const predict = (body: unknown, headers = {}): Promise<Answer> => server.post('/predict', body, headers);

describe('unknown model or version', () => {
  it('is 404 and names what is loaded', async () => {
    const name = await predict({ modelName: 'nope', inputs: [[1]] });
    expectProblem(name, 404, 'model_not_found');
    expect(name.body.detail).toContain('twice 1');
    const version = await predict({ modelName: 'twice', modelVersion: '7', inputs: [[1, 2]] });
    expectProblem(version, 404, 'model_not_found');
    expect(version.body.detail).toContain('it has: 1');
  });

  it('a missing version is 421 behind a router, which knows who has it', async () => {
    await using behind = await serve({ MODEL_PATH: path.join(MODELS, 'classifier', 'v1'), BEHIND_ROUTER: 'true', MODEL_NAME: 'pump', REVISION: 'pump-abc12', WARMUP_ITERATIONS: '1' });
    const other = await behind.post('/predict', { modelName: 'pump', modelVersion: 'v2', inputs: [[1, 2, 3, 4, 5]] });
    expectProblem(other, 421, 'model_version_elsewhere');
    const own = await behind.post('/predict', { modelName: 'classifier', inputs: [[1, 2, 3, 4, 5]] });
    expect(own.status, 'the package\'s own name is an alias').toBe(200);
    expect(own.headers.get('slipway-revision')).toBe('pump-abc12');
    expectProblem(await behind.post('/predict', { modelName: 'nope', inputs: [[1]] }), 404, 'model_not_found');
  });
});

describe('wrong input', () => {
  it.each([
    ['a row without the batch dimension', { modelName: 'twice', inputs: [1, 2] }, 'inputs.x', /first dimension is the batch/],
    ['too many columns', { modelName: 'twice', inputs: [[1, 2, 3]] }, 'inputs.x', /shape \[-1,2\]/],
    ['too many dimensions', { modelName: 'twice', inputs: [[[1, 2]]] }, 'inputs.x', /shape \[-1,2\]/],
    ['ragged rows', { modelName: 'twice', inputs: [[1, 2], [3]] }, 'inputs[1]', /list of 2/],
    ['text for a number', { modelName: 'twice', inputs: [[1, 'two']] }, 'inputs[0][1]', /number \(float32\)/],
    ['no rows', { modelName: 'twice', inputs: [] }, 'inputs.x', /./],
    ['no inputs', { modelName: 'twice' }, 'inputs', /inputs or text/],
    ['a number instead of rows', { modelName: 'twice', inputs: 3 }, 'inputs', /list of rows/],
    ['an input there is not', { modelName: 'twice', inputs: { z: [[1, 2]] } }, 'inputs.x', /an input named x/],
    ['a zero to divide by', { modelName: 'twice', inputs: [[1, 2]], preprocessing: { std: [0, 1] } }, 'preprocessing.std', /no 0/],
    ['a mean of the wrong length', { modelName: 'twice', inputs: [[1, 2]], preprocessing: { mean: [1, 2, 3] } }, 'preprocessing.mean', /1 or 2 values/],
  ])('%s is 400 and says where', async (_what, body, at, expected) => {
    const answer = await predict(body);
    expectProblem(answer, 400, 'invalid_input');
    expect(answer.body.errors[0].path).toBe(at);
    expect(answer.body.errors[0].expected).toMatch(expected);
  });

  it('a word that is no preprocessing is refused, not ignored', async () => {
    expectProblem(await predict({ modelName: 'twice', inputs: [[1, 2]], preprocessing: { normalise: true } }), 400, 'malformed_request');
  });

  it('counts with the model that the call meant', async () => {
    const failed = async (): Promise<number[]> => {
      const { body } = await server.get('/metrics', { accept: 'text/plain' });
      const patterns = [/^slipway_server_requests_total\{model="twice",version="1",protocol="native",code="400"\} (\d+)$/m, /^nv_inference_request_failure\{model="twice",version="1",reason="OTHER"\} (\d+)$/m];
      return patterns.map((pattern) => Number(pattern.exec(body as string)?.[1] ?? 0));
    };
    const [calls = 0, failures = 0] = await failed();
    await predict({ modelName: 'twice', inputs: [[1, 2, 3]] });
    expect(await failed()).toEqual([calls + 1, failures + 1]);
  });

  it('one bad item fails the batch and is named', async () => {
    const answer = await server.post('/batch-predict', { modelName: 'twice', batch: [{ inputs: [[1, 2]] }, { inputs: [[1, 2], [3, 'x']] }] });
    expectProblem(answer, 400, 'invalid_input');
    expect(answer.body.errors[0].path).toBe('batch[1].inputs[1][1]');
  });
});

describe('values that break the data contract', () => {
  it.each([
    ['a bare NaN', '{"modelName":"twice","inputs":[[1, NaN]]}', 'inputs.x[0][1]'],
    ['a bare Infinity', '{"modelName":"twice","inputs":[[1, -Infinity]]}', 'inputs.x[0][1]'],
    ['a number beyond float32', '{"modelName":"twice","inputs":[[1, 1e39]]}', 'inputs.x[0][1]'],
    ['null', '{"modelName":"twice","inputs":[[null, 1]]}', 'inputs.x[0][0]'],
    ['out of range', '{"modelName":"strict","inputs":[[121, 1, 0, 1]]}', 'inputs.x[0][0] (age)'],
    ['no integer', '{"modelName":"strict","inputs":[[1.5, 1, 0, 1]]}', 'inputs.x[0][0] (age)'],
    ['an unknown category', '{"modelName":"strict","inputs":[[1, 3, 0, 1]]}', 'inputs.x[0][1] (kind)'],
    ['no truth value', '{"modelName":"strict","inputs":[[1, 1, 2, 1]]}', 'inputs.x[0][2] (seen)'],
  ])('%s is 400 and names the feature', async (_what, body, at) => {
    const answer = await predict(body);
    expectProblem(answer, 400, 'data_contract_violation');
    expect(answer.body.errors[0].path).toBe(at);
  });

  it('what the contract allows passes', async () => {
    const body = '{"modelName":"strict","inputs":[[30, 2, 1, null]]}';
    expect((await predict(body, { accept: 'application/octet-stream' })).status).toBe(200);
    // The model makes no number of what is missing, and JSON has no form for that.
    expectProblem(await predict(body), 500, 'inference_failed');
  });
});

describe('bodies', () => {
  it('malformed JSON is 400 with the place', async () => {
    const answer = await predict('{"inputs": [[1, 2]');
    expectProblem(answer, 400, 'malformed_request');
    expect(answer.body.detail).toMatch(/position|column/);
    expectProblem(await predict(''), 400, 'malformed_request');
    expectProblem(await predict('[1]'), 400, 'malformed_request');
  });

  it('a body over the limit is 413 with the limit', async () => {
    const answer = await predict(JSON.stringify({ modelName: 'twice', inputs: [], padding: 'x'.repeat(LIMIT) }));
    expectProblem(answer, 413, 'body_too_large');
    expect(answer.body.detail).toContain(String(LIMIT));
  });

  it.each([
    ['tfserving', [['/predict?modelName=twice', 'native'], ['/v2/batch-predict?modelName=twice', 'native'], ['/v2/models/twice/infer', 'v2'], ['/v2/models/twice/versions/1/infer', 'v2'], ['/v1/models/twice:predict', 'tfserving'], ['/v1/models/twice/versions/1:classify', 'tfserving'], ['/predictions/twice/1', 'torchserve']]],
    ['kserve', [['/v1/models/twice:predict', 'kserve-v1'], ['/predictions/twice', 'torchserve'], ['/invocations', 'sagemaker'], ['/score', 'azure']]],
  ] as const)('and is counted, with the model that the URL names (%s)', async (dialect, calls) => {
    await using small = await serve({ MODEL_PATH: path.join(folder.path, 'models', 'twice'), MAX_BODY_BYTES: '1000', V1_DIALECT: dialect, WARMUP_ITERATIONS: '1' });
    const counted = async (): Promise<Map<string, number>> => {
      const { body } = await small.get('/metrics', { accept: 'text/plain' });
      const lines = [...(body as string).matchAll(/^slipway_server_requests_total\{model="(\w*)",version="(\w*)",protocol="([\w-]+)",code="(\d+)"\} (\d+)$/gm)];
      return new Map(lines.map(([, model = '', version = '', protocol = '', code = '', count]) => [[protocol, model, version, code].join(' '), Number(count)]));
    };
    const expected = new Map<string, number>();
    for (const [at, protocol] of calls) {
      expect(await small.post(at, JSON.stringify({ padding: 'x'.repeat(2000) }))).toMatchObject({ status: 413 });
      const named = at.includes('twice') ? 'twice 1' : ' ';
      expected.set(`${protocol} ${named} 413`, (expected.get(`${protocol} ${named} 413`) ?? 0) + 1);
    }
    expect(await small.post('/v2/models/nobody/infer', 'x'.repeat(2000))).toMatchObject({ status: 413 });
    expected.set('v2   413', 1);
    expect(await small.post('/v2/repository/index', 'x'.repeat(2000))).toMatchObject({ status: 413 });
    expect(await counted()).toEqual(expected);
    const summary = await small.get('/metrics');
    expect(summary.body).toMatchObject({ requestCount: calls.length + 1, errorCount: calls.length + 1 });
  });

  it('so is one that inflates over it', async () => {
    const bomb = gzipSync(Buffer.alloc(LIMIT * 10, ' '));
    expect(bomb.byteLength).toBeLessThan(LIMIT / 10);
    const answer = await predict(bomb, { 'content-encoding': 'gzip' });
    expectProblem(answer, 413, 'body_too_large');
    expect(answer.body.detail).toContain(String(LIMIT));
  });

  it('broken gzip is 400, an unknown encoding or type 415', async () => {
    expectProblem(await predict('not gzip', { 'content-encoding': 'gzip' }), 400, 'malformed_request');
    expectProblem(await predict('x', { 'content-encoding': 'snappy' }), 415, 'unsupported_media_type');
    expectProblem(await predict('x', { 'content-type': 'application/xml' }), 415, 'unsupported_media_type');
  });

  it('too many items is 413 with the limit', async () => {
    const rows = Array.from({ length: 101 }, () => [1, 2]);
    const answer = await predict({ modelName: 'twice', inputs: rows });
    expectProblem(answer, 413, 'too_many_items');
    expect(answer.body.detail).toContain('at most 100');
    expectProblem(await server.post('/batch-predict', { modelName: 'twice', batch: rows.map((row) => ({ inputs: [row] })) }), 413, 'too_many_items');
    expect((await predict({ modelName: 'twice', inputs: rows.slice(1) })).status).toBe(200);
  });

  it('unknown paths are 404, wrong methods 405', async () => {
    expectProblem(await server.get('/nope'), 404, 'not_found');
    const answer = await server.get('/predict');
    expectProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers.get('allow')).toBe('POST');
  });
});

describe('overload', () => {
  it('a full queue is 429 with Retry-After, and who was in it is answered', async () => {
    const calls = Array.from({ length: 12 }, (_, index) => predict({ modelName: 'slow', inputs: [[index]] }));
    const answers = await Promise.all(calls);
    const refused = answers.filter((answer) => answer.status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(12);
    for (const answer of refused) {
      expectProblem(answer, 429, 'queue_full');
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    answers.forEach((answer, index) => { if (answer.status === 200) expect(answer.body.predictions).toEqual([[index]]); });
  });

  it('a call that could never fit into memory is 413, one that does not fit now 503 with Retry-After', async () => {
    const { memory } = server.parts;
    const held: (() => void)[] = [];
    try {
      expect(() => {
        for (;;) held.push(memory.admit(100_000_000));
      }).toThrow(expect.objectContaining({ code: 'memory_exhausted' }) as Error);
      expect(() => {
        for (;;) held.push(memory.admit(1_000_000));
      }).toThrow(expect.objectContaining({ code: 'memory_exhausted' }) as Error);
      const answer = await predict(JSON.stringify({ modelName: 'twice', inputs: [[1, 2]], padding: 'x'.repeat(1_000_000) }));
      expectProblem(answer, 503, 'memory_exhausted');
      expect(answer.headers.get('retry-after')).toBe('1');
    } finally {
      for (const release of held) release();
    }
    await using tight = await serve({ MODEL_PATH: path.join(folder.path, 'models', 'twice', '1'), MEMORY_BUDGET_BYTES: '1', WARMUP_ITERATIONS: '1' });
    expectProblem(await tight.post('/predict', { inputs: [[1, 2]] }), 413, 'exceeds_memory_budget');
    expect((await tight.get('/health')).status).toBe(200);
  });

  it('a deadline that passed is 504 with Retry-After', async () => {
    using own = temporaryFolder();
    await using hurried = await serve({ MODEL_PATH: slow(path.join(own.path, 'slower'), 3000), REQUEST_TIMEOUT_SECONDS: '0.001', WARMUP_ITERATIONS: '1' });
    const answer = await hurried.post('/predict', { inputs: [[1]] });
    expectProblem(answer, 504, 'deadline_exceeded');
    expect(answer.headers.get('retry-after')).toBe('1');
  });

  it('a caller that hangs up is not computed', async () => {
    using own = temporaryFolder();
    await using idle = await serve({ MODEL_PATH: slow(path.join(own.path, 'slower'), 3000), WARMUP_ITERATIONS: '1' });
    const { runner, batcher } = idle.parts.manager.registry.ready({ name: undefined, version: undefined, takes: 'tensors' }) as Model;
    const batches = async (): Promise<number> => Number(/slipway_server_batch_size_sum\{[^}]*\} (\d+)/.exec((await idle.parts.metrics.prometheus()).text)?.[1] ?? 0);
    const before = await batches();
    const gone = new AbortController();
    const call = (index: number, signal?: AbortSignal): Promise<number | string> =>
      fetch(`${idle.url}/predict`, { method: 'POST', body: JSON.stringify({ inputs: [[index]] }), signal: signal ?? null }).then(({ status }) => status, () => 'hung up');
    const computed = call(0);
    await until(() => runner.free, (free) => free === 0);
    const waiting = [call(1), call(2, gone.signal)];
    await until(() => batcher.waiting, (count) => count === 2);
    gone.abort();
    expect(await Promise.all([computed, ...waiting])).toEqual([200, 200, 'hung up']);
    await until(() => idle.parts.metrics.inFlight, (inFlight) => inFlight === 0);
    expect((await batches()) - before).toBe(2);
  });

  it('draining is 503 with Retry-After on what is left of old connections', async () => {
    const drain = new Drain();
    const app = buildApp({ config: readConfig({ LOG_LEVEL: 'silent' }), parts: server.parts, drain, state: server.state, ready: () => false });
    const call = (): Promise<{ statusCode: number; headers: Record<string, unknown>; body: string }> => app.inject({ method: 'POST', url: '/predict', payload: { modelName: 'twice', inputs: [[1, 2]] } });
    drain.begin();
    expect(await call()).toMatchObject({ statusCode: 200, headers: { connection: 'close' } });
    drain.close();
    const late = await call();
    expect(late).toMatchObject({ statusCode: 503, headers: { connection: 'close', 'retry-after': '1' } });
    expect(JSON.parse(late.body)).toMatchObject({ code: 'draining' });
    await app.close();
  });
});

describe('containment', () => {
  it('a body that bursts the parser\'s heap fails alone', async () => {
    await using small = await serve({ MODEL_PATH: path.join(folder.path, 'models', 'twice', '1'), WORKER_HEAP_MB: '64', WARMUP_ITERATIONS: '1' });
    const deep = `{"inputs":[${Array.from({ length: 2_000_000 }, () => '{}').join(',')}]}`;
    const answer = await small.post('/predict', deep);
    expect([400, 413]).toContain(answer.status);
    const large = { inputs: Array.from({ length: 9_000 }, (_, index) => [index, 0.123456789]) , padding: 'x'.repeat(300_000) };
    const good = await small.post('/predict', large);
    expect(good.status).toBe(200);
    expect(good.body.predictions[8_999][0]).toBe(17_998);
  });
});

describe('a model that cannot load', () => {
  it('never gets traffic; the state names the file and why; others serve', async () => {
    const state = server.state().models.find((model) => model.name === 'broken');
    expect(state).toMatchObject({ phase: 'Failed', reason: 'ModelParseFailed' });
    expect(state?.message).toContain(path.join('broken', '1', 'saved_model.pb'));
    const answer = await predict({ modelName: 'broken', inputs: [[1]] });
    expectProblem(answer, 503, 'model_failed');
    expect(answer.headers.get('retry-after')).not.toBeNull();
    expect((await server.get('/health/ready')).status).toBe(200);
  });

  it.each([
    ['model.yaml that is no YAML', { 'model.yaml': 'a: [' }, 'PackageInvalid', /model\.yaml/],
    ['model.yaml that lacks fields', { 'model.yaml': 'apiVersion: modelpackage.slipway.dev/v1\nname: x\n' }, 'PackageInvalid', /version/],
    ['no model', { 'model.yaml': 'apiVersion: modelpackage.slipway.dev/v1\nname: x\nversion: v1\nformat: saved-model\n' }, 'ModelNotFound', /saved_model\.pb/],
    ['a path that leaves the package', { 'model.yaml': 'apiVersion: modelpackage.slipway.dev/v1\nname: x\nversion: v1\nformat: tfjs-layers\npath: ../../etc\n' }, 'PackageInvalid', /leaves the package/],
    ['weights that are missing', { 'model.json': '{"format":"layers-model","modelTopology":{},"weightsManifest":[{"paths":["w.bin"],"weights":[]}]}' }, 'ModelParseFailed', /w\.bin/],
    ['model.json that is no JSON', { 'model.json': '{' }, 'ModelParseFailed', /model\.json/],
  ])('%s', async (_what, files, reason, message) => {
    using own = temporaryFolder();
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(own.path, name), text);
    await using behind = await serve({ MODEL_PATH: own.path, BEHIND_ROUTER: 'true', MODEL_NAME: 'x' });
    const ready = await behind.get('/health/ready');
    expect(ready).toMatchObject({ status: 503, body: { phase: 'Failed', reason } });
    expect(ready.body.message).toMatch(message);
    expect(behind.state()).toMatchObject({ phase: 'Failed', reason });
    expect((await behind.get('/health')).status).toBe(200);
  });

  it('an empty folder says so', async () => {
    using own = temporaryFolder();
    await using behind = await serve({ MODEL_PATH: own.path, BEHIND_ROUTER: 'true', MODEL_NAME: 'x' });
    expect(behind.state()).toMatchObject({ phase: 'Failed', reason: 'ModelNotFound' });
  });
});
