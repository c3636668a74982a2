// Bodies that take much more memory once read than their bytes: admitted against the memory budget by what they will take, before they are
// read, on every protocol.
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { messagesOf } from '../../server/src/protocols/grpc/messages.ts';
import { MESSAGES } from '../../server/src/protocols/tfserving/grpc-messages.ts';
import { V2_PROTO } from '../../server/src/protocols/v2/proto.ts';
import { leaving } from './support/memory.ts';
import { doubling } from './support/saved-model.ts';
import { serve, temporaryFolder, until, type Loose, type TestServer } from './support/server.ts';

const folder = temporaryFolder();
let server: TestServer;
let client: grpc.Client;

beforeAll(async () => {
  doubling(path.join(folder.path, 'string', '1'), 'string', [-1]);
  doubling(path.join(folder.path, 'value', '1'), 'float32', [-1]);
  server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1', MAX_BATCH_ITEMS: '2000000', MAX_BATCH_SIZE: '2000000', AIP_PREDICT_ROUTE: '/vertex' });
  client = new grpc.Client(`127.0.0.1:${String(server.port)}`, grpc.credentials.createInsecure());
}, 240_000);
afterAll(async () => {
  client.close();
  await server.close();
  folder[Symbol.dispose]();
});

/** Their bytes are admitted where 10 MB are left, four times over; the strings take more. */
const COUNT = 400_000;
const LEFT = 10_000_000;
const list = `[${Array.from({ length: COUNT }, () => '"a"').join()}]`;
const texts = Array.from({ length: COUNT / 4 }, () => Buffer.from('a'));

const post = (at: string, body: string, type: string) => async (): Promise<{ status: unknown; text: string }> => {
  const answer = await fetch(`${server.url}${at}`, { method: 'POST', body, headers: { 'content-type': type } });
  return { status: answer.status, text: await answer.text() };
};

const send = (method: string, message: Uint8Array, over = (): grpc.Client => client) => (): Promise<{ status: unknown; text: string }> =>
  new Promise((resolve) => {
    over().makeUnaryRequest(method, (given: Buffer) => given, (given: Buffer) => given, Buffer.from(message), (error: grpc.ServiceError | null) => {
      resolve({ status: error?.code ?? grpc.status.OK, text: error?.details ?? '' });
    });
  });

const typed = messagesOf(V2_PROTO)<Loose>('inference.ModelInferRequest').encode({ model_name: 'string', inputs: [{ name: 'x', datatype: 'BYTES', shape: [texts.length], contents: { bytes_contents: texts } }] });
const proto = MESSAGES.predictRequest.encode({ model_spec: { name: 'string' }, inputs: { x: { dtype: 7, tensor_shape: { dim: [{ size: texts.length }] }, string_val: texts } }, output_filter: [] });

describe.each([
  ['the native API', post('/predict', `{"modelName":"string","inputs":${list}}`, 'application/json')],
  ['V2 over HTTP', post('/v2/models/string/infer', `{"inputs":[{"name":"x","datatype":"BYTES","shape":[${String(COUNT)}],"data":${list}}]}`, 'application/json')],
  ["TensorFlow Serving's REST", post('/v1/models/string:predict', `{"instances":${list}}`, 'application/json')],
  ['TorchServe', post('/predictions/string', list, 'application/json')],
  ['SageMaker', post('/invocations', `{"instances":${list}}`, 'application/json')],
  ['SageMaker, CSV', post('/invocations', 'a\n'.repeat(COUNT), 'text/csv')],
  ['Vertex AI', post('/vertex', `{"instances":${list}}`, 'application/json')],
  ['Azure ML', post('/score', `{"data":${list}}`, 'application/json')],
  ['V2 over gRPC, typed', send('/inference.GRPCInferenceService/ModelInfer', typed)],
  ["TensorFlow Serving's gRPC", send('/tensorflow.serving.PredictionService/Predict', proto)],
])('%s: many short strings', (_, call) => {
  it('are refused by estimate where they would not fit, and nothing stays set aside', async () => {
    const before = server.parts.memory.reserved;
    {
      using _left = leaving(server, LEFT);
      using predict = vi.spyOn(server.parts.engine, 'predict');
      expect(await call()).toMatchObject({ status: expect.toBeOneOf([503, grpc.status.UNAVAILABLE]), text: expect.stringMatching(/The call needs about .* MiB; calls under way hold/) as string });
      expect(predict).not.toHaveBeenCalled(); // its estimate comes when the strings are there
    }
    await until(() => server.parts.memory.reserved, (reserved) => reserved === before);
    expect((await call()).text).not.toContain('The call needs about');
    await until(() => server.parts.memory.reserved, (reserved) => reserved === before);
  });
});

describe('a body that does not say its size', () => {
  const bytes = Buffer.alloc(6_000_000);
  const asked: [string, { body: unknown; headers: Record<string, string> }][] = [
    ['compressed', { body: gzipSync(bytes), headers: { 'content-encoding': 'gzip' } }],
    ['chunked', { body: new Blob([bytes]).stream(), headers: {} }],
  ];

  it.each(asked)('%s: is refused by what has come of it', async (_, { body, headers }) => {
    const before = server.parts.memory.reserved;
    {
      using _left = leaving(server, LEFT);
      using predict = vi.spyOn(server.parts.engine, 'predict');
      const answer = await fetch(`${server.url}/predict?modelName=value`, { method: 'POST', body, duplex: 'half', headers: { 'content-type': 'application/octet-stream', ...headers } } as RequestInit);
      expect({ status: answer.status, text: await answer.text() }).toMatchObject({ status: 503, text: expect.stringContaining('memory_exhausted') });
      expect(predict).not.toHaveBeenCalled();
    }
    await until(() => server.parts.memory.reserved, (reserved) => reserved === before);
  });

  it('a compressed message is refused by what came out of it', async () => {
    const zipping = new grpc.Client(`127.0.0.1:${String(server.port)}`, grpc.credentials.createInsecure(), { 'grpc.default_compression_algorithm': 2 });
    const message = messagesOf(V2_PROTO)<Loose>('inference.ModelInferRequest').encode({ model_name: 'value', inputs: [{ name: 'x', datatype: 'FP32', shape: [bytes.byteLength / 4] }], raw_input_contents: [bytes] });
    using _left = leaving(server, LEFT);
    using predict = vi.spyOn(server.parts.engine, 'predict');
    expect(await send('/inference.GRPCInferenceService/ModelInfer', message, () => zipping)()).toMatchObject({ status: grpc.status.UNAVAILABLE, text: expect.stringContaining('The call needs about') as string });
    expect(predict).not.toHaveBeenCalled();
    zipping.close();
  });

  it('is read where there is room, and nothing stays set aside', async () => {
    const before = server.parts.memory.reserved;
    const answer = await fetch(`${server.url}/predict?modelName=value`, { method: 'POST', body: gzipSync(bytes), headers: { 'content-type': 'application/octet-stream', accept: 'application/octet-stream', 'content-encoding': 'gzip' } });
    expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([200, bytes.byteLength]);
    await until(() => server.parts.memory.reserved, (reserved) => reserved === before);
  });
});

it('a stream holds memory for the message that is being answered, not for those before it', async () => {
  const message = messagesOf(V2_PROTO)<Loose>('inference.ModelInferRequest').encode({ model_name: 'value', inputs: [{ name: 'x', datatype: 'FP32', shape: [250_000] }], raw_input_contents: [Buffer.alloc(1_000_000)] });
  const MESSAGES_SENT = 30;
  using _left = leaving(server, 40_000_000);
  const stream = client.makeBidiStreamRequest('/inference.GRPCInferenceService/ModelStreamInfer', (given: Buffer) => given, (given: Buffer) => given);
  const answers: number[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    stream.on('data', (bytes: Buffer) => answers.push(bytes.byteLength));
    stream.on('end', () => { resolve(); });
    stream.on('error', reject);
  });
  for (let at = 0; at < MESSAGES_SENT; at++) stream.write(Buffer.from(message));
  stream.end();
  await ended;
  expect(answers).toHaveLength(MESSAGES_SENT);
  expect(answers.every((bytes) => bytes > 1_000_000)).toBe(true);
});
