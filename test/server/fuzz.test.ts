// Whatever comes in, the answer is a good one or a problem with words; never an internal error, and the process stays up.
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODELS, serve, type TestServer } from './support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await serve({ MODEL_PATH: MODELS, WARMUP_ITERATIONS: '1' });
});
afterAll(async () => {
  expect((await server.post('/predict', { modelName: 'classifier', inputs: [[1, 2, 3, 4, 5]] })).status).toBe(200);
  await server.close();
});

const PATHS = ['/predict', '/batch-predict', '/v1/predict', '/v2/predict', '/v2/batch-predict'];
const name = fc.constantFrom('classifier', 'sentiment', 'digits', undefined);
const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(0, -0, 1e308, 5e-324));
const inputs = fc.oneof(fc.array(fc.array(number, { maxLength: 6 }), { maxLength: 4 }), fc.jsonValue({ maxDepth: 4 }), fc.record({ readings: fc.array(fc.array(number, { maxLength: 5 })) }), fc.record({ b64: fc.base64String() }));
const preprocessing = fc.oneof(fc.constant(undefined), fc.record({ scale: number, mean: fc.array(number, { maxLength: 5 }), std: fc.array(number, { maxLength: 5 }), normalize: fc.boolean() }, { requiredKeys: [] }));
const item = fc.record({ inputs, preprocessing, text: fc.oneof(fc.string({ unit: 'grapheme' }), fc.array(fc.string()), fc.constant(undefined)) }, { requiredKeys: [] });
const call = fc.record({ modelName: name, modelVersion: fc.oneof(fc.constantFrom('v1', 'v2', undefined), fc.string(), fc.integer()), inputs, preprocessing, text: fc.oneof(fc.string(), fc.constant(undefined)), maxBatchSize: fc.integer(), batch: fc.array(item, { maxLength: 3 }) }, { requiredKeys: [] });

async function expectWords(at: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<void> {
  const answer = await server.post(at, body, headers);
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(500);
  if (answer.status !== 200) expect(answer.body).toMatchObject({ status: answer.status, code: expect.any(String) as string, detail: expect.any(String) as string });
}

describe('anything at all', () => {
  it('calls of every shape', async () => {
    await fc.assert(fc.asyncProperty(fc.constantFrom(...PATHS), call, (at, body) => expectWords(at, Buffer.from(JSON.stringify(body)))), { numRuns: 400 });
  });

  it('bytes that are no JSON, and JSON that was cut', async () => {
    const cut = fc.tuple(call, fc.nat()).map(([body, at]) => Buffer.from(JSON.stringify(body)).subarray(0, at));
    await fc.assert(fc.asyncProperty(fc.constantFrom(...PATHS), fc.oneof(fc.uint8Array(), cut), (at, body) => expectWords(at, body)), { numRuns: 150 });
  });

  it('bodies packed, packed wrongly, cut', async () => {
    const pack: Record<string, (body: Buffer) => Buffer> = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync, identity: (body) => body };
    const packed = fc.tuple(fc.constantFrom(...Object.keys(pack)), fc.constantFrom(...Object.keys(pack)), fc.oneof(fc.constant(Infinity), fc.nat({ max: 60 })));
    await fc.assert(
      fc.asyncProperty(call, packed, (body, [by, declared, at]) => expectWords('/predict', (pack[by]?.(Buffer.from(JSON.stringify(body))) ?? Buffer.alloc(0)).subarray(0, at), { 'content-encoding': declared })),
      { numRuns: 150 },
    );
  });

  it('headers and queries', async () => {
    const header = fc.stringMatching(/^[\x20-\x7e]{0,40}$/);
    await fc.assert(
      fc.asyncProperty(header, header, header, (version, cookie, id) =>
        expectWords(`/predict?version=${encodeURIComponent(version)}`, Buffer.from('{"modelName":"classifier","inputs":[[1,2,3,4,5]]}'), { 'accept-version': version, cookie, 'x-request-id': id, traceparent: id, 'accept-encoding': cookie }),
      ),
      { numRuns: 100 },
    );
  });
});
