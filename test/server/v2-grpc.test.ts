// The V2 gRPC service with a genuine client: raw and typed contents of every datatype, streams, metadata, repository, errors.
import path from 'node:path';
import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DType } from '@slipway/api';
import { V2_PROTO } from '../../server/src/protocols/v2/proto.ts';
import { grpcClient, type GrpcClient } from './support/grpc.ts';
import { doubling } from './support/saved-model.ts';
import { MODELS, serve, temporaryFolder, type Loose, type TestServer } from './support/server.ts';

const folder = temporaryFolder();
let server: TestServer;
let client: GrpcClient;

/** dtype of a model -> its datatype, typed contents sent, and the same elements doubled. */
const TYPED: [DType, string, string, (number | boolean)[], (number | boolean)[]][] = [
  ['float32', 'FP32', 'fp32_contents', [1.5, -2], [3, -4]],
  ['float64', 'FP64', 'fp64_contents', [1.25, -2], [2.5, -4]],
  ['int32', 'INT32', 'int_contents', [7, -70_000], [14, -140_000]],
  ['int64', 'INT64', 'int64_contents', [9, -9], [18, -18]],
];

beforeAll(async () => {
  for (const [dtype] of TYPED) doubling(path.join(folder.path, `twice-${dtype}`, '1'), dtype, [-1, 2]);
  server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1', MAX_BODY_BYTES: '1000000', REQUEST_TIMEOUT_SECONDS: '30' });
  await server.parts.manager.loadModel('sentiment', path.join(MODELS, 'sentiment', 'v2'), 'v2');
  client = grpcClient(V2_PROTO, 'inference.GRPCInferenceService', server.port);
}, 240_000);
afterAll(async () => {
  client[Symbol.dispose]();
  await server.close();
  folder[Symbol.dispose]();
});

const allFloats = (values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
const floats = (...values: number[]): Buffer => allFloats(values);
const rawRequest = (values: number[], more: object = {}): object => ({
  model_name: 'twice-float32',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [values.length / 2, 2] }],
  raw_input_contents: [allFloats(values)],
  ...more,
});

describe('the server and its models', () => {
  it('is live and ready', async () => {
    expect((await client.call('ServerLive')).body).toEqual({ live: true });
    expect((await client.call('ServerReady')).body).toEqual({ ready: true });
    expect((await client.call('ModelReady', { name: 'twice-int32' })).body).toEqual({ ready: true });
    await expect(client.call('ModelReady', { name: 'nobody' })).rejects.toMatchObject({ code: grpc.status.NOT_FOUND, details: expect.stringContaining("Request for unknown model: 'nobody' is not found") as string });
  });

  it('says what it is and what it serves', async () => {
    expect((await client.call('ServerMetadata')).body).toMatchObject({ name: 'slipway', extensions: expect.arrayContaining(['binary_tensor_data']) as string[] });
    expect((await client.call('ModelMetadata', { name: 'twice-int64' })).body).toEqual({
      name: 'twice-int64',
      versions: ['1'],
      platform: 'tensorflow_savedmodel',
      inputs: [{ name: 'x', datatype: 'INT64', shape: [-1, 2] }],
      outputs: [{ name: 'y', datatype: 'INT64', shape: [-1, 2] }],
    });
    const { config } = (await client.call('ModelConfig', { name: 'twice-float32' })).body;
    expect(config).toMatchObject({ name: 'twice-float32', max_batch_size: 32, input: [{ name: 'x', data_type: 'TYPE_FP32', dims: [2] }], output: [{ name: 'y', data_type: 'TYPE_FP32', dims: [2] }] });
  });
});

describe('inference', () => {
  it.each(TYPED)('typed contents of %s', async (dtype, datatype, field, sent, got) => {
    const { body } = await client.call('ModelInfer', { model_name: `twice-${dtype}`, id: 'i', inputs: [{ name: 'x', datatype, shape: [1, 2], contents: { [field]: sent } }] });
    expect(body).toMatchObject({ model_name: `twice-${dtype}`, model_version: '1', id: 'i', outputs: [{ name: 'y', datatype, shape: [1, 2], contents: { [field]: got } }], raw_output_contents: [] });
  });

  it('raw contents are answered raw, in one piece, with the version in the headers', async () => {
    const { body, headers } = await client.call('ModelInfer', rawRequest([1, 2, 3, 4]));
    expect(body).toMatchObject({ outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 2], contents: null }], raw_output_contents: [floats(2, 4, 6, 8)] });
    expect(headers.get('slipway-model-version')).toEqual(['1']);
  });

  it('NaN and Infinity travel where the package declares nothing', async () => {
    const { body } = await client.call('ModelInfer', rawRequest([Number.NaN, Number.POSITIVE_INFINITY]));
    expect(body.raw_output_contents).toEqual([floats(Number.NaN, Number.POSITIVE_INFINITY)]);
  });

  it('texts go through the vectorizer, raw or typed, and classes come with labels', async () => {
    const typed = await client.call('ModelInfer', { model_name: 'sentiment', inputs: [{ name: 'text', datatype: 'BYTES', shape: [2, 1], contents: { bytes_contents: [Buffer.from('not bad at all'), Buffer.from('awful')] } }] });
    const native = await server.post('/v2/predict', { modelName: 'sentiment', text: ['not bad at all', 'awful'] });
    const scores: number[] = typed.body.outputs[0].contents.fp32_contents;
    expect(native.body.predictions.map((one: Loose) => one.prediction)).toHaveLength(2);
    const width = scores.length / 2;
    native.body.predictions.forEach((one: Loose, row: number) => {
      expect(Math.max(...scores.slice(row * width, (row + 1) * width))).toBeCloseTo(one.score, 5);
    });
    const text = Buffer.from('awful');
    const raw = Buffer.concat([Buffer.from([text.byteLength, 0, 0, 0]), text]);
    const classes = await client.call('ModelInfer', { model_name: 'sentiment', inputs: [{ name: 'text', datatype: 'BYTES', shape: [1] }], raw_input_contents: [raw], outputs: [{ name: typed.body.outputs[0].name, parameters: { classification: { int64_param: 1 } } }] });
    expect(classes.body.raw_output_contents[0].subarray(4).toString()).toMatch(/^\d\.\d{6}:\d:negative$/);
  });

  it('one stream carries many calls, in order, and a bad one ends none of the others', async () => {
    const stream = client.raw.ModelStreamInfer();
    const answers: Loose[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      stream.on('data', (answer: Loose) => answers.push(answer));
      stream.on('end', () => { resolve(); });
      stream.on('error', reject);
    });
    for (let index = 0; index < 5; index++) stream.write(rawRequest([index, index], { id: String(index), ...(index === 2 ? { model_name: 'nobody' } : {}) }));
    stream.end();
    await ended;
    expect(answers.map((answer) => answer.infer_response.id)).toEqual(['0', '1', '2', '3', '4']);
    expect(answers[2].error_message).toContain("Request for unknown model: 'nobody'");
    expect(answers[4].infer_response.raw_output_contents).toEqual([floats(8, 8)]);
  });

  it('gzip both ways', async () => {
    const values = Array.from({ length: 20_000 }, (_, index) => index % 7);
    using zipped = grpcClient(V2_PROTO, 'inference.GRPCInferenceService', server.port, { 'grpc.default_compression_algorithm': 2 });
    const { body } = await zipped.call('ModelInfer', rawRequest(values));
    expect(body.raw_output_contents).toEqual([allFloats(values.map((value) => value * 2))]);
  });
});

describe('refusals', () => {
  const cases: [string, object, number, string][] = [
    ['an unknown model', { model_name: 'nobody' }, grpc.status.NOT_FOUND, "Request for unknown model: 'nobody' is not found"],
    ['an unknown version', rawRequest([1, 2], { model_version: '9' }), grpc.status.NOT_FOUND, "'twice-float32' version 9 is not found"],
    ['another datatype', { model_name: 'twice-float32', inputs: [{ name: 'x', datatype: 'INT32', shape: [1, 2], contents: { int_contents: [1, 2] } }] }, grpc.status.INVALID_ARGUMENT, "inference input 'x' data-type is 'INT32', but model 'twice-float32' expects 'FP32'"],
    ['another shape', { model_name: 'twice-float32', inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3] }], raw_input_contents: [floats(1, 2, 3)] }, grpc.status.INVALID_ARGUMENT, "unexpected shape for input 'x' for model 'twice-float32'. Expected [-1,2], got [1,3]"],
    ['too few bytes', rawRequest([1, 2], { raw_input_contents: [floats(1)] }), grpc.status.INVALID_ARGUMENT, "input byte size mismatch for input 'x'. Expected 8, got 4"],
    ['too few elements', { model_name: 'twice-float32', inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1] } }] }, grpc.status.INVALID_ARGUMENT, 'expected 2, got 1'],
    ['contents of another type', { model_name: 'twice-float32', inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], contents: { int_contents: [1, 2] } }] }, grpc.status.INVALID_ARGUMENT, 'of another type'],
    ['both forms at once', rawRequest([1, 2], { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2] } }] }), grpc.status.INVALID_ARGUMENT, 'must not be specified when using raw_input_contents'],
    ['a missing input', { model_name: 'twice-float32' }, grpc.status.INVALID_ARGUMENT, "Got input(s) [], but missing required input(s) ['x']. Please provide all required input(s)."],
    ['an unknown output', rawRequest([1, 2], { outputs: [{ name: 'z' }] }), grpc.status.INVALID_ARGUMENT, 'has no output z'],
    ['a shape that cannot be', rawRequest([1, 2], { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }] }), grpc.status.INVALID_ARGUMENT, 'is not possible'],
    ['a message over the limit', rawRequest(new Array<number>(300_000).fill(1)), grpc.status.RESOURCE_EXHAUSTED, 'the limit is 1000000'],
  ];
  it.each(cases)('%s', async (_what, request, code, words) => {
    await expect(client.call('ModelInfer', request)).rejects.toMatchObject({ code, details: expect.stringContaining(words) as string });
    expect((await client.call('ModelInfer', rawRequest([1, 2]))).body.raw_output_contents).toEqual([floats(2, 4)]);
  });

  it('a message that inflates over the limit, and one that is no message', async () => {
    using zipped = grpcClient(V2_PROTO, 'inference.GRPCInferenceService', server.port, { 'grpc.default_compression_algorithm': 2 });
    await expect(zipped.call('ModelInfer', rawRequest(new Array<number>(300_000).fill(1)))).rejects.toMatchObject({ code: grpc.status.RESOURCE_EXHAUSTED });
    await expect(
      new Promise((resolve, reject) => {
        client.raw.makeUnaryRequest('/inference.GRPCInferenceService/ModelInfer', (bytes: Buffer) => bytes, (bytes: Buffer) => bytes, Buffer.from([0xff, 0xff, 0xff]), (error: Error | null, body: Loose) => {
          if (error === null) resolve(body);
          else reject(error);
        });
      }),
    ).rejects.toMatchObject({ code: grpc.status.INVALID_ARGUMENT, details: expect.stringContaining('The message is no ModelInferRequest') as string });
  });

  it('a deadline that passed while the call waited', async () => {
    await expect(client.call('ModelInfer', rawRequest([1, 2]), {}, { deadline: Date.now() - 1 })).rejects.toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED });
  });
});

describe('the repository', () => {
  it('unloads and loads again; the index tells; the statistics count', async () => {
    await client.call('ModelInfer', { model_name: 'twice-int32', inputs: [{ name: 'x', datatype: 'INT32', shape: [3, 2], contents: { int_contents: [1, 2, 3, 4, 5, 6] } }] });
    const { model_stats: [stats] } = (await client.call('ModelStatistics', { name: 'twice-int32' })).body;
    expect(stats).toMatchObject({ name: 'twice-int32', version: '1', inference_count: expect.any(Number) as number, inference_stats: { fail: { count: 0 } } });
    expect(stats.inference_stats.success.count).toBeGreaterThan(0);
    expect(stats.inference_count).toBeGreaterThanOrEqual(3);
    expect(stats.inference_stats.compute_infer.ns).toBeGreaterThan(0);
    await client.call('RepositoryModelUnload', { model_name: 'twice-int32' });
    await expect(client.call('ModelReady', { name: 'twice-int32' })).rejects.toMatchObject({ code: grpc.status.NOT_FOUND });
    await client.call('RepositoryModelLoad', { model_name: 'twice-int32' });
    const { models } = (await client.call('RepositoryIndex', { ready: true })).body;
    expect(models).toContainEqual({ name: 'twice-int32', version: '1', state: 'READY', reason: '' });
    await expect(client.call('RepositoryModelLoad', { model_name: 'nobody' })).rejects.toMatchObject({ code: grpc.status.INVALID_ARGUMENT, details: expect.stringContaining("failed to load 'nobody', failed to poll from model repository") as string });
    await expect(client.call('RepositoryModelLoad', { model_name: 'twice-int32', parameters: { config: { string_param: '{}' } } })).rejects.toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
  });

  it('is closed behind an InferenceService, and a version it lacks is 421 for the router', async () => {
    await using behind = await serve({ MODEL_PATH: path.join(folder.path, 'twice-float32'), BEHIND_ROUTER: 'true', MODEL_NAME: 'twice', WARMUP_ITERATIONS: '0' });
    using other = grpcClient(V2_PROTO, 'inference.GRPCInferenceService', behind.port);
    for (const method of ['RepositoryModelLoad', 'RepositoryModelUnload']) {
      await expect(other.call(method, { model_name: 'twice' })).rejects.toMatchObject({ code: grpc.status.PERMISSION_DENIED });
    }
    await expect(other.call('ModelInfer', rawRequest([1, 2], { model_name: 'twice', model_version: '9' }))).rejects.toMatchObject({ code: grpc.status.NOT_FOUND });
    expect((await other.call('ModelInfer', rawRequest([1, 2], { model_name: 'twice' }))).body.model_version).toBe('1');
  });
});
