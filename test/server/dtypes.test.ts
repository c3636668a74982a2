// The published dtype table on real TensorFlow: every dtype goes in and comes out without loss, or is refused in words.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DTYPE_SUPPORT } from '../../server/src/inference/dtype-support.ts';
import { doubling, picky, twoByTwo, shares, unknownOperation, writeSavedModel, attribute, type DTName } from './support/saved-model.ts';
import { ROOT, serve, temporaryFolder, type TestServer } from './support/server.ts';

const folder = temporaryFolder();
let server: TestServer;

const VALUES: Partial<Record<DTName, { rows: unknown; doubled: unknown }>> = {
  float32: { rows: [[1.5, -2, 0.25]], doubled: [[3, -4, 0.5]] },
  float64: { rows: [[0.1, 1e300, -3]], doubled: [[0.2, 2e300, -6]] },
  float16: { rows: [[1.5, -2, 0.25]], doubled: [[3, -4, 0.5]] },
  int8: { rows: [[1, -2, 63]], doubled: [[2, -4, 126]] },
  int16: { rows: [[1, -2, 16_000]], doubled: [[2, -4, 32_000]] },
  int32: { rows: [[1, -2, 1_000_000_000]], doubled: [[2, -4, 2_000_000_000]] },
  int64: { rows: [[1, -2, 2_147_483_647]], doubled: [[2, -4, 4_294_967_294]] },
  uint8: { rows: [[1, 2, 127]], doubled: [[2, 4, 254]] },
  uint16: { rows: [[1, 2, 32_000]], doubled: [[2, 4, 64_000]] },
  uint32: { rows: [[1, 2, 2_147_483_647]], doubled: [[2, 4, 4_294_967_294]] },
  uint64: { rows: [[1, 2, 2_147_483_647]], doubled: [[2, 4, 4_294_967_294]] },
  bool: { rows: [[true, false, true]], doubled: [[true, false, true]] },
  string: { rows: [['a', 'ß', '']], doubled: [['a', 'ß', '']] },
};

beforeAll(async () => {
  for (const dtype of Object.keys(VALUES) as DTName[]) doubling(path.join(folder.path, 'models', `twice-${dtype}`, '1'), dtype);
  twoByTwo(path.join(folder.path, 'models', 'two', '1'));
  shares(path.join(folder.path, 'models', 'shares', '1'));
  picky(path.join(folder.path, 'models', 'picky', '1'));
  doubling(path.join(folder.path, 'models', 'fixed', '1'), 'float32', [2, 3]);
  doubling(path.join(folder.path, 'models', 'dynamic', '1'), 'float32', [-1, -1]);
  doubling(path.join(folder.path, 'models', 'bad-bfloat16', '1'), 'bfloat16');
  doubling(path.join(folder.path, 'models', 'bad-complex', '1'), 'complex64');
  unknownOperation(path.join(folder.path, 'models', 'bad-op', '1'));
  writeSavedModel(path.join(folder.path, 'models', 'bad-signature', '1'), { nodes: [{ name: 'x', op: 'Placeholder', attributes: { dtype: attribute.type('float32'), shape: attribute.shape([-1]) } }], inputs: [], outputs: [], signature: 'other' });
  server = await serve({ MODEL_PATH: path.join(folder.path, 'models'), WARMUP_ITERATIONS: '1' });
});
afterAll(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

describe('dtypes of a SavedModel', () => {
  it('are the published ones', () => {
    expect(Object.keys(DTYPE_SUPPORT['saved-model']).sort()).toEqual(Object.keys(VALUES).sort());
  });

  for (const [dtype, { rows, doubled }] of Object.entries(VALUES)) {
    it(`${dtype} goes in and comes out`, async () => {
      const answer = await server.post('/predict', { modelName: `twice-${dtype}`, inputs: rows });
      expect(answer.body).toMatchObject({ predictions: doubled });
    });
  }

  it('refuses int64 that the runtime would truncate', async () => {
    const answer = await server.post('/predict', { modelName: 'twice-int64', inputs: [[1, 2, 2_147_483_648]] });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'invalid_input', errors: [{ path: 'inputs.x', got: '2147483648' }] });
  });

  it('refuses integers out of the range of their dtype, and fractions', async () => {
    for (const [dtype, value] of [['uint8', 256], ['int8', -129], ['int32', 1.5], ['uint32', -1]] as const) {
      const answer = await server.post('/predict', { modelName: `twice-${dtype}`, inputs: [[value, 0, 0]] });
      expect(answer.body).toMatchObject({ code: 'invalid_input', errors: [{ path: 'inputs[0][0]', got: String(value) }] });
    }
  });

  it('takes bytes as {"b64"} and gives bytes that are no text back the same way', async () => {
    const answer = await server.post('/predict', { modelName: 'twice-string', inputs: [[{ b64: 'AP/+' }, 'x', 'y']] });
    expect(answer.body.predictions).toEqual([[{ b64: 'AP/+' }, 'x', 'y']]);
  });

  it.each([
    ['bad-bfloat16', 'UnsupportedDType', /dtype number 14/],
    ['bad-complex', 'UnsupportedDType', /complex64|dtype number 8/],
    ['bad-op', 'UnsupportedOp', /SlipwayHasNoSuchOp/],
    ['bad-signature', 'WrongSignature', /no signature serving_default; it has: other/],
  ])('%s does not load: %s', async (name, reason, message) => {
    const model = server.state().models.find((candidate) => candidate.name === name);
    expect(model).toMatchObject({ phase: 'Failed', reason });
    expect(model?.message).toMatch(message);
    expect((await server.post('/predict', { modelName: name, inputs: [[1]] })).status).toBe(503);
  });
});

describe('shapes', () => {
  it('keeps the alias names of several inputs and outputs', async () => {
    const answer = await server.post('/predict', { modelName: 'two', inputs: { a: [[5, 6]], b: [[1, 2]] } });
    expect(answer.body.predictions).toEqual({ total: [[6, 8]], difference: [[4, 4]] });
  });

  it('names what is missing and what is too much', async () => {
    const answer = await server.post('/predict', { modelName: 'two', inputs: { a: [[5, 6]], c: [[1, 2]] } });
    expect(answer.body.errors.map((error: { path: string }) => error.path)).toEqual(['inputs.b', 'inputs.c']);
  });

  it('runs a fixed batch in pieces and says so when the rows do not divide', async () => {
    const answer = await server.post('/predict', { modelName: 'fixed', inputs: [[1, 1, 1], [2, 2, 2], [3, 3, 3], [4, 4, 4]] });
    expect(answer.body.predictions).toEqual([[2, 2, 2], [4, 4, 4], [6, 6, 6], [8, 8, 8]]);
    expect((await server.post('/predict', { modelName: 'fixed', inputs: [[1, 1, 1]] })).body.errors[0].expected).toContain('multiple of 2 rows');
  });

  it('serves dynamic shapes without warm-up, and says why', async () => {
    const { body } = await server.get('/models');
    const listed = body.models.find((model: { name: string }) => model.name === 'dynamic');
    expect(listed).toMatchObject({ warmup: 'skipped (dynamic shape, add samples)', warmupComplete: true, batching: { enabled: false } });
    expect((await server.post('/predict', { modelName: 'dynamic', inputs: [[1, 2, 3, 4]] })).body.predictions).toEqual([[2, 4, 6, 8]]);
  });

  it('finds out that rows influence each other and keeps calls apart', async () => {
    const { body } = await server.get('/models');
    expect(body.models.find((model: { name: string }) => model.name === 'shares').batching).toEqual({ enabled: false, reason: 'warm-up showed that the rows of a batch influence each other' });
    const answers = await Promise.all([1, 2, 3, 4].map((n) => server.post('/predict', { modelName: 'shares', inputs: [[n, n]] })));
    for (const answer of answers) expect(answer.body.predictions).toEqual([[0.5, 0.5]]);
  });

  it('gives the runtime\'s own words when a run fails, and goes on', async () => {
    const huge = await server.post('/predict', { modelName: 'picky', inputs: [[1, 1]], preprocessing: { scale: 1e-39 } });
    expect(huge).toMatchObject({ status: 500, body: { code: 'inference_failed' } });
    expect((await server.post('/predict', { modelName: 'picky', inputs: [[1, 2]] })).body.predictions).toEqual([[1, 2]]);
  });
});

describe('attribute names', () => {
  it('lists every name that the installed tfjs-node uses', async () => {
    const { ATTRIBUTE_NAMES } = await import('../../server/src/backends/attribute-names.ts');
    const dist = path.join(ROOT, 'node_modules/@tensorflow/tfjs-node/dist');
    const { readdirSync } = await import('node:fs');
    const sources = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) => /^(kernels\/.*|nodejs_kernel_backend|image)\.js$/.test(file));
    const found = new Set(sources.flatMap((file) => [...readFileSync(path.join(dist, file), 'utf8').matchAll(/name: *'(\w+)'|TensorsTypeOpAttr\)?\('(\w+)'/g)].map((match) => match[1] ?? match[2] ?? '')));
    expect([...found].filter((name) => !ATTRIBUTE_NAMES.includes(name))).toEqual([]);
  });
});
