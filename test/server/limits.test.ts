// Limits on body, items and texts: each is kept on every protocol, and the answer says what it is.
import path from 'node:path';
import { cp } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messagesOf } from '../../server/src/protocols/grpc/messages.ts';
import { MESSAGES } from '../../server/src/protocols/tfserving/grpc-messages.ts';
import { V2_PROTO } from '../../server/src/protocols/v2/proto.ts';
import { doubling } from './support/saved-model.ts';
import { MODELS, serve, temporaryFolder, type Loose, type TestServer } from './support/server.ts';

const folder = temporaryFolder();
let server: TestServer;
let kserve: TestServer;
let client: grpc.Client;

const BYTES = 2000;
const ITEMS = 10;
const CHARACTERS = 100;

beforeAll(async () => {
  doubling(path.join(folder.path, 'value', '1'), 'float32', [-1]);
  await cp(path.join(MODELS, 'sentiment', 'v1'), path.join(folder.path, 'sentiment', 'v1'), { recursive: true });
  const settings = { MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1', MAX_BODY_BYTES: String(BYTES), MAX_BATCH_ITEMS: String(ITEMS), MAX_TEXT_LENGTH: String(CHARACTERS), AIP_PREDICT_ROUTE: '/vertex' };
  [server, kserve] = await Promise.all([serve(settings), serve({ ...settings, V1_DIALECT: 'kserve' })]);
  client = new grpc.Client(`127.0.0.1:${String(server.port)}`, grpc.credentials.createInsecure());
}, 240_000);
afterAll(async () => {
  client.close();
  await Promise.all([server.close(), kserve.close()]);
  folder[Symbol.dispose]();
});

interface Answer {
  status: number;
  text: string;
}

async function post(to: TestServer, at: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await fetch(`${to.url}${at}`, { method: 'POST', body: body as string, headers: { 'content-type': 'application/json', ...headers } });
  return { status: answer.status, text: await answer.text() };
}

/** Protocol, and its body of rows or texts for a model. */
interface Form {
  to: () => TestServer;
  at: (model: string) => string;
  body: (values: string, model: string, count: number) => string;
}

const sagemaker = (model: string): Record<string, string> => ({ 'x-amzn-sagemaker-target-model': model });
const FORMS: Record<string, Form> = {
  'the native API': { to: () => server, at: () => '/predict', body: (values, model) => `{"modelName":"${model}","${model === 'sentiment' ? 'text' : 'inputs'}":${values}}` },
  V2: { to: () => server, at: (model) => `/v2/models/${model}/infer`, body: (values, model, count) => `{"inputs":[{"name":"${model === 'sentiment' ? 'text' : 'x'}","datatype":"${model === 'sentiment' ? 'BYTES' : 'FP32'}","shape":[${String(count)}],"data":${values}}]}` },
  'TensorFlow Serving': { to: () => server, at: (model) => `/v1/models/${model}:predict`, body: (values) => `{"instances":${values}}` },
  'TensorFlow Serving, columns': { to: () => server, at: (model) => `/v1/models/${model}:predict`, body: (values) => `{"inputs":${values}}` },
  'KServe V1': { to: () => kserve, at: (model) => `/v1/models/${model}:predict`, body: (values) => `{"instances":${values}}` },
  TorchServe: { to: () => server, at: (model) => `/predictions/${model}`, body: (values) => `{"instances":${values}}` },
  SageMaker: { to: () => server, at: () => '/invocations', body: (values) => `{"instances":${values}}` },
  'Vertex AI': { to: () => server, at: () => '/vertex', body: (values) => `{"instances":${values}}` },
  'Azure ML': { to: () => server, at: () => '/score', body: (values) => `{"data":${values}}` },
};

describe.each(Object.entries(FORMS))('%s', (_, { to, at, body }) => {
  const numbers = (count: number): Promise<Answer> => post(to(), at('value'), body(`[${Array.from({ length: count }, () => '1').join()}]`, 'value', count), sagemaker('value'));
  const text = (length: number): Promise<Answer> => post(to(), at('sentiment'), body(`["${'a'.repeat(length)}"]`, 'sentiment', 1), sagemaker('sentiment'));

  it('items', async () => {
    expect(await numbers(ITEMS)).toMatchObject({ status: 200 });
    expect(await numbers(ITEMS + 1)).toMatchObject({ status: 413, text: expect.stringContaining('at most 10 are taken') as string });
  });

  it('a text', async () => {
    expect(await text(CHARACTERS)).toMatchObject({ status: 200 });
    expect(await text(CHARACTERS + 1)).toMatchObject({ status: 400, text: expect.stringContaining('has 101 characters; at most 100 are taken') as string });
  });

  it('a body, as sent and inflated', async () => {
    const padded = (bytes: number): string => body('[1]', 'value', 1).padEnd(bytes);
    const send = (given: string | Buffer, headers = {}): Promise<Answer> => post(to(), at('value'), given, { ...sagemaker('value'), ...headers });
    expect(await send(padded(BYTES))).toMatchObject({ status: 200 });
    expect(await send(padded(BYTES + 1))).toMatchObject({ status: 413, text: expect.stringContaining('over the limit of 2000 bytes') as string });
    expect(await send(gzipSync(padded(BYTES + 1)), { 'content-encoding': 'gzip' })).toMatchObject({ status: 413, text: expect.stringContaining('inflated body is over the limit of 2000 bytes') as string });
  });

  it('dimensions', async () => {
    expect(await post(to(), at('value'), body(`${'['.repeat(20)}1${']'.repeat(20)}`, 'value', 1), sagemaker('value'))).toMatchObject({ status: 400, text: expect.stringMatching(/at most 8 dimensions|expected < 16|true shape/) as string });
  });
});

describe('gRPC', () => {
  const send = (method: string, message: Uint8Array): Promise<{ code: number; details: string }> =>
    new Promise((resolve) => {
      client.makeUnaryRequest(method, (given: Buffer) => given, (given: Buffer) => given, Buffer.from(message), (error: grpc.ServiceError | null) => {
        resolve({ code: error?.code ?? grpc.status.OK, details: error?.details ?? '' });
      });
    });
  const infer = (count: number, pad = 0): Uint8Array => messagesOf(V2_PROTO)<Loose>('inference.ModelInferRequest').encode({ model_name: 'value', id: ' '.repeat(pad), inputs: [{ name: 'x', datatype: 'FP32', shape: [count], contents: { fp32_contents: Array(count).fill(1) } }] });
  const predict = (count: number, pad = 0): Uint8Array => MESSAGES.predictRequest.encode({ model_spec: { name: 'value' }, inputs: { x: { dtype: 1, tensor_shape: { dim: [{ size: count }] }, float_val: Array(count).fill(1), string_val: [Buffer.alloc(pad)] } }, output_filter: [] });

  it.each([['/inference.GRPCInferenceService/ModelInfer', infer], ['/tensorflow.serving.PredictionService/Predict', predict]] as const)('%s', async (method, message) => {
    expect(await send(method, message(ITEMS))).toEqual({ code: grpc.status.OK, details: '' });
    expect(await send(method, message(ITEMS + 1))).toMatchObject({ code: grpc.status.RESOURCE_EXHAUSTED, details: expect.stringContaining('at most 10 are taken') as string });
    expect(await send(method, message(1, BYTES))).toMatchObject({ code: grpc.status.RESOURCE_EXHAUSTED, details: expect.stringContaining('the limit is 2000') as string });
  });
});

it('the OpenAPI document says how long a text may be', async () => {
  expect(JSON.stringify((await server.get('/openapi.json')).body)).toContain(`"maxLength":${String(CHARACTERS)}`);
});
