// Answers of the native API beyond a size, and what a package's own code makes of outputs: printed in the body thread, to the byte as if
// they were small. What is no number is refused, small or large; protocols that have words for it say it.
import path from 'node:path';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { doubling, twoByTwo } from './support/saved-model.ts';
import { serve, temporaryFolder, type TestServer } from './support/server.ts';

const folder = temporaryFolder();
let server: TestServer;

const at = (...names: string[]): string => path.join(folder.path, ...names);

/** y = x + x with a model.yaml. */
function packaged(name: string, more: string, shape = [-1, 2]): void {
  doubling(at(name, '1'), 'float32', shape);
  writeFileSync(at(name, '1', 'model.yaml'), `apiVersion: modelpackage.slipway.dev/v1\nname: ${name}\nversion: "1"\nformat: saved-model\n${more}`);
}

beforeAll(async () => {
  doubling(at('value', '1'), 'float32', [-1, 2]);
  doubling(at('cube', '1'), 'float64', [-1, 2, 3]);
  doubling(at('long', '1'), 'int64', [-1, 2]);
  doubling(at('yes', '1'), 'bool', [-1, 2]);
  doubling(at('words', '1'), 'string', [-1]);
  twoByTwo(at('pair', '1'));
  packaged('soft', 'postprocessing: [{softmax: {}}]\nuncertainty: entropy\n');
  packaged('sigmoid', 'postprocessing: [{sigmoid: {}}, {threshold: {value: 0.5}}]\n');
  packaged('top', 'postprocessing: [{labels: [a, b]}, {topK: {k: 1}}]\n');
  packaged('labelled', 'postprocessing: [{softmax: {}}, {labels: [no, "y\\"es"]}]\nuncertainty: margin\n');
  packaged('own', 'handlers: {module: handlers.mjs}\n');
  writeFileSync(at('own', '1', 'handlers.mjs'), `
export function postprocess({ y }, { predictions }) {
  const rows = Array.from({ length: y.shape[0] }, (_, row) => ({ sum: y.data[2 * row] + y.data[2 * row + 1], first: predictions[row][0] }));
  return y.data[0] === 14 ? rows.slice(1) : rows;
}`);
  server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1', MAX_BATCH_ITEMS: '200000', ALLOW_HANDLERS: 'true', HANDLER_TIMEOUT_SECONDS: '20', V1_DIALECT: 'kserve' });
}, 240_000);
afterAll(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

/** The answer as text without what differs from call to call, and the jobs that the body thread did for it. */
async function send(where: string, body: unknown, type = 'application/json'): Promise<{ status: number; text: string; jobs: string[] }> {
  const asked = vi.spyOn(server.parts.thread, 'ask');
  const answer = await fetch(`${server.url}${where}`, { method: 'POST', headers: { 'content-type': type, 'x-request-id': 'same' }, body: (typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)) as string });
  const text = (await answer.text()).replace(/"(inference|preprocessing|postprocessing)TimeMs":[\d.e-]+/g, '"$1TimeMs":0');
  const jobs = asked.mock.calls.map(([job]) => job);
  asked.mockRestore();
  return { status: answer.status, text, jobs };
}

const READ = 'native.decode';
const WRITE = 'native.encode';
/** Decimals that need all their digits, whole numbers, zero and less. */
const number = (index: number): number => (index % 3 === 0 ? index : index / 7 - 2);
const FORMS: [string, (row: number) => unknown, number][] = [
  ['value', (row) => [number(row), -number(row)], 2],
  ['cube', (row) => [[1, 2, 3], [number(row), -0, 1e-9]], 6],
  ['long', (row) => [row, -row], 2],
  ['yes', (row) => [row % 2 === 0, true], 2],
  ['words', (row) => `"${String(row)}"\u00e9\\`, 1],
  ['soft', (row) => [number(row % 50), 1], 2],
  ['sigmoid', (row) => [number(row % 50), -1], 2],
  ['top', (row) => [number(row), 1], 2],
  ['labelled', (row) => [number(row % 50), 1], 2],
];

describe.each(FORMS)('%s', (modelName, row, width) => {
  const rows = (from: number, count: number): unknown[] => Array.from({ length: count }, (_, index) => row(from + index));
  it.each(['/v1/predict', '/v2/predict'])('%s: an answer of many rows is the answers of few, one after the other', async (where) => {
    const half = Math.ceil(10_000 / width);
    const parts = await Promise.all([0, half].map((from) => send(where, { modelName, inputs: rows(from, half) })));
    const whole = await send(where, { modelName, inputs: rows(0, 2 * half) });
    expect(parts.map(({ status }) => status)).toEqual([200, 200]);
    expect([parts.some(({ jobs }) => jobs.includes(WRITE)), whole.jobs.includes(WRITE)]).toEqual([false, true]);
    const [first, second] = parts.map(({ text }) => JSON.parse(text));
    const joined = { ...first, predictions: [...first.predictions, ...second.predictions] };
    if (Array.isArray(first.uncertainty)) joined.uncertainty = [...first.uncertainty, ...second.uncertainty];
    expect(whole.text === JSON.stringify(joined)).toBe(true);
  });
});

describe('large answers', () => {
  it('of several outputs are an object of lists', async () => {
    const inputs = (count: number): object => ({ a: Array.from({ length: count }, (_, row) => [number(row), 1]), b: Array.from({ length: count }, () => [0.1, 2]) });
    const [few, many] = [await send('/predict', { modelName: 'pair', inputs: inputs(3) }), await send('/predict', { modelName: 'pair', inputs: inputs(8000) })];
    expect([few.jobs.includes(WRITE), many.jobs.includes(WRITE)]).toEqual([false, true]);
    const [small, large] = [JSON.parse(few.text), JSON.parse(many.text)];
    for (const output of ['total', 'difference']) large.predictions[output].length = 3;
    expect(JSON.stringify(large)).toBe(JSON.stringify(small));
  });

  it('of a batch are the answers of its items', async () => {
    const item = (from: number): unknown => ({ inputs: Array.from({ length: 5000 }, (_, row) => [number(from + row), 0.1]) });
    const alone = await Promise.all([0, 9].map((from) => send('/v2/predict', { modelName: 'value', ...(item(from) as object) })));
    const both = await send('/v2/batch-predict', { modelName: 'value', maxBatchSize: 32, batch: [item(0), item(9)] });
    expect([alone.flatMap(({ jobs }) => jobs).includes(WRITE), both.jobs.includes(WRITE)]).toEqual([false, true]);
    expect(both.text === `{"results":[${alone.map(({ text }) => text).join(',')}]}`).toBe(true);
  });
});

describe("what a package's code makes", () => {
  const inputs = (count: number, first = 1): unknown => Array.from({ length: count }, (_, row) => [row === 0 ? first : number(row), 1]);

  it('is printed in the body thread when it is large', async () => {
    const [few, many] = [await send('/predict', { modelName: 'own', inputs: inputs(3) }), await send('/predict', { modelName: 'own', inputs: inputs(5000) })];
    expect([few.jobs, many.jobs.includes(WRITE)]).toEqual([[], true]);
    expect(many.text.startsWith(few.text.slice(0, few.text.indexOf(']')))).toBe(true);
    const { predictions } = JSON.parse(many.text);
    expect([predictions.length, predictions[3]]).toEqual([5000, { sum: 8, first: 6 }]);
    const kserve = await send('/v1/models/own:predict', { instances: inputs(5000) });
    expect([kserve.jobs.includes('instances.write'), (JSON.parse(kserve.text)).predictions]).toEqual([true, predictions]);
  });

  it.each([3, 5000])('of %i rows is refused where a row has none', async (count) => {
    const { status, text } = await send('/predict', { modelName: 'own', inputs: inputs(count, 7) });
    expect([status, JSON.parse(text).detail]).toEqual([500, `The postprocess handler of the package failed: expected a list of ${String(count)}, one for each row, got a list of ${String(count - 1)}.`]);
  });
});

describe('what is no number', () => {
  /** Doubled, the last element is beyond float32. */
  const overflowing = (count: number): number[][] => Array.from({ length: count }, (_, row) => (row === count - 1 ? [1, 3e38] : [1, 2]));

  it.each([1, 20_000])('is refused by the native API and the loose protocols, naming the place (%i rows)', async (count) => {
    const refusal = `outputs.y[${String(count - 1)}][1]`;
    const native = await send('/predict', { modelName: 'value', inputs: overflowing(count) });
    expect([native.status, JSON.parse(native.text)]).toMatchObject([500, { code: 'inference_failed', errors: [{ path: refusal, expected: 'a finite number', got: 'Infinity' }] }]);
    const batch = await send('/batch-predict', { modelName: 'value', maxBatchSize: 32, batch: [{ inputs: [[1, 2]] }, { inputs: overflowing(count) }] });
    expect([batch.status, (JSON.parse(batch.text)).errors[0].path]).toEqual([500, `batch[1].${refusal}`]);
    for (const [where, body] of [['/v1/models/value:predict', { instances: overflowing(count) }], ['/predictions/value', overflowing(count)]] as const) {
      const loose = await send(where, body);
      expect([loose.status, loose.text.includes(`${refusal} is Infinity`)]).toEqual([500, true]);
    }
  });

  it('is told by the protocols that have words for it', async () => {
    const v2 = await send('/v2/models/value/infer', { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [-3e38, 3e38] }] });
    expect([v2.status, v2.text.includes('"data":[-Infinity,Infinity]')]).toEqual([200, true]);
  });

  it('is a number again after a sigmoid, and none after a softmax', async () => {
    expect(JSON.parse((await send('/predict', { modelName: 'sigmoid', inputs: [[3e38, -3e38]] })).text)).toMatchObject({ predictions: [[true, false]] });
    expect(await send('/predict', { modelName: 'soft', inputs: [[3e38, 1]] })).toMatchObject({ status: 500 });
    expect(await send('/predict', { modelName: 'labelled', inputs: [[3e38, 1]] })).toMatchObject({ status: 500 });
  });
});

describe('a byte order mark', () => {
  const PAD = ' '.repeat(300_000);
  it('before a body is refused in every size', async () => {
    const [small, large] = [await send('/predict', '\ufeff{"modelName":"value","inputs":[[1,2]]}'), await send('/predict', `\ufeff{"modelName":"value","inputs":[[1,2]]${PAD}}`)];
    expect([small.status, small.jobs, large.status, large.jobs]).toEqual([400, [], 400, [READ]]);
  });

  it('that begins a text in base64 belongs to it', async () => {
    const b64 = Buffer.from('\ufeffword').toString('base64');
    const { text } = await send('/predict', { modelName: 'words', inputs: [{ b64 }, '\ufeffword'] });
    expect((JSON.parse(text)).predictions).toEqual(['\ufeffword', '\ufeffword']);
  });
});

describe('refusals of large bodies', () => {
  const PAD = ' '.repeat(300_000);
  it.each([
    ['native', '/predict', `{"modelName":"value","inputs":[[1,"x"]]${PAD}}`],
    ['native', '/predict', '{"modelName":"value","inputs":[[1,"x"]]}'],
    ['v2', '/v2/models/value/infer', `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,"x"]}]${PAD}}`],
    ['kserve-v1', '/v1/models/value:predict', `{"instances":[[1,"x"]]${PAD}}`],
    ['torchserve', '/predictions/value', `[[1,"x"]]${PAD}`],
  ])('are counted under their model: %s %s', async (protocol, where, body) => {
    const counted = async (): Promise<number> => {
      const { text } = await server.parts.metrics.prometheus();
      const own = text.split('\n').filter((line) => line.startsWith('slipway_server_requests_total{') && line.includes(`protocol="${protocol}"`) && line.includes('model="value"') && line.includes('code="400"'));
      return own.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    };
    const before = await counted();
    expect((await send(where, body)).status).toBe(400);
    expect(await counted()).toBe(before + 1);
  });
});
