// Predictions are the model's own: what the server answers equals what the files say when TensorFlow runs them directly. Texts become
// the very vectors that training saw. Pictures are their pixels.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tf } from '../../models/training/tensorflow.ts';
import { png } from './support/png.ts';
import { MODELS, serve, type TestServer } from './support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await serve({ MODEL_PATH: MODELS, WARMUP_ITERATIONS: '1', MAX_BATCH_ITEMS: '100000' });
});
afterAll(() => server.close());

type Rows = number[][];
interface Runs {
  predict(input: unknown): unknown;
}

async function directly(name: string, version: string, format: string): Promise<Runs> {
  const folder = path.join(MODELS, name, version);
  if (format === 'saved-model') return tf.node.loadSavedModel(folder);
  const file = `file://${path.join(folder, 'model.json')}`;
  return format === 'tfjs-layers' ? await tf.loadLayersModel(file) : await tf.loadGraphModel(file);
}

const outputOf = (made: unknown): { dataSync(): Float32Array } => (Array.isArray(made) ? made[0] : made) as { dataSync(): Float32Array };

/** The same numbers every time. */
function numbers(count: number, scale: number): number[] {
  return Array.from({ length: count }, (_, index) => ((Math.sin(index * 12.9898) * 43_758.5453) % 1) * scale);
}

describe('predictions equal the model\'s own', () => {
  it.each([['classifier', 'v1', 'tfjs-layers'], ['classifier', 'v2', 'tfjs-graph']])('%s %s (%s)', async (name, version, format) => {
    const rows: Rows = Array.from({ length: 40 }, (_, row) => numbers(200, 5).slice(row * 5, row * 5 + 5));
    const { body } = await server.post('/predict', { modelName: name, modelVersion: version, inputs: rows });
    const own = outputOf((await directly(name, version, format)).predict(tf.tensor2d(rows))).dataSync();
    const got = (body.predictions as Rows).flat();
    expect(got).toHaveLength(120);
    got.forEach((value, index) => { expect(Math.abs(value - (own[index] ?? NaN))).toBeLessThan(1e-6); });
  });

  it.each([['digits', 'v1', 'tfjs-layers'], ['digits', 'v2', 'saved-model']])('%s %s (%s)', async (name, version, format) => {
    const pixels = numbers(3 * 64, 16).map(Math.abs).map(Math.floor);
    const inputs = tf.tensor4d(pixels, [3, 8, 8, 1]);
    const { body } = await server.post('/predict', { modelName: name, modelVersion: version, inputs: inputs.arraySync() });
    const own = outputOf((await directly(name, version, format)).predict(inputs.div(16))).dataSync();
    const got = (body.predictions as Rows).flat();
    expect(got).toHaveLength(30);
    got.forEach((value, index) => { expect(Math.abs(value - (own[index] ?? NaN))).toBeLessThan(1e-6); });
  });

  it('large bodies, parsed and printed in a worker, give the same numbers', async () => {
    const rows: Rows = Array.from({ length: 8_000 }, (_, row) => numbers(5, row % 7));
    const body = JSON.stringify({ modelName: 'classifier', modelVersion: 'v1', inputs: rows });
    expect(body.length).toBeGreaterThan(256 * 1024);
    const large = await server.post('/predict', body);
    expect(large.status).toBe(200);
    expect(large.body.predictions).toHaveLength(8_000);
    for (const at of [0, 31, 32, 4_001, 7_999]) {
      const alone = await server.post('/predict', { modelName: 'classifier', modelVersion: 'v1', inputs: [rows[at]] });
      (large.body.predictions[at] as number[]).forEach((value, index) => { expect(value).toBeCloseTo(alone.body.predictions[0][index], 6); });
    }
    const bad = JSON.stringify({ modelName: 'classifier', inputs: [...rows, [1, 2, 'x', 4, 5]] });
    expect((await server.post('/predict', bad)).body).toMatchObject({ code: 'invalid_input', errors: [{ path: 'inputs[8000][2]' }] });
    const nan = body.replace(/\]\]\}$/, '],[1,2,NaN,4,5]]}');
    expect((await server.post('/predict', nan)).body).toMatchObject({ code: 'data_contract_violation' });
    const batch = await server.post('/v2/batch-predict', { modelName: 'classifier', batch: rows.map((row) => ({ inputs: [row] })) });
    expect(batch.body.results).toHaveLength(8_000);
    expect(batch.body.results[7_999].predictions[0]).toHaveLength(3);
  });
});

describe('text models', () => {
  it.each(['v1', 'v2'])('sentiment %s sees the vectors that training saw', async (version) => {
    const pairs = JSON.parse(readFileSync(path.join(MODELS, 'sentiment', `${version}.vectors.json`), 'utf8')) as [string, unknown[]][];
    expect(pairs).toHaveLength(500);
    using lease = await server.parts.manager.registry.lease({ name: 'sentiment', version, takes: 'text' });
    const { vectorizer, spec } = lease.model;
    if (vectorizer === undefined) throw new Error('no vectorizer');
    for (const [text, expected] of pairs) {
      const row = Array.from(vectorizer.vectorize([text]).data);
      const sparse = Array.isArray(expected[0]) || expected.length === 0 ? row.flatMap((value, id) => (value === 0 ? [] : [[id, value]])) : row;
      expect(sparse.flat(), text).toEqual((expected as number[][]).flat().map((value, index) => expect.closeTo(value, index % 2 === 0 ? 6 : 6)));
    }
    const texts = pairs.map(([text]) => text);
    const { body } = await server.post('/predict', { modelName: 'sentiment', modelVersion: version, text: texts });
    const model = await directly('sentiment', version, 'tfjs-layers');
    const { shape, data, dtype } = vectorizer.vectorize(texts);
    const own = outputOf(model.predict(tf.tensor2d(data as Float32Array, shape, dtype))).dataSync();
    const labels = spec.signature.outputs[0]?.labels ?? [];
    (body.predictions as { probabilities: Record<string, number> }[]).forEach((prediction, row) => {
      labels.forEach((label, at) => { expect(prediction.probabilities[label]).toBeCloseTo(own[row * labels.length + at] ?? NaN, 5); });
    });
  });
});

describe('pictures', () => {
  const pixels = numbers(64, 16).map(Math.abs).map(Math.floor);
  const picture = png(8, 8, pixels);
  const asRows = (): unknown => tf.tensor4d(pixels, [1, 8, 8, 1]).arraySync();

  it.each(['v1', 'v2'])('a PNG body, {"b64"} and its pixels give the same answer (digits %s)', async (version) => {
    const numbersAnswer = await server.post('/predict', { modelName: 'digits', modelVersion: version, inputs: asRows() });
    const raw = await server.post(`/predict?modelName=digits&modelVersion=${version}`, picture, { 'content-type': 'image/png' });
    const b64 = await server.post('/predict', { modelName: 'digits', modelVersion: version, inputs: [{ b64: picture.toString('base64') }] });
    expect(numbersAnswer.status).toBe(200);
    expect(raw.body.predictions).toEqual(numbersAnswer.body.predictions);
    expect(b64.body.predictions).toEqual(numbersAnswer.body.predictions);
  });

  it('needs no name where one model takes pictures', async () => {
    expect((await server.post('/predict', picture, { 'content-type': 'image/png' })).body.predictions).toHaveLength(1);
  });

  it('reads JPEG', async () => {
    const grey = tf.tensor3d(Array.from({ length: 64 }, () => 128), [8, 8, 1], 'int32');
    const jpeg = Buffer.from(await tf.node.encodeJpeg(grey, 'grayscale', 100));
    const answer = await server.post('/predict?modelName=digits', jpeg, { 'content-type': 'image/jpeg' });
    const flat = await server.post('/predict', { modelName: 'digits', inputs: tf.fill([1, 8, 8, 1], 128).arraySync() });
    (answer.body.predictions[0] as number[]).forEach((value, index) => { expect(value).toBeCloseTo(flat.body.predictions[0][index], 2); });
  });

  it('refuses another size by its header, before decoding, and what is no picture', async () => {
    const wide = await server.post('/predict?modelName=digits', png(60_000, 60_000, []), { 'content-type': 'image/png' });
    expect(wide).toMatchObject({ status: 400, body: { errors: [{ expected: '8 x 8 pixels', got: '60000 x 60000 pixels' }] } });
    expect((await server.post('/predict?modelName=digits', 'nothing', { 'content-type': 'image/png' })).status).toBe(400);
    expect((await server.post('/predict?modelName=digits', picture.subarray(0, 50), { 'content-type': 'image/png' })).body.code).toBe('invalid_input');
    expect((await server.post('/predict?modelName=classifier', picture, { 'content-type': 'image/png' })).body.code).toBe('unsupported_media_type');
  });
});
