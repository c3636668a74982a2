// TensorFlow Serving's REST bodies above 256 KiB: read and printed in the body thread, to the byte as if they were small.
import path from 'node:path';
import { cp } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Tensor } from '../../server/src/inference/tensor.ts';
import { encodePredict } from '../../server/src/protocols/tfserving/predict-response.ts';
import { doubling } from './support/saved-model.ts';
import { MODELS, serve, temporaryFolder, type TestServer } from './support/server.ts';

const folder = temporaryFolder();
let server: TestServer;

beforeAll(async () => {
  doubling(path.join(folder.path, 'value', '1'), 'float32', [-1, 2]);
  doubling(path.join(folder.path, 'long', '3'), 'int64', [-1]);
  await cp(path.join(MODELS, 'classifier', 'v2'), path.join(folder.path, 'classifier', 'v2'), { recursive: true });
  server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1', MAX_BATCH_ITEMS: '200000' });
}, 240_000);
afterAll(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

/** The answer, and the jobs that the body thread did for it. */
async function send(at: string, body: string): Promise<{ status: number; text: string; jobs: string[] }> {
  const asked = vi.spyOn(server.parts.thread, 'ask');
  const answer = await fetch(`${server.url}/v1/models/${at}`, { method: 'POST', body });
  const text = await answer.text();
  const jobs = asked.mock.calls.map(([job]) => job);
  asked.mockRestore();
  return { status: answer.status, text, jobs };
}

describe('large bodies', () => {
  it.each([
    ['row', (rows: string) => `{"instances":[${rows}]}`],
    ['columnar', (rows: string) => `{"inputs":[${rows}]}`],
  ] as const)('%s: as they would be printed here', async (format, body) => {
    const count = 40_000;
    const row = '[0.1,NaN]';
    const [small, large] = [await send('value:predict', body(row)), await send('value:predict', body(Array.from({ length: count }, () => row).join()))];
    expect([small.status, small.jobs, large.status, large.jobs]).toEqual([200, [], 200, ['tfserving.read', 'tfserving.write']]);
    const outputs = (rows: number): Tensor[] => [{ name: 'y', dtype: 'float32', shape: [rows, 2], data: Float32Array.from({ length: rows * 2 }, (_, at) => (at % 2 === 0 ? 0.2 : NaN)) }];
    expect(small.text).toBe(encodePredict(outputs(1), format));
    expect(large.text === encodePredict(outputs(count), format)).toBe(true);
  });

  it('keep every digit of an int64, and examples their kinds', async () => {
    const values = Array.from({ length: 30_000 }, (_, index) => String(2_000_000_000 - index));
    const long = await send('long:predict', `{"instances":[${values.join()}]}`);
    expect(long).toMatchObject({ status: 200, jobs: ['tfserving.read', 'tfserving.write'] });
    expect((JSON.parse(long.text) as { predictions: number[] }).predictions.slice(0, 2)).toEqual([4_000_000_000, 3_999_999_998]);
    const example = '{"temperature":1.5,"vibration":2,"pressure":3.5,"current":4,"noise":5}';
    const examples = (count: number): string => `{"examples":[${Array.from({ length: count }, () => example).join()}]}`;
    const [one, many] = [await send('classifier:classify', examples(1)), await send('classifier:classify', examples(6000))];
    expect([one.status, one.jobs, many.status, many.jobs]).toEqual([200, [], 200, ['tfserving.read', 'tfserving.write']]);
    // A row alone and a row among others go through different kernels, whose last digits differ on some CPUs.
    const rounded = ({ text }: { text: string }): unknown => (JSON.parse(text) as { results: [string, number][][] }).results.at(-1)?.map(([label, score]) => [label, score.toFixed(6)]);
    expect(rounded(many)).toEqual(rounded(one));
  });

  it('that are wrong are refused in the same words', async () => {
    const wrong = (count: number): string => `{"instances":[${Array.from({ length: count }, () => '[1,2]').join()},[1]]}`;
    const large = await send('value:predict', wrong(60_000));
    expect([large.status, large.jobs]).toEqual([400, ['tfserving.read']]);
    expect(large.text).toBe((await send('value:predict', wrong(1))).text.replace('element: 1 of', 'element: 60000 of'));
    expect((await send('value:predict', `{"instances":[[1,2]]${' '.repeat(300_000)}`)).text).toContain('JSON Parse error');
  });
});
