// A package's own preprocess and postprocess code, run for real: what it may do, what ends it, and that nothing else notices.
import { execFile } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { doubling } from './support/saved-model.ts';
import { MODELS, ROOT, serve, temporaryFolder, until, type TestServer } from './support/server.ts';

const ALLOWED = { WARMUP_ITERATIONS: '1', ALLOW_HANDLERS: 'true', HANDLER_TIMEOUT_SECONDS: '2' };

const DECLARED = 'handlers: {module: handlers.mjs}\n';

/** A package of y = x + x over [-1,2] with this module; `sample` is its warm-up request. */
function packageWith(folder: string, code: string, sample?: object, declared = DECLARED): void {
  doubling(folder, 'float32', [-1, 2]);
  writeFileSync(path.join(folder, 'handlers.mjs'), code);
  if (sample !== undefined) writeFileSync(path.join(folder, 'sample.json'), JSON.stringify(sample));
  const samples = sample === undefined ? '' : 'samples: [{request: sample.json}]\n';
  writeFileSync(path.join(folder, 'model.yaml'), `apiVersion: modelpackage.slipway.dev/v1\nname: ${path.basename(folder)}\nversion: "1"\nformat: saved-model\n${declared}${samples}`);
}

/** Reads {width, height} objects; answers with words. */
const WORDS = `
export function preprocess(request) {
  if (!Array.isArray(request.inputs)) throw new Error('send a list of {width, height}');
  return { inputs: request.inputs.map(({ width, height }) => [width, height]) };
}
export function postprocess(outputs, { predictions }) {
  const { shape, data } = outputs.y;
  return Array.from({ length: shape[0] }, (_, row) => ({ area: data[row * 2] * data[row * 2 + 1], raw: predictions[row] }));
}`;

/** What it does is in the request. */
const ON_DEMAND = `
let kept = [];
export function preprocess({ inputs }) {
  const [first] = inputs;
  if (first === 'forever') for (;;) ;
  if (first === 'memory') for (;;) kept.push(new Array(100000).fill(Math.random()));
  if (first === 'refuse') throw new Error('only even numbers');
  if (first === 'bug') return { inputs: nothing.at.all };
  if (first === 'nothing') return undefined;
  if (first === 'function') return { tensors: { x: { shape: [1, 2], data: () => 1 } } };
  if (first === 'doubles') return { tensors: { x: { shape: [1, 2], data: Float64Array.of(1, 2) } } };
  if (first === 'short') return { tensors: { x: { shape: [2, 2], data: Float32Array.of(1, 2) } } };
  if (first === 'tensors') return { tensors: { x: { shape: [1, 2], data: Float32Array.of(4, 5) } } };
  if (first === 'huge') return { inputs: 'x'.repeat(5_000_000) };
  if (first === 'dlopen') return process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libc.so.6');
  if (first === 'reach') return { inputs: [[typeof process === 'undefined' ? 1 : 0, typeof fetch === 'undefined' ? 1 : 0]] };
  return { inputs };
}
export function postprocess(outputs, { predictions }) {
  if (predictions[0][0] === 2e6) return ['one', 'too many'];
  if (predictions[0][0] === 4e6) throw new Error('no words for this');
  if (predictions[0][0] === 6e6) for (;;) ;
  return predictions;
}`;

/** Takes texts with HTML tags. */
const UNTAGGED = `
const plain = (text) => text.replaceAll(/<[^>]*>/g, ' ');
export function preprocess({ text }) {
  return { text: Array.isArray(text) ? text.map(plain) : plain(text) };
}
export function postprocess(outputs, { predictions }) {
  return predictions.map((prediction) => ({ ...prediction, rows: predictions.length }));
}`;

/** Batches that ran so far, and their rows. */
async function batches(server: TestServer): Promise<{ count: number; rows: number }> {
  const { text } = await server.parts.metrics.prometheus();
  const sum = (what: string): number => [...text.matchAll(new RegExp(`^slipway_server_batch_size_${what}\\{[^}]*\\} (\\S+)$`, 'gm'))].reduce((all, [, value]) => all + Number(value), 0);
  return { count: sum('count'), rows: sum('sum') };
}

const call = (server: TestServer, modelName: string, inputs: unknown): ReturnType<TestServer['post']> => server.post('/predict', { modelName, inputs });

describe('handlers', () => {
  it('change what a caller sends and gets, in every protocol that answers with predictions, and are warmed by the samples', async () => {
    using folder = temporaryFolder();
    packageWith(path.join(folder.path, 'boxes'), WORDS, { inputs: [{ width: 1, height: 2 }] });
    await using server = await serve({ ...ALLOWED, MODEL_PATH: folder.path, V1_DIALECT: 'kserve' });
    expect(server.state()).toMatchObject({ phase: 'Ready' });
    expect((await server.get('/models')).body.models).toMatchObject([{ handlers: ['preprocess', 'postprocess'], warmup: '1 samples' }]);
    const boxes = [{ width: 1, height: 2 }, { width: 3, height: 4 }];
    const words = [{ area: 8, raw: [2, 4] }, { area: 48, raw: [6, 8] }];
    expect(await call(server, 'boxes', boxes)).toMatchObject({ status: 200, body: { predictions: words } });
    expect(await server.post('/v2/predict', { modelName: 'boxes', inputs: boxes })).toMatchObject({ status: 200, body: { predictions: words } });
    expect(await server.post('/batch-predict', { modelName: 'boxes', maxBatchSize: 1, batch: boxes.map((box) => ({ inputs: [box] })) })).toMatchObject({ status: 200, body: { results: words.map((word) => ({ predictions: [word] })) } });
    expect(await server.post('/v1/models/boxes:predict', { instances: boxes })).toMatchObject({ status: 200, body: { predictions: words } });
    expect(await server.post('/invocations', { instances: boxes })).toMatchObject({ status: 200, body: { predictions: words } });
    const v2 = await server.post('/v2/models/boxes/infer', { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] });
    expect(v2, 'tensor protocols speak the model\'s own tensors').toMatchObject({ status: 200, body: { outputs: [{ data: [2, 4] }] } });
    expect(await call(server, 'boxes', 'one')).toMatchObject({ status: 400, body: { code: 'invalid_input', detail: 'send a list of {width, height}' } });
    const many = Array.from({ length: 9_000 }, (_, width) => ({ width, height: 1 }));
    expect((await server.post('/predict', { modelName: 'boxes', inputs: many })).body.predictions).toHaveLength(9000);
    const answers = await Promise.all(Array.from({ length: 40 }, (_, width) => call(server, 'boxes', [{ width, height: 1 }])));
    expect(answers.map((answer) => (answer.body.predictions as { area: number }[])[0]?.area)).toEqual(answers.map((_, width) => width * 4));
  });

  it('that fail are told by a fixed rule; ones that never end are ended, and nothing else notices', async () => {
    using folder = temporaryFolder();
    packageWith(path.join(folder.path, 'hostile'), ON_DEMAND);
    doubling(path.join(folder.path, 'other', '1'), 'float32', [-1, 2]);
    await using server = await serve({ ...ALLOWED, MODEL_PATH: folder.path });
    const told = async (inputs: unknown): Promise<[number, string, string]> => {
      const { status, body } = await call(server, 'hostile', inputs);
      return [status, body.code as string, body.detail as string];
    };
    expect((await told([[1, 2]]))[0]).toBe(200);
    expect(await told(['refuse'])).toEqual([400, 'invalid_input', 'only even numbers']);
    expect(await told(['bug'])).toEqual([500, 'inference_failed', expect.stringContaining('ReferenceError: nothing is not defined')]);
    expect(await told(['nothing'])).toEqual([500, 'inference_failed', expect.stringContaining('expected an object with one of inputs, text, pictures, tensors, got undefined')]);
    expect(await told(['function'])).toEqual([500, 'inference_failed', expect.stringContaining('cannot be copied')]);
    expect(await told(['doubles'])).toEqual([500, 'inference_failed', expect.stringContaining('expected data of x as Float32Array, got Float64Array')]);
    expect(await told(['short'])).toEqual([500, 'inference_failed', expect.stringContaining('expected 4 elements of x by its shape [2,2], got 2')]);
    expect((await call(server, 'hostile', ['tensors'])).body.predictions).toEqual([[8, 10]]);
    expect(await told(['huge'])).toEqual([500, 'inference_failed', expect.stringMatching(/expected at most \d+ characters of JSON, got \d+/)]);
    expect(await told(['dlopen'])).toEqual([500, 'inference_failed', expect.stringContaining('process is not defined')]);
    expect((await call(server, 'hostile', ['reach'])).body.predictions).toEqual([[2, 2]]);
    expect(await told([[1e6, 0]])).toEqual([500, 'inference_failed', expect.stringContaining('expected a list of 1, one for each row, got a list of 2')]);
    expect(await told([[2e6, 0]])).toEqual([500, 'inference_failed', expect.stringContaining('no words for this')]);
    const others = Array.from({ length: 10 }, () => call(server, 'other', [[1, 2]]));
    const [endless, bomb] = [told(['forever']), told(['memory'])];
    expect((await Promise.all(others)).map((answer) => answer.status)).toEqual(others.map(() => 200));
    expect(await endless).toEqual([504, 'deadline_exceeded', expect.stringMatching(/preprocess handler of the package did not end within \d+ ms/)]);
    const [status, code] = await bomb;
    expect([`500 inference_failed`, `504 deadline_exceeded`]).toContain(`${String(status)} ${code}`);
    expect((await told([[3e6, 0]])).slice(0, 2)).toEqual([504, 'deadline_exceeded']);
    expect(await call(server, 'hostile', [[1, 2]]), 'a new thread').toMatchObject({ status: 200, body: { predictions: [[2, 4]] } });
    const { text } = await server.parts.metrics.prometheus();
    expect(text).toContain('slipway_server_handler_timeouts_total{model="hostile",version="1",handler="preprocess"}');
    expect(text).toContain('slipway_server_handler_timeouts_total{model="hostile",version="1",handler="postprocess"} 1');
  });

  it('run out of their own memory, not the server\'s', async () => {
    using folder = temporaryFolder();
    packageWith(path.join(folder.path, 'hostile'), ON_DEMAND);
    await using server = await serve({ ...ALLOWED, MODEL_PATH: folder.path, HANDLER_TIMEOUT_SECONDS: '50', HANDLER_HEAP_MB: '16' });
    expect(await call(server, 'hostile', ['memory'])).toMatchObject({ status: 500, body: { code: 'inference_failed', detail: expect.stringContaining('memory limit') as string } });
    expect(await call(server, 'hostile', [[1, 2]])).toMatchObject({ status: 200 });
  });
});

describe('docs/handlers.md', () => {
  it('the example does what is printed there, as it is printed', async () => {
    const page = readFileSync(path.join(ROOT, 'docs/handlers.md'), 'utf8');
    const [declared = '', code = '', shell = ''] = ['yaml', 'js', 'sh'].map((language) => new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)?.[1]);
    using folder = temporaryFolder();
    packageWith(path.join(folder.path, 'boxes'), code, undefined, declared);
    await using server = await serve({ ...ALLOWED, MODEL_PATH: folder.path });
    const { stdout } = await promisify(execFile)('bash', ['-o', 'pipefail', '-c', shell.replace('http://127.0.0.1:3000', server.url)]);
    expect([stdout.trim()]).toEqual([...shell.matchAll(/^# => (.*)$/gm)].map(([, printed]) => printed));
    expect(await call(server, 'boxes', 'one'), 'its own words').toMatchObject({ status: 400, body: { detail: 'send a list of {width, height}' } });
  });
});

/** Rows of the calls that wait for each other; all of them are one preferred batch. */
const ROWS = [1, 2, 3, 1, 2, 3];
const ALL_ROWS = ROWS.reduce((sum, rows) => sum + rows, 0);
const TOGETHER = { ...ALLOWED, BATCH_MAX_DELAY_MS: '600000', BATCH_PREFERRED_SIZES: String(ALL_ROWS), REQUEST_TIMEOUT_SECONDS: '60' };

describe('different calls that run in one batch', () => {
  it('each go through the handlers alone', async () => {
    using folder = temporaryFolder();
    packageWith(path.join(folder.path, 'boxes'), WORDS);
    await using server = await serve({ ...TOGETHER, MODEL_PATH: folder.path });
    const before = await batches(server);
    const boxes = ROWS.map((rows, index) => Array.from({ length: rows }, (_, row) => ({ width: 10 * index + 1, height: row + 1 })));
    const answers = await Promise.all(boxes.map((some) => call(server, 'boxes', some)));
    expect(answers.map(({ body }) => body.predictions)).toEqual(boxes.map((some) => some.map(({ width, height }) => ({ area: 4 * width * height, raw: [2 * width, 2 * height] }))));
    expect(await batches(server)).toEqual({ count: before.count + 1, rows: before.rows + ALL_ROWS });
  });

  it('of texts too, with the words of the bare model', async () => {
    using folder = temporaryFolder();
    const sentiment = path.join(MODELS, 'sentiment', 'v2');
    cpSync(sentiment, folder.path, { recursive: true });
    writeFileSync(path.join(folder.path, 'handlers.mjs'), UNTAGGED);
    appendFileSync(path.join(folder.path, 'model.yaml'), DECLARED);
    await using bare = await serve({ MODEL_PATH: sentiment, WARMUP_ITERATIONS: '1' });
    await using server = await serve({ ...TOGETHER, MODEL_PATH: folder.path });
    const texts = ROWS.map((rows, index) => Array.from({ length: rows }, (_, row) => `${row % 2 === 0 ? 'a quiet and wonderful' : 'a dull and awful'} <b>film</b> number ${String(index)}`));
    const expected = await Promise.all(texts.map((some) => bare.post('/predict', { text: some.map((text) => text.replaceAll(/<[^>]*>/g, ' ')) })));
    const before = await batches(server);
    const answers = await Promise.all(texts.map((text) => server.post('/predict', { text })));
    expect(await batches(server)).toEqual({ count: before.count + 1, rows: before.rows + ALL_ROWS });
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    for (const [index, { body }] of answers.entries()) {
      const own = expected[index]?.body.predictions as { prediction: string; score: number }[];
      expect(own).toHaveLength(ROWS[index] ?? 0);
      expect(body.predictions).toMatchObject(own.map(({ prediction, score }) => ({ prediction, score: expect.closeTo(score, 5) as number, rows: own.length })));
    }
  });
});

describe('a package whose handlers cannot be used is not loaded', () => {
  it.each([
    ['not allowed', WORDS, { ALLOW_HANDLERS: 'false' }, /spec\.model\.allowHandlers: true \(ALLOW_HANDLERS=true/],
    ['Node\'s modules', "import { createRequire } from 'node:module';\nexport const preprocess = (request) => createRequire(import.meta.url)('./x.node');", {}, /a handler imports node:module; it may import other \.mjs files/],
    ['other packages', "import * as tf from '@tensorflow/tfjs-node';\nexport const preprocess = () => tf;", {}, /a handler imports @tensorflow\/tfjs-node/],
    ['files outside the package', "export * from '../outside.mjs';", {}, /inside its package only/],
    ['no handlers', 'export const other = 1;', {}, /exports neither preprocess nor postprocess/],
    ['no function', 'export const preprocess = 1;', {}, /preprocess is exported, but is no function/],
    ['bad JavaScript', 'export function preprocess( {', {}, /handlers\.mjs/],
    ['a sample that it refuses', "export function preprocess() { throw new Error('not this one'); }", {}, /sample\.json: not this one/],
  ])('%s', async (_what, code, env, reason) => {
    using folder = temporaryFolder();
    mkdirSync(path.join(folder.path, 'models'));
    writeFileSync(path.join(folder.path, 'models', 'outside.mjs'), 'export const preprocess = (request) => request;');
    packageWith(path.join(folder.path, 'models', 'it'), code, { inputs: [[1, 2]] });
    await using server = await serve({ ...ALLOWED, MODEL_PATH: path.join(folder.path, 'models'), ...env });
    expect(server.state().models).toMatchObject([{ phase: 'Failed', reason: 'PackageInvalid', message: expect.stringMatching(reason) as string }]);
    await until(() => server.parts.pool.workers().length, (count) => count <= 1);
  });
});
