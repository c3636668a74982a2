// Messages of V2 and TensorFlow Serving beyond a size: read and written in the body thread, to the byte as if they were small; raw numbers
// stay where they are, whatever their size.
import path from 'node:path';
import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MESSAGES, type TensorMessage } from '../../server/src/protocols/tfserving/grpc-messages.ts';
import { messagesOf } from '../../server/src/protocols/grpc/messages.ts';
import { V2_PROTO } from '../../server/src/protocols/v2/proto.ts';
import { leaving } from './support/memory.ts';
import { doubling, slow, twoByTwo } from './support/saved-model.ts';
import { serve, temporaryFolder, until, type Loose, type TestServer } from './support/server.ts';

const folder = temporaryFolder();
let server: TestServer;
let client: grpc.Client;

beforeAll(async () => {
  for (const dtype of ['float32', 'int32', 'int64', 'string'] as const) doubling(path.join(folder.path, dtype, '1'), dtype, [-1, 2]);
  doubling(path.join(folder.path, 'value', '1'), 'int64', [-1, 1]);
  twoByTwo(path.join(folder.path, 'pair', '1'));
  slow(path.join(folder.path, 'slow', '1'), 1500);
  server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1', MAX_BATCH_ITEMS: '4000000', MAX_BATCH_SIZE: '100000', MAX_BODY_BYTES: '40000000', WORKER_HEAP_MB: '256' });
  client = new grpc.Client(`127.0.0.1:${String(server.port)}`, grpc.credentials.createInsecure(), { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
}, 240_000);
afterAll(async () => {
  client.close();
  await server.close();
  folder[Symbol.dispose]();
});

const INFER = '/inference.GRPCInferenceService/ModelInfer';
const PREDICTION = '/tensorflow.serving.PredictionService';
const PREDICT = '/tensorflow.serving.PredictionService/Predict';
const v2 = messagesOf(V2_PROTO);
const request = v2<Loose>('inference.ModelInferRequest');
const response = v2<Loose>('inference.ModelInferResponse');

/** The answer's bytes or the error, and the jobs that the body thread did for it. */
async function send(method: string, bytes: Uint8Array): Promise<{ bytes?: Buffer; error?: { code: number; details: string }; jobs: string[] }> {
  const asked = vi.spyOn(server.parts.thread, 'ask');
  const answer = await new Promise<{ bytes?: Buffer; error?: { code: number; details: string } }>((resolve) => {
    client.makeUnaryRequest(method, (given: Buffer) => given, (given: Buffer) => given, Buffer.from(bytes), (error: grpc.ServiceError | null, got?: Buffer) => {
      resolve(error === null ? { bytes: got as Buffer } : { error: { code: error.code, details: error.details } });
    });
  });
  const jobs = asked.mock.calls.map(([job]) => job);
  asked.mockRestore();
  return { ...answer, jobs };
}

const floats = (count: number): Float32Array => Float32Array.from({ length: count }, (_, at) => at / 8 - 3);
const bytesOf = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const raw = (count: number, more: object = {}): Uint8Array => request.encode({ model_name: 'float32', inputs: [{ name: 'x', datatype: 'FP32', shape: [count / 2, 2] }], raw_input_contents: [bytesOf(floats(count))], ...more });

describe('V2, raw', () => {
  it.each([4, 20_000, 1_000_000])('%i numbers never leave the event loop, for they are not touched there', async (count) => {
    const { bytes, jobs } = await send(INFER, raw(count));
    const answer = response.decode(bytes as Buffer);
    expect(jobs).toEqual([]);
    expect(answer.outputs[0].shape).toEqual([count / 2, 2]);
    expect(Buffer.from(answer.raw_output_contents[0]).equals(bytesOf(floats(count).map((value) => value * 2)))).toBe(true);
    const whole = { id: '', model_name: 'float32', model_version: '1', outputs: [{ name: 'y', datatype: 'FP32', shape: [count / 2, 2] }], raw_output_contents: [answer.raw_output_contents[0]] };
    expect(bytes?.equals(response.encode(whole))).toBe(true);
  });

  it('inputs that do not lie aligned are copied in the thread', async () => {
    const count = 600_000; // a length of four bytes stands between the two
    const two = (more: object = {}): Uint8Array => request.encode({ model_name: 'pair', id: '1', inputs: ['a', 'b'].map((name) => ({ name, datatype: 'FP32', shape: [count / 2, 2] })), raw_input_contents: [bytesOf(floats(count)), bytesOf(floats(count))], ...more });
    const jobsOfAll: string[] = [];
    for (const id of ['', '1', '12', '123']) {
      const { bytes, jobs } = await send(INFER, two({ id }));
      const { outputs, raw_output_contents: raws } = response.decode(bytes as Buffer);
      const of = (name: string): Buffer => Buffer.from(raws[(outputs as { name: string }[]).findIndex((output) => output.name === name)]);
      expect([of('total').equals(bytesOf(floats(count).map((value) => value * 2))), of('difference').equals(bytesOf(new Float32Array(count)))]).toEqual([true, true]);
      jobsOfAll.push(...jobs);
    }
    expect([...new Set(jobsOfAll)]).toEqual(['v2.read-message']);
  });

  it('strings are read and written in the thread', async () => {
    const text = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, (_, at) => Buffer.from([1, 0, 0, 0, 97 + (at % 26)])));
    const body = (count: number): Uint8Array => request.encode({ model_name: 'string', inputs: [{ name: 'x', datatype: 'BYTES', shape: [count / 2, 2] }], raw_input_contents: [text(count)] });
    const large = await send(INFER, body(60_000));
    expect([large.error, large.jobs]).toEqual([undefined, ['v2.read-message', 'v2.write-message']]);
    expect(Buffer.from(response.decode(large.bytes as Buffer).raw_output_contents[0]).equals(text(60_000))).toBe(true);
  });
});

describe('V2, a million strings of one byte', () => {
  const COUNT = 1_000_000;
  const text = (count: number): Buffer => Buffer.alloc(count * 5, Buffer.from([1, 0, 0, 0, 97]));
  const input = (count: number): Loose => ({ name: 'x', datatype: 'BYTES', shape: [count / 2, 2] });
  const message = (count: number): Uint8Array => request.encode({ model_name: 'string', inputs: [input(count)], raw_input_contents: [text(count)] });

  /** Over HTTP, with raw tensors behind the JSON: its status and code, and the jobs of the body thread. */
  async function post(count: number): Promise<{ status: number; text: string; jobs: string[] }> {
    const asked = vi.spyOn(server.parts.thread, 'ask');
    const head = Buffer.from(JSON.stringify({ inputs: [{ ...input(count), parameters: { binary_data_size: count * 5 } }], parameters: { binary_data_output: true } }));
    const answer = await fetch(`${server.url}/v2/models/string/infer`, { method: 'POST', body: Buffer.concat([head, text(count)]), headers: { 'inference-header-content-length': String(head.byteLength), 'content-type': 'application/octet-stream' } });
    const got = Buffer.from(await answer.arrayBuffer());
    const jobs = asked.mock.calls.map(([job]) => job);
    asked.mockRestore();
    return { status: answer.status, text: answer.ok ? String(got.subarray(Number(answer.headers.get('inference-header-content-length'))).equals(text(count))) : got.toString(), jobs };
  }

  it('are refused by estimate before they are made, where their bytes alone would fit', async () => {
    using _ = leaving(server, 60_000_000);
    expect(await post(COUNT)).toMatchObject({ status: 503, text: expect.stringContaining('The call needs about') as string, jobs: ['v2.read'] });
    const { error, jobs } = await send(INFER, message(COUNT));
    expect([error?.code, jobs]).toEqual([grpc.status.UNAVAILABLE, ['v2.read-message']]);
    expect(await post(20_000)).toEqual({ status: 200, text: 'true', jobs: ['v2.read', 'v2.write'] });
  });

  it('are refused where the heap of the thread could not hold them', async () => {
    expect(await post(COUNT * 2)).toMatchObject({ status: 413, text: expect.stringContaining('The body would take about') as string, jobs: ['v2.read'] });
    expect((await send(INFER, message(COUNT * 2))).error).toMatchObject({ code: grpc.status.RESOURCE_EXHAUSTED });
  });

  it('are read and written in the thread where there is room, and nothing stays set aside', async () => {
    const before = server.parts.memory.reserved;
    expect(await post(100_000)).toEqual({ status: 200, text: 'true', jobs: ['v2.read', 'v2.write'] });
    await until(() => server.parts.memory.reserved, (reserved) => reserved === before);
  });
});

describe('V2, typed', () => {
  const typed = (model: string, datatype: string, contents: (count: number) => object) => (count: number, more: object = {}): Uint8Array =>
    request.encode({ model_name: model, inputs: [{ name: 'x', datatype, shape: [count / 2, 2], contents: contents(count) }], ...more });
  const list = (count: number): number[] => Array.from({ length: count }, (_, at) => at - 3);
  const FORMS = [
    ['float32', 'FP32', 'fp32_contents'],
    ['int32', 'INT32', 'int_contents'],
    ['int64', 'INT64', 'int64_contents'],
  ] as const;

  it.each(FORMS)('%s: as it is here', async (model, datatype, field) => {
    const body = typed(model, datatype, (count) => ({ [field]: list(count) }));
    const [small, large] = [await send(INFER, body(10)), await send(INFER, body(40_000))];
    expect([small.jobs, large.jobs]).toEqual([[], ['v2.read-message', 'v2.write-message']]);
    for (const [got, count] of [[small, 10], [large, 40_000]] as const) {
      const whole = response.encode({ id: '', model_name: model, model_version: '1', outputs: [{ name: 'y', datatype, shape: [count / 2, 2], contents: { [field]: list(count).map((value) => value * 2) } }] });
      expect(got.bytes?.equals(whole)).toBe(true);
    }
  });

  it.each([
    ['another shape', { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], contents: { fp32_contents: [1, 2, 3] } }] }],
    ['another datatype', { inputs: [{ name: 'x', datatype: 'INT32', shape: [1, 2], contents: { int_contents: [1, 2] } }] }],
    ['no such datatype', { inputs: [{ name: 'x', datatype: 'FP33', shape: [1, 2], contents: { fp32_contents: [1, 2] } }] }],
    ['an unknown model, before its tensors are looked at', { model_name: 'nobody', inputs: [{ name: 'x', datatype: 'FP33', shape: [1, 2] }] }],
    ['too few elements', { inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 2], contents: { fp32_contents: [1, 2] } }] }],
  ])('%s: the same refusal', async (_, wrong) => {
    const body = (pad: number): Uint8Array => request.encode({ model_name: 'float32', outputs: [{ name: 'y', parameters: { pad: { string_param: ' '.repeat(pad) } } }], ...wrong });
    const [small, large] = [await send(INFER, body(0)), await send(INFER, body(20_000))];
    expect([small.jobs, large.jobs]).toEqual([[], ['v2.read-message']]);
    expect(small.error).toBeDefined();
    expect(large.error).toEqual(small.error);
  });

  it('what is no message is refused in the same words', async () => {
    const broken = (size: number): Buffer => Buffer.concat([Buffer.from(request.encode({ id: ' '.repeat(size) })), Buffer.from([0x0f])]);
    const [small, large] = [await send(INFER, broken(1)), await send(INFER, broken(20_000))];
    expect(large.jobs).toEqual(['v2.read-message']);
    expect(small.error).toMatchObject({ code: grpc.status.INVALID_ARGUMENT, details: expect.stringContaining('The message is no ModelInferRequest') as string });
    expect(large.error?.details.replace(/\d+/g, 'N')).toBe(small.error?.details.replace(/\d+/g, 'N'));
  });

  it.each([[INFER, [0x2a, 0]], [PREDICT, [0x12, 0]]])('a message of %s that would burst the heap of the thread is refused', async (method, field) => {
    const { error } = await send(method, Buffer.alloc(20_000_000, Buffer.from(field)));
    expect(error).toMatchObject({ code: grpc.status.RESOURCE_EXHAUSTED, details: expect.stringContaining('The body would take about') as string });
    expect((await send(INFER, typed('float32', 'FP32', () => ({ fp32_contents: [1, 2] }))(2))).bytes).toBeDefined();
  });

  it('answers of a stream come in the order of their requests, large and small', async () => {
    const stream = client.makeBidiStreamRequest('/inference.GRPCInferenceService/ModelStreamInfer', (given: Buffer) => given, (given: Buffer) => given);
    const ids: string[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      stream.on('data', (bytes: Buffer) => ids.push(v2<Loose>('inference.ModelStreamInferResponse').decode(bytes).infer_response.id as string));
      stream.on('end', () => { resolve(); });
      stream.on('error', reject);
    });
    const body = typed('float32', 'FP32', (count) => ({ fp32_contents: list(count) }));
    const sent = [60_000, 2, 40_000, 2, 2, 50_000];
    sent.forEach((count, at) => stream.write(Buffer.from(at === 3 ? raw(200_000, { id: '3' }) : body(count, { id: String(at) }))));
    stream.end();
    await ended;
    expect(ids).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  it('a caller who goes while its message is read is not computed', async () => {
    const ran = vi.spyOn(server.parts.metrics, 'batch');
    const { thread } = server.parts;
    const ask = thread.ask.bind(thread);
    const gone = Promise.withResolvers<undefined>();
    // What the thread has read is handed on once the server knows that the caller is gone, however fast it reads.
    const seen = vi.spyOn(thread, 'ask').mockImplementation(async (...asked) => [await ask(...asked), await gone.promise][0]);
    const calls = server.parts.metrics.inFlight;
    const call = client.makeUnaryRequest(INFER, (given: Buffer) => given, (given: Buffer) => given, Buffer.from(typed('slow', 'FP32', (count) => ({ fp32_contents: list(count) }))(4, { inputs: [{ name: 'x', datatype: 'FP32', shape: [2_000_000, 1], contents: { fp32_contents: list(2_000_000) } }] })), () => undefined);
    await until(() => seen.mock.calls.length, (count) => count > 0);
    call.cancel();
    // Answered after the cancellation was taken in, for it follows it on the same connection.
    await new Promise((resolve) => { client.makeUnaryRequest('/inference.GRPCInferenceService/ServerLive', (given: Buffer) => given, (given: Buffer) => given, Buffer.alloc(0), resolve); });
    gone.resolve(undefined);
    await until(() => server.parts.metrics.inFlight, (count) => count === calls);
    await Promise.all(seen.mock.results.map((result) => result.value as Promise<unknown>));
    await until(() => server.parts.metrics.inFlight, (count) => count === calls);
    expect(ran).not.toHaveBeenCalled();
    ran.mockRestore();
    seen.mockRestore();
  });
});

describe('TensorFlow Serving', () => {
  const tensor = (dtype: number, count: number, values: Partial<TensorMessage>): TensorMessage => ({ dtype, tensor_shape: { dim: [{ size: count / 2 }, { size: 2 }] }, ...values });
  const body = (name: string, x: TensorMessage): Uint8Array => MESSAGES.predictRequest.encode({ model_spec: { name }, inputs: { x }, output_filter: [] });
  const list = (count: number): number[] => Array.from({ length: count }, (_, at) => at - 3);
  const FORMS: [string, (count: number) => Uint8Array, (count: number) => TensorMessage, string[]][] = [
    ['tensor_content', (count) => body('float32', tensor(1, count, { tensor_content: bytesOf(Float32Array.from(list(count))) })), (count) => tensor(1, count, { float_val: list(count).map((value) => value * 2) }), []],
    ['float_val', (count) => body('float32', tensor(1, count, { float_val: list(count) })), (count) => tensor(1, count, { float_val: list(count).map((value) => value * 2) }), ['tfserving.read-message']],
    ['int_val', (count) => body('int32', tensor(3, count, { int_val: list(count) })), (count) => tensor(3, count, { int_val: list(count).map((value) => value * 2) }), ['tfserving.read-message']],
    ['int64_val', (count) => body('int64', tensor(9, count, { int64_val: list(count) })), (count) => tensor(9, count, { int64_val: list(count).map((value) => value * 2) }), ['tfserving.read-message']],
    ['string_val', (count) => body('string', tensor(7, count, { string_val: list(count).map((value) => Buffer.from(`s${String(value)}`)) })), (count) => tensor(7, count, { string_val: list(count).map((value) => Buffer.from(`s${String(value)}`)) }), ['tfserving.read-message']],
  ];

  it.each(FORMS)('%s: as it is here', async (_, sent, y, jobs) => {
    for (const [count, done] of [[10, []], [40_000, [...jobs, 'tfserving.write-message']]] as const) {
      const got = await send(PREDICT, sent(count));
      expect([got.error, got.jobs]).toEqual([undefined, done]);
      const name = Buffer.from(sent(2)).toString('latin1').match(/float32|int32|int64|string/)?.[0] ?? '';
      expect(got.bytes?.equals(MESSAGES.predictResponse.encode({ outputs: { y: y(count) }, model_spec: { name, version: { value: 1 }, signature_name: 'serving_default' } }))).toBe(true);
    }
  });

  it.each([
    ['other inputs', { inputs: { z: tensor(1, 2, { float_val: [1, 2] }) } }],
    ['an unknown model', { model_spec: { name: 'nobody' } }],
    ['another dtype', { inputs: { x: tensor(3, 2, { int_val: [1, 2] }) } }],
    ['too many values', { inputs: { x: tensor(1, 2, { float_val: [1, 2, 3] }) } }],
    ['an output twice', { output_filter: ['y', 'y'] }],
  ])('%s: the same refusal', async (_, wrong) => {
    const given = (): Uint8Array => MESSAGES.predictRequest.encode({ model_spec: { name: 'float32', version_label: '' }, inputs: { x: tensor(1, 2, { float_val: [1, 2] }) }, output_filter: [], ...wrong });
    // A field that nobody knows makes it large.
    const padded = (pad: number): Buffer => Buffer.concat([Buffer.from(given()), ...(pad === 0 ? [] : [Buffer.from([0xfa, 0x3f, 0xa0, 0x9c, 0x01]), Buffer.alloc(20_000)])]);
    const [small, large] = [await send(PREDICT, padded(0)), await send(PREDICT, padded(1))];
    expect([small.jobs, large.jobs]).toEqual([[], ['tfserving.read-message']]);
    expect(small.error).toBeDefined();
    expect(large.error).toEqual(small.error);
  });
});

describe('TensorFlow Serving, Examples', () => {
  const rows = (count: number): number[] => Array.from({ length: count }, (_, at) => at - 3);
  const pairs = (count: number): object => ({ examples: rows(count).map((row) => ({ features: { feature: { x: { float_list: { value: [row, row / 2] } } } } })) });
  const ones = (count: number): object => ({ examples: rows(count).map((row) => ({ features: { feature: { x: { int64_list: { value: [row] } } } } })) });
  const classes = (count: number): Loose => ({ classifications: rows(count).map((row) => ({ classes: [row * 2, row].map((score) => ({ label: '', score })) })) });
  const values = (count: number): Loose => ({ regressions: rows(count).map((row) => ({ value: row * 2 })) });
  const spec = (name: string): Loose => ({ name, version: { value: 1 }, signature_name: 'serving_default' });
  const READ_AND_WRITE = ['tfserving.read-examples', 'tfserving.write-examples'];

  it.each([[10, []], [20_000, READ_AND_WRITE]] as const)('Classify and Regress of %i: as it is here', async (count, jobs) => {
    const classified = await send(`${PREDICTION}/Classify`, MESSAGES.classificationRequest.encode({ model_spec: { name: 'float32' }, input: { example_list: pairs(count) as never } }));
    expect([classified.error, classified.jobs]).toEqual([undefined, jobs]);
    expect(classified.bytes?.equals(MESSAGES.classificationResponse.encode({ result: classes(count), model_spec: spec('float32') }))).toBe(true);
    const regressed = await send(`${PREDICTION}/Regress`, MESSAGES.regressionRequest.encode({ model_spec: { name: 'value' }, input: { example_list_with_context: { ...ones(count), context: {} } as never } }));
    expect([regressed.error, regressed.jobs]).toEqual([undefined, jobs]);
    expect(regressed.bytes?.equals(MESSAGES.regressionResponse.encode({ result: values(count), model_spec: spec('value') }))).toBe(true);
  });

  it.each([[10, []], [20_000, READ_AND_WRITE]] as const)('MultiInference of %i: each task reads the same input', async (count, jobs) => {
    const tasks = ['regress', 'classify', 'regress'].map((method) => ({ model_spec: { name: 'value' }, method_name: `tensorflow/serving/${method}` }));
    const got = await send(`${PREDICTION}/MultiInference`, MESSAGES.multiRequest.encode({ tasks, input: { example_list: ones(count) as never } }));
    const one = { model_spec: spec('value'), regression_result: values(count) };
    const classified = { model_spec: spec('value'), classification_result: { classifications: rows(count).map((row) => ({ classes: [{ label: '', score: row * 2 }] })) } };
    expect([got.error, [...new Set(got.jobs)].sort()]).toEqual([undefined, jobs]);
    expect(got.bytes?.equals(MESSAGES.multiResponse.encode({ results: [one, classified, one] }))).toBe(true);
  });

  it.each([
    ['an unknown model', { model_spec: { name: 'nobody' } }],
    ['a feature that is missing', { input: { example_list: { examples: [{ features: { feature: { z: { float_list: { value: [1, 2] } } } } }] } } }],
    ['too few values', { input: { example_list: { examples: [{ features: { feature: { x: { float_list: { value: [1] } } } } }] } } }],
    ['no example', { input: {} }],
  ])('%s: the same refusal', async (_, wrong) => {
    const pad = Buffer.concat([Buffer.from([0x12, 0xa5, 0x9c, 0x01, 0xfa, 0x3f, 0xa0, 0x9c, 0x01]), Buffer.alloc(20_000)]); // a second piece of the input, with a field that nobody knows
    const given = Buffer.from(MESSAGES.classificationRequest.encode({ model_spec: { name: 'float32' }, input: { example_list: pairs(1) as never }, ...(wrong as object) }));
    const [small, large] = [await send(`${PREDICTION}/Classify`, given), await send(`${PREDICTION}/Classify`, Buffer.concat([given, pad]))];
    expect(small.error).toBeDefined();
    expect(small.jobs).toEqual([]);
    expect(large.error).toEqual(small.error);
  });

  it('what is no Example is refused in the same words, and so is what is no input', async () => {
    const broken = (count: number): Buffer => {
      const input = Buffer.concat([Buffer.from(MESSAGES.input.encode({ example_list: pairs(count) as never })), Buffer.from([0x0f])]);
      return Buffer.from(MESSAGES.exampleHead.encode({ model_spec: { name: 'float32' }, input: [input] }));
    };
    const [small, large] = [await send(`${PREDICTION}/Classify`, broken(1)), await send(`${PREDICTION}/Classify`, broken(2000))];
    expect([small.jobs, large.jobs]).toEqual([[], ['tfserving.read-examples']]);
    expect(small.error).toMatchObject({ code: grpc.status.INVALID_ARGUMENT, details: expect.stringContaining('The message is no Input') as string });
    expect(large.error?.details.replace(/\d+/g, 'N')).toBe(small.error?.details.replace(/\d+/g, 'N'));
    const beside = MESSAGES.exampleHead.encode({ model_spec: { name: 'x'.repeat(20_000) }, input: [] });
    expect((await send(`${PREDICTION}/Classify`, beside)).error).toMatchObject({ code: grpc.status.INVALID_ARGUMENT, details: expect.stringContaining('bytes beside its input') as string });
  });

  it('a message that would burst the heap of the thread is refused', async () => {
    const features = Buffer.alloc(20_000_000, Buffer.from([0x0a, 0]));
    const { error, jobs } = await send(`${PREDICTION}/Classify`, MESSAGES.exampleHead.encode({ model_spec: { name: 'float32' }, input: [features] }));
    expect(jobs).toEqual(['tfserving.read-examples']);
    expect(error).toMatchObject({ code: grpc.status.RESOURCE_EXHAUSTED, details: expect.stringContaining('The body would take about') as string });
  });
});
