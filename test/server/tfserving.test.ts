// TensorFlow Serving's REST and gRPC over real models: text, classifier, digits, several inputs and outputs, versions and labels.
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import grpc from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MESSAGES, type ExampleMessage } from '../../server/src/protocols/tfserving/grpc-messages.ts';
import { protoFromTensor, tensorFromProto } from '../../server/src/protocols/tfserving/tensor-proto.ts';
import { doubling, twoByTwo } from './support/saved-model.ts';
import { MODELS, serve, temporaryFolder, type Answer, type Loose, type TestServer } from './support/server.ts';
import { PREDICT, proto, tfServingCall, type Codecs } from './support/tfserving.ts';

const ROW = [1, 2, 3, 4, 5];
const folder = temporaryFolder();
let server: TestServer;
let client: grpc.Client;

beforeAll(async () => {
  twoByTwo(path.join(folder.path, 'pair', 'blue'));
  doubling(path.join(folder.path, 'long', '3'), 'int64', [-1]);
  doubling(path.join(folder.path, 'echo', '1'), 'string', [-1]);
  doubling(path.join(folder.path, 'value', '1'), 'float32', [-1, 1]);
  for (const model of ['classifier/v1', 'classifier/v2', 'sentiment/v1', 'digits/v1']) await cp(path.join(MODELS, model), path.join(folder.path, model), { recursive: true });
  server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1', MAX_BODY_BYTES: '100000' });
  client = new grpc.Client(`127.0.0.1:${String(server.port)}`, grpc.credentials.createInsecure());
}, 240_000);
afterAll(async () => {
  client.close();
  await server.close();
  folder[Symbol.dispose]();
});

const predict = (model: string, body: unknown): Promise<Answer> => server.post(`/v1/models/${model}:predict`, body);
/** Bodies hold NaN and are compared to the byte. */
async function text(at: string, body?: string): Promise<string> {
  const answer = await fetch(`${server.url}${at}`, body === undefined ? {} : { method: 'POST', body });
  return answer.text();
}

describe('REST', () => {
  it('predicts rows and columns', async () => {
    const rows = await predict('classifier', { instances: [ROW, [5, 4, 3, 2, 1]] });
    expect(rows.status).toBe(200);
    expect(rows.headers.get('content-type')).toBe('application/json');
    expect(rows.headers.get('slipway-model-version')).toBe('v2');
    expect(rows.body.predictions).toHaveLength(2);
    const columns = await predict('classifier', { signature_name: 'serving_default', inputs: { readings: [ROW, [5, 4, 3, 2, 1]] } });
    expect(columns.body.outputs).toEqual(rows.body.predictions);
    const native = await server.post('/predict', { modelName: 'classifier', inputs: [ROW] });
    rows.body.predictions[0].forEach((value: number, at: number) => { expect(Math.fround(value)).toBe(Math.fround(native.body.predictions[0][at])); });
  });

  it('lays a body out as TensorFlow Serving does', async () => {
    expect(await text('/v1/models/pair:predict', '{"instances":[{"a":[1,2],"b":[0.5,NaN]}]}')).toBe(
      '{\n    "predictions": [\n        {\n            "difference": [0.5, NaN],\n            "total": [1.5, NaN]\n        }\n    ]\n}',
    );
    expect(await text('/v1/models/value:predict', '{"inputs":[[1],[4.5e6]]}')).toBe('{\n    "outputs": [\n        [\n            2.0\n        ],\n        [\n            9e+06\n        ]\n    ]\n}');
  });

  it('takes texts for a text model, bytes for strings, pictures for a picture model', async () => {
    const words = await predict('sentiment', { instances: ['a wonderful evening', { b64: Buffer.from('never again').toString('base64') }] });
    expect(words.body.predictions.map(([negative, positive]: number[]) => (positive ?? 0) > (negative ?? 0))).toEqual([true, false]);
    expect((await predict('echo', { instances: ['a', { b64: '/w==' }] })).body.predictions).toEqual(['a', { b64: '/w==' }]);
    const pixels = Array.from({ length: 8 }, () => Array.from({ length: 8 }, () => [0]));
    expect((await predict('digits', { instances: [pixels] })).body.predictions[0]).toHaveLength(10);
    expect((await predict('digits', { instances: [{ b64: 'aGk=' }] })).body.error).toContain('neither PNG nor JPEG');
  });

  it('classifies and regresses', async () => {
    const example = { temperature: 1.0, vibration: 2, pressure: 3, current: 4, noise: 5 };
    const body = '{"examples":[{"temperature":1.0,"vibration":2.5,"pressure":3.0,"current":4.0,"noise":5.0}]}';
    const classes = await server.post('/v1/models/classifier/versions/1:classify', body);
    expect(classes.body.results[0].map(([label]: [string]) => label)).toEqual(['normal', 'worn', 'failing']);
    expect(await server.post('/v1/models/classifier:classify', { examples: [example] })).toMatchObject({ status: 200 });
    const sentiment = await server.post('/v1/models/sentiment:classify', { examples: [{ text: 'a wonderful evening' }] });
    expect(sentiment.body.results[0].map(([label]: [string]) => label)).toEqual(['negative', 'positive']);
    expect((await server.post('/v1/models/value:regress', { context: { x: 2.5 }, examples: [{}, { x: 4.5 }] })).body).toEqual({ results: [5, 9] });
    expect(await server.post('/v1/models/classifier:regress', { examples: [{ readings: ROW }] })).toMatchObject({ status: 400 });
  });

  it('looks for its paths whatever the case of their letters', async () => {
    expect((await server.post('/V1/MODELS/value/Versions/1:predict', { instances: [[2]] })).body).toEqual({ predictions: [[4]] });
    expect(await text('/V1/models/value')).toBe(await text('/v1/models/value'));
    expect(await text('/v1/Models/value/metadata')).toBe(await text('/v1/models/value/metadata'));
  });

  it('knows versions by number and by label', async () => {
    const version = async (at: string): Promise<string | null> => (await server.post(`/v1/models/classifier${at}:predict`, { instances: [ROW] })).headers.get('slipway-model-version');
    expect(await version('')).toBe('v2');
    expect(await version('/versions/1')).toBe('v1');
    expect(await version('/labels/v1')).toBe('v1');
    expect(await version('/labels/stable')).toBe('v2');
    expect(await version('/labels/canary')).toBe('v1'); // the version beside the one that answers by default
    expect((await server.get('/v1/models/pair')).body.model_version_status).toMatchObject([{ version: '1', state: 'AVAILABLE' }]); // `blue` has no number of its own
    expect((await server.get('/v1/models/long')).body.model_version_status).toMatchObject([{ version: '3' }]);
  });

  it('says status and metadata', async () => {
    const both = await server.get('/v1/models/classifier');
    expect(both.body.model_version_status.map(({ version, state }: Loose) => [version, state])).toEqual([['2', 'AVAILABLE'], ['1', 'AVAILABLE']]);
    expect((await server.get('/v1/models/classifier/versions/1')).body.model_version_status).toHaveLength(1);
    const { body } = await server.get('/v1/models/sentiment/metadata');
    expect(body.model_spec).toEqual({ name: 'sentiment', signature_name: '', version: '1' });
    expect(body.metadata.signature_def.signature_def.serving_default.inputs.text).toMatchObject({ dtype: 'DT_STRING', tensor_shape: { dim: [{ size: '-1' }] } });
  });

  it.each([
    ['/v1/models', undefined, 400, 'Missing model name in request.'],
    ['/v1/models/nobody', undefined, 404, 'Could not find any versions of model nobody'],
    ['/v1/models/classifier/versions/9', undefined, 404, 'Could not find version 9 of model classifier'],
    ['/v1/models/nobody:predict', '{"instances":[1]}', 404, 'Servable not found for request: Latest(nobody)'],
    ['/v1/models/classifier/versions/9:predict', '{"instances":[1]}', 404, 'Servable not found for request: Specific(classifier, 9)'],
    ['/v1/models/nobody/versions/9', undefined, 404, 'Could not find version 9 of model nobody'],
    ['/v1/models/nobody/labels/none', undefined, 400, 'Unrecognized servable version label: none'],
    ['/v1/models/nobody/versions/9:predict', '{"instances":[1]}', 404, 'Servable not found for request: Specific(nobody, 9)'],
    ['/V1/Models', undefined, 400, 'Missing model name in request.'],
    ['/V1/Models/classifier/VERSIONS/9', undefined, 404, 'Could not find version 9 of model classifier'],
    ['/V1/Models/classifier:Predict', '{"instances":[1]}', 400, 'Malformed request: POST /V1/Models/classifier:Predict'],
    ['/V1/other?x', undefined, 400, 'Malformed request: GET /V1/other'],
    ['/v1/models/classifier/labels/none:predict', '{"instances":[1]}', 400, 'Unrecognized servable version label: none'],
    ['/v1/models/classifier:explode', '{}', 400, 'Malformed request: POST /v1/models/classifier:explode'],
    ['/v1/models/classifier:predict', '', 400, 'JSON Parse error: The document is empty'],
    ['/v1/models/classifier:predict', '{"instances":[[1,2,3,4,NaN]]}', 400, 'inputs.readings[0][4] (noise): expected a finite number, got NaN.'],
    ['/v1/models/classifier:predict', '{"instances":[[1,2]]}', 400, 'inputs.readings: expected shape [-1,5], got shape [1,2].'],
  ])('%s %s is %i', async (at, body, status, error) => {
    const answer = body === undefined ? await server.get(at) : await server.post(at, body);
    expect(answer).toMatchObject({ status, body: { error } });
    expect(answer.headers.get('content-type')).toBe('application/json');
  });

  it('reads gzip, refuses what is too large in its own words, and sends a missing version on behind a router', async () => {
    const packed = gzipSync(JSON.stringify({ instances: [[2]] }));
    expect((await server.post('/v1/models/value:predict', packed, { 'content-encoding': 'gzip' })).body).toEqual({ predictions: [[4]] });
    expect(await server.post('/v1/models/value:predict', `{"instances":[${'[1],'.repeat(50_000)}[1]]}`)).toMatchObject({ status: 413, body: { error: expect.stringContaining('100000 bytes') as string } });
    await using routed = await serve({ MODEL_PATH: path.join(folder.path, 'long', '3'), MODEL_NAME: 'counter', BEHIND_ROUTER: 'true', REVISION_NUMBER: '7', WARMUP_ITERATIONS: '0', REVISION: 'counter-abc' });
    expect((await routed.get('/v1/models/counter')).body.model_version_status).toMatchObject([{ version: '7' }]);
    expect(await routed.post('/v1/models/counter/versions/8:predict', { instances: [1] })).toMatchObject({ status: 421 });
  });

  it('counts under the names that its dashboards read', async () => {
    await predict('value', { instances: [[1], [2]] });
    const page = await text('/monitoring/prometheus/metrics');
    expect(page).toMatch(/^:tensorflow:serving:request_count\{model_name="value",status="OK"\} [1-9]/m);
    expect(page).toMatch(/^:tensorflow:serving:request_latency_bucket\{model_name="value",API="predict",entrypoint="REST",le="\+Inf"\} [1-9]/m);
    expect(page).toMatch(/^:tensorflow:serving:runtime_latency_count\{model_name="value",API="predict",runtime="TF1"\} [1-9]/m);
    expect(page).not.toContain('# HELP');
    expect((await server.get('/monitoring/prometheus/metrics')).headers.get('content-type')).toBe('text/plain');
  });

  it('answers anything in words', async () => {
    const body = fc.record({ instances: fc.jsonValue({ maxDepth: 3 }), inputs: fc.jsonValue({ maxDepth: 3 }), examples: fc.jsonValue({ maxDepth: 3 }), signature_name: fc.jsonValue({ maxDepth: 1 }) }, { requiredKeys: [] });
    const verb = fc.constantFrom('predict', 'classify', 'regress');
    const model = fc.constantFrom('pair', 'long', 'echo', 'value');
    await fc.assert(fc.asyncProperty(model, verb, fc.oneof(body.map((value) => JSON.stringify(value)), fc.string()), async (name, method, sent) => {
      const answer = await text(`/v1/models/${name}:${method}`, sent);
      expect(answer).toMatch(/^\{\n {4}"(predictions|outputs|results|error)": /);
    }), { numRuns: 80 });
  });
});

const call = (method: string, codecs: Codecs, message: object): Promise<Loose> => tfServingCall(client, method, codecs, message);

const CLASSIFY = { request: MESSAGES.classificationRequest, response: MESSAGES.classificationResponse };
const PAIR = { a: proto([1, 2], [1, 2]), b: proto([0.5], [1, 2]) }; // one value stands for all
const example = (feature: Record<string, object>): ExampleMessage => ({ features: { feature } });

describe('gRPC', () => {
  it('predicts, with an output filter, and says which version it was', async () => {
    const all = await call('PredictionService/Predict', PREDICT, { model_spec: { name: 'pair' }, inputs: PAIR });
    expect(all.outputs.total.float_val).toEqual([1.5, 2.5]);
    expect(all.model_spec).toMatchObject({ name: 'pair', version: { value: 1 }, signature_name: 'serving_default' });
    const some = await call('PredictionService/Predict', PREDICT, { model_spec: { name: 'pair' }, inputs: PAIR, output_filter: ['difference'] });
    expect(Object.keys(some.outputs)).toEqual(['difference']);
  });

  it('takes tensor_content, strings and versions', async () => {
    const content = { dtype: 1, tensor_shape: { dim: [{ size: 1 }, { size: 5 }] }, tensor_content: new Uint8Array(Float32Array.from(ROW).buffer) };
    const answer = await call('PredictionService/Predict', PREDICT, { model_spec: { name: 'classifier', version: { value: 1 } }, inputs: { readings: content } });
    expect(answer.model_spec.version.value).toBe(1);
    const rest = await server.post('/v1/models/classifier/versions/1:predict', { instances: [ROW] });
    expect(answer.outputs.probabilities.float_val.map(Math.fround)).toEqual(rest.body.predictions[0].map(Math.fround));
    const words = { dtype: 7, tensor_shape: { dim: [{ size: 1 }] }, string_val: [Buffer.from('never again')] };
    expect((await call('PredictionService/Predict', PREDICT, { model_spec: { name: 'sentiment', version_label: 'v1' }, inputs: { text: words } })).outputs.probabilities.float_val).toHaveLength(2);
  });

  it('classifies, regresses and does both at once', async () => {
    const readings = example({ readings: { float_list: { value: ROW } } });
    const classes = await call('PredictionService/Classify', CLASSIFY, { model_spec: { name: 'classifier' }, input: { example_list: { examples: [readings] } } });
    expect(classes.result.classifications[0].classes.map(({ label }: Loose) => label)).toEqual(['normal', 'worn', 'failing']);
    const input = { example_list_with_context: { context: example({ x: { float_list: { value: [3] } } }), examples: [example({})] } };
    const value = await call('PredictionService/Regress', { request: MESSAGES.regressionRequest, response: MESSAGES.regressionResponse }, { model_spec: { name: 'value' }, input });
    expect(value.result.regressions).toMatchObject([{ value: 6 }]);
    const tasks = [{ model_spec: { name: 'value' }, method_name: 'tensorflow/serving/regress' }, { model_spec: { name: 'value' }, method_name: 'tensorflow/serving/classify' }];
    const both = await call('PredictionService/MultiInference', { request: MESSAGES.multiRequest, response: MESSAGES.multiResponse }, { tasks, input });
    expect(both.results).toMatchObject([{ regression_result: { regressions: [{ value: 6 }] } }, { classification_result: { classifications: [{ classes: [{ score: 6 }] }] } }]);
  });

  it('says metadata and status', async () => {
    const answer = await call('PredictionService/GetModelMetadata', { request: MESSAGES.metadataRequest, response: MESSAGES.metadataResponse }, { model_spec: { name: 'classifier' }, metadata_field: ['signature_def'] });
    const map = MESSAGES.signatures.decode(answer.metadata.signature_def.value);
    expect(map.signature_def['serving_default']).toMatchObject({ inputs: { readings: { dtype: 1 } }, method_name: 'tensorflow/serving/predict' });
    const status = await call('ModelService/GetModelStatus', { request: MESSAGES.statusRequest, response: MESSAGES.statusResponse }, { model_spec: { name: 'classifier' } });
    expect(status.model_version_status.map(({ version, state }: Loose) => [version, state])).toEqual([[2, 30], [1, 30]]);
  });

  it.each([
    ['no spec', {}, grpc.status.INVALID_ARGUMENT, 'Missing ModelSpec'],
    ['no model', { model_spec: { name: 'nobody' } }, grpc.status.NOT_FOUND, 'Servable not found for request: Latest(nobody)'],
    ['no version', { model_spec: { name: 'pair', version: { value: 9 } } }, grpc.status.NOT_FOUND, 'Servable not found for request: Specific(pair, 9)'],
    ['no signature', { model_spec: { name: 'pair', signature_name: 'other' } }, grpc.status.FAILED_PRECONDITION, 'Serving signature key "other" not found.'],
    ['other inputs', { model_spec: { name: 'pair' }, inputs: { a: proto([1, 2], [1, 2]), c: proto([1], [1]) } }, grpc.status.INVALID_ARGUMENT, 'input size does not match signature: 2!=2 len({a,c}) != len({a,b}). Sent extra: {c}. Missing but required: {b}.'],
    ['an output twice', { model_spec: { name: 'pair' }, inputs: PAIR, output_filter: ['total', 'total'] }, grpc.status.INVALID_ARGUMENT, 'duplicate output tensor alias: total'],
    ['an output that is none', { model_spec: { name: 'pair' }, inputs: PAIR, output_filter: ['sum'] }, grpc.status.INVALID_ARGUMENT, 'output tensor alias not found in signature: sum Outputs expected to be in the set {difference,total}.'],
    ['no name', { model_spec: { name: '' } }, grpc.status.INVALID_ARGUMENT, 'ModelSpec has no name specified.'],
    ['a shape that lies', { model_spec: { name: 'value' }, inputs: { x: proto([1], [1_000_000, 1]) } }, grpc.status.INVALID_ARGUMENT, 'repeated, they would take more'],
    ['more values than elements', { model_spec: { name: 'value' }, inputs: { x: proto([1, 2], [1, 1]) } }, grpc.status.INVALID_ARGUMENT, 'has 2 values'],
    ['an unknown dtype', { model_spec: { name: 'value' }, inputs: { x: { dtype: 99 } } }, grpc.status.INVALID_ARGUMENT, 'DataType 99'],
  ])('refuses %s', async (_, message, code, details) => {
    await expect(call('PredictionService/Predict', PREDICT, message)).rejects.toMatchObject({ code, details: expect.stringContaining(details) as string });
  });

  it.each([
    ['no task', [], 'ModelSpec has no name specified.'],
    ['a task without a name', [{ model_spec: { name: '' } }], 'Found ModelSpec with an empty model name.'],
    ['two models', [{ model_spec: { name: 'value' } }, { model_spec: { name: 'classifier' } }], 'All ModelSpecs in a MultiInferenceRequest must access the same model name.'],
  ])('refuses %s of several', async (_, tasks, details) => {
    const message = { tasks: tasks.map((task) => ({ ...task, method_name: 'tensorflow/serving/regress' })) };
    await expect(call('PredictionService/MultiInference', { request: MESSAGES.multiRequest, response: MESSAGES.multiResponse }, message)).rejects.toMatchObject({ code: grpc.status.INVALID_ARGUMENT, details });
  });

  it('refuses to be configured', async () => {
    await expect(call('ModelService/HandleReloadConfigRequest', { request: MESSAGES.reloadRequest, response: MESSAGES.reloadResponse }, {})).rejects.toMatchObject({ code: grpc.status.UNIMPLEMENTED });
  });

  it('answers any message with a status, and stays up', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), fc.constantFrom('Predict', 'Classify', 'Regress', 'MultiInference', 'GetModelMetadata'), async (bytes, method) => {
      const raw = { encode: () => bytes, decode: (answer: Uint8Array) => answer };
      await call(`PredictionService/${method}`, { request: raw, response: raw }, {}).then(
        () => undefined,
        (error: grpc.ServiceError) => { expect([grpc.status.INTERNAL, grpc.status.UNKNOWN]).not.toContain(error.code); },
      );
    }), { numRuns: 80 });
    expect((await server.get('/v1/models/value')).status).toBe(200);
  });

  it('tensors come back as they went', () => {
    const floats = fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 6 });
    fc.assert(fc.property(floats, (values) => {
      const one = { name: 'x', dtype: 'float32' as const, shape: [values.length], data: Float32Array.from(values) };
      expect(tensorFromProto('x', MESSAGES.tensor.decode(MESSAGES.packedTensor.encode(protoFromTensor(one))), 1000)).toEqual(one);
    }));
    for (const data of [BigInt64Array.of(1n, -2n), BigInt64Array.of(2n ** 62n, 1n)]) {
      const one = { name: 'x', dtype: 'int64' as const, shape: [2], data };
      expect(tensorFromProto('x', MESSAGES.tensor.decode(MESSAGES.packedTensor.encode(protoFromTensor(one))), 1000)).toEqual(one);
    }
  });
});

