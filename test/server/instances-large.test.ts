// Bodies of KServe V1, TorchServe and the clouds above 256 KiB: read and printed in the body thread, to the byte as if they were small. The
// same numbers make a small body when they are written with few digits and a large one when with many.
import path from 'node:path';
import { cp } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { doubling, twoByTwo } from './support/saved-model.ts';
import { MODELS, serve, temporaryFolder, type TestServer } from './support/server.ts';

const folder = temporaryFolder();
let server: TestServer;

beforeAll(async () => {
  doubling(path.join(folder.path, 'value', '1'), 'float32', [-1, 2]);
  await cp(path.join(MODELS, 'sentiment', 'v1'), path.join(folder.path, 'sentiment', 'v1'), { recursive: true });
  server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1', MAX_BATCH_ITEMS: '200000', V1_DIALECT: 'kserve', AIP_PREDICT_ROUTE: '/vertex' });
}, 240_000);
afterAll(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

interface Sent {
  at: string;
  body: string | Buffer;
  headers?: Record<string, string>;
}

/** Everything of an answer that its protocol defines, and the jobs that the body thread did for it. */
async function send({ at, body, headers = {} }: Sent, to = server): Promise<{ answer: { status: number; type: string | null; text: string }; jobs: string[] }> {
  const asked = vi.spyOn(to.parts.thread, 'ask');
  const answer = await fetch(`${to.url}${at}`, { method: 'POST', body: body as string, headers: { 'content-type': 'application/json', ...headers } });
  const text = await answer.text();
  const jobs = asked.mock.calls.map(([job]) => job);
  asked.mockRestore();
  return { answer: { status: answer.status, type: answer.headers.get('content-type'), text }, jobs };
}

const READ = 'instances.read';
const WRITE = 'instances.write';
const CSV = { 'content-type': 'text/csv', accept: 'text/csv' };

type Row = readonly (number | string)[];
/** Rows of two numbers, each its own. */
const rows = (from: number, count: number): Row[] => Array.from({ length: count }, (_, at) => [from + at, from + at + 0.5]);
const few = (value: number | string): string => JSON.stringify(value);
const many = (value: number | string): string => (typeof value === 'string' ? few(value) : value.toFixed(30));
const list = (given: readonly Row[], digits: typeof few): string => `[${given.map((row) => `[${row.map(digits).join()}]`).join()}]`;
const objects = (given: readonly Row[], digits: typeof few): string => `[${given.map((row) => `{"x":[${row.map(digits).join()}]}`).join()}]`;
const lines = (given: readonly Row[], digits: typeof few): string => given.map((row) => `${row.map(digits).join()}\n`).join('');

const FORM = { 'content-type': 'multipart/form-data; boundary=b' };
const form = (body: string | Buffer): Buffer => Buffer.concat(['--b\r\ncontent-disposition: form-data; name="data"\r\n\r\n', body, '\r\n--b--\r\n'].map((part) => Buffer.from(part as string)));

/** Every protocol and form of body: how it is sent, and how the answers to two halves of the rows are one answer. */
const predictions = (text: string): unknown[] => (JSON.parse(text) as { predictions: unknown[] }).predictions;
const listed = (text: string): unknown[] => JSON.parse(text) as unknown[];
const asPredictions = (a: string, b: string): string => JSON.stringify({ predictions: [...predictions(a), ...predictions(b)] });
const FORMS: [string, (given: readonly Row[], digits: typeof few) => Sent, (a: string, b: string) => string][] = [
  ['KServe V1, instances', (given, digits) => ({ at: '/v1/models/value:predict', body: `{"instances":${list(given, digits)}}` }), asPredictions],
  ['KServe V1, inputs', (given, digits) => ({ at: '/v1/models/value:predict', body: `{"inputs":${list(given, digits)}}` }), asPredictions],
  ['TorchServe, a list', (given, digits) => ({ at: '/predictions/value', body: list(given, digits) }), (a, b) => JSON.stringify([...listed(a), ...listed(b)], null, 2)],
  ['TorchServe, instances in a form', (given, digits) => ({ at: '/predictions/value/1', body: form(`{"instances":${list(given, digits)}}`), headers: FORM }), asPredictions],
  ['SageMaker, CSV', (given, digits) => ({ at: '/invocations', body: lines(given, digits), headers: CSV }), (a, b) => a + b],
  ['SageMaker, JSON', (given, digits) => ({ at: '/invocations', body: `{"instances":${objects(given, digits)}}` }), asPredictions],
  ['Vertex AI', (given, digits) => ({ at: '/vertex', body: `{"instances":${objects(given, digits)},"parameters":{}}` }), asPredictions],
  ['Azure ML, rows', (given, digits) => ({ at: '/score', body: `{"data":${list(given, digits)}}` }), (a, b) => JSON.stringify([...listed(a), ...listed(b)])],
  ['Azure ML, a table', (given, digits) => ({ at: '/score', body: `{"input_data":{"columns":[0,1],"data":${list(given, digits)}}}` }), (a, b) => JSON.stringify([...listed(a), ...listed(b)])],
];

describe.each(FORMS)('%s', (_, sent, joined) => {
  it('is answered as it is in line', async () => {
    const [first, second] = [await send(sent(rows(0, 5000), few)), await send(sent(rows(5000, 5000), few))];
    expect([first.answer.status, first.jobs, second.answer.status, second.jobs]).toEqual([200, [], 200, []]);
    const read = await send(sent(rows(0, 5000), many));
    expect(read.jobs).toEqual([READ]);
    expect(read.answer).toEqual(first.answer);
    const both = await send(sent(rows(0, 10_000), many));
    expect(both.jobs).toEqual([READ, WRITE]);
    expect(both.answer).toEqual({ ...first.answer, text: joined(first.answer.text, second.answer.text) });
  });

  it('is refused in the same words', async () => {
    const wrong = rows(0, 5000).with(4321, [1, 'many']);
    const [small, large] = [await send(sent(wrong, few)), await send(sent(wrong, many))];
    expect([small.jobs, large.jobs]).toEqual([[], [READ]]);
    expect(small.answer).toMatchObject({ status: 400, text: expect.stringContaining('[4321][1]') as string });
    expect(large.answer).toEqual(small.answer);
  });
});

const PAD = ' '.repeat(300_000);

describe('large bodies', () => {
  it.each([
    ['/v1/models/nobody:predict', '{"instances":[[1,2]]}'],
    ['/v1/models/value:predict', '{"rows":[[1,2]]}'],
    ['/v1/models/value:predict', '{"instances":[]}'],
    ['/v1/models/value:explain', '{"instances":[[1,2]]}'],
    ['/predictions/nobody', '['],
    ['/predictions/value/7', '[[1,2]]'],
    ['/vertex', '{"instances":[["never","again"]]}'],
    ['/score', '{"rows":[]}'],
  ])('%s %s: the same refusal', async (at, body) => {
    const [small, large] = [await send({ at, body }), await send({ at, body: body + PAD })];
    expect([small.jobs, large.jobs]).toEqual([[], [READ]]);
    expect(small.answer.status).toBeGreaterThanOrEqual(400);
    expect(large.answer).toEqual(small.answer);
  });

  it('find the one model that takes texts, and say which text is none', async () => {
    const texts = ['a wonderful evening ', 'never again '].map((text) => text.repeat(10));
    const escaped = (text: string): string => `"${[...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;
    const body = (print: (text: string) => string, last = ''): string => `{"instances":[${Array.from({ length: 360 }, (_, at) => print(texts[at % 2] ?? '')).join()}${last}]}`;
    for (const at of ['/vertex', '/invocations', '/score', '/predictions/sentiment', '/v1/models/sentiment:predict']) {
      for (const last of ['', ',7']) {
        const [small, large] = [await send({ at, body: body(few, last) }), await send({ at, body: body(escaped, last) })];
        expect([small.answer.status, small.jobs, large.jobs]).toEqual([last === '' ? 200 : 400, [], [READ]]);
        expect(large.answer).toEqual(small.answer);
      }
    }
  });

  it('leave pictures where they are', async () => {
    const png = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d494844520000000200000002', 'hex'), Buffer.alloc(300_000)]);
    for (const sent of [{ at: '/predictions/value', body: form(png), headers: FORM }, { at: '/predictions/value', body: png }]) {
      const { answer, jobs } = await send(sent);
      expect([answer.status, jobs]).toEqual([415, []]);
    }
  });

  it('that would burst the heap once read are refused', async () => {
    const { answer, jobs } = await send({ at: '/invocations', body: '1\n'.repeat(2_500_000), headers: CSV });
    expect(answer).toMatchObject({ status: 413, text: expect.stringContaining('would take about') as string });
    expect(jobs).toEqual([READ]);
    expect((await send({ at: '/invocations', body: '1,2\n', headers: CSV })).answer).toMatchObject({ status: 200, text: '2,4\n' });
  });

  it('load a model that waits for its first call', async () => {
    using models = temporaryFolder();
    twoByTwo(path.join(models.path, 'pair', '1'));
    await using lazy = await serve({ MODEL_PATH: models.path, WARMUP_ITERATIONS: '1', LAZY_LOAD: 'true' });
    const body = '[{"a":[1,2],"b":[1,1]}]';
    const first = await send({ at: '/invocations', body: body + PAD }, lazy);
    expect([first.answer.status, first.jobs]).toEqual([200, [READ, READ]]);
    expect(await send({ at: '/invocations', body }, lazy)).toEqual({ answer: first.answer, jobs: [] });
  });
});
