// A SavedModel with several signatures: TensorFlow Serving's clients call each by its name, over REST and gRPC; batches hold one of them only.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MESSAGES } from '../../server/src/protocols/tfserving/grpc-messages.ts';
import { attribute, writeSavedModel } from './support/saved-model.ts';
import { serve, temporaryFolder, type Answer, type Loose, type TestServer } from './support/server.ts';
import { PREDICT, proto, tfServingCall, type Codecs } from './support/tfserving.ts';

const folder = temporaryFolder();
let server: TestServer;
let client: grpc.Client;

const T = attribute.type('float32');
const end = (name: string, node: string, shape: readonly number[]) => ({ name, node: `${node}:0`, dtype: 'float32', shape }) as const;

/** `serving_default`: y = 2x of [-1, 2]; `negate`: of the same tensor; `regression`: twice a column; `picky`: fails on zeros; `odd`: of a dtype that nobody has. */
function several(target: string): string {
  const placeholder = (name: string, shape: readonly number[]) => ({ name, op: 'Placeholder', attributes: { dtype: T, shape: attribute.shape(shape) } });
  return writeSavedModel(target, {
    nodes: [
      placeholder('x', [-1, 2]), placeholder('r', [-1, 1]),
      { name: 'y', op: 'AddV2', inputs: ['x', 'x'], attributes: { T } },
      { name: 'n', op: 'Neg', inputs: ['x'], attributes: { T } },
      { name: 'r2', op: 'AddV2', inputs: ['r', 'r'], attributes: { T } },
      { name: 'l', op: 'Log', inputs: ['x'], attributes: { T } },
      { name: 'c', op: 'CheckNumerics', inputs: ['l'], attributes: { T, message: attribute.text('no logarithm') } },
    ],
    inputs: [end('x', 'x', [-1, 2])],
    outputs: [end('y', 'y', [-1, 2])],
    more: {
      negate: { inputs: [end('value', 'x', [-1, 2])], outputs: [end('negative', 'n', [-1, 2])] },
      regression: { inputs: [end('r', 'r', [-1, 1])], outputs: [end('outputs', 'r2', [-1, 1])] },
      picky: { inputs: [end('x', 'x', [-1, 2])], outputs: [end('log', 'c', [-1, 2])] },
      odd: { inputs: [{ ...end('x', 'x', [-1, 2]), dtype: 'bfloat16' }], outputs: [end('y', 'y', [-1, 2])] },
    },
  });
}

beforeAll(async () => {
  several(path.join(folder.path, 'several', '1'));
  const isolated = several(path.join(folder.path, 'isolated', '1'));
  writeFileSync(path.join(isolated, 'model.yaml'), 'apiVersion: modelpackage.slipway.dev/v1\nname: isolated\nversion: "1"\nformat: saved-model\nsignature: negate\nisolation: process\n');
  server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1' });
  client = new grpc.Client(`127.0.0.1:${String(server.port)}`, grpc.credentials.createInsecure());
}, 120_000);
afterAll(async () => {
  client.close();
  await server.close();
  folder[Symbol.dispose]();
});

const post = (model: string, method: string, body: unknown): Promise<Answer> => server.post(`/v1/models/${model}:${method}`, body);

const call = (method: string, codecs: Codecs, message: object): Promise<Loose> => tfServingCall(client, method, codecs, message);

describe('REST', () => {
  it('predicts by the signature that is named, else by the package\'s own', async () => {
    expect((await post('several', 'predict', { instances: [[1, 2]] })).body).toEqual({ predictions: [[2, 4]] });
    expect((await post('several', 'predict', { signature_name: 'serving_default', instances: [[1, 2]] })).body).toEqual({ predictions: [[2, 4]] });
    expect((await post('several', 'predict', { instances: [[1, 2]], signature_name: 'negate' })).body).toEqual({ predictions: [[-1, -2]] });
    expect((await post('several', 'predict', { signature_name: 'negate', inputs: { value: [[1, 2]] } })).body).toEqual({ outputs: [[-1, -2]] });
    expect((await post('isolated', 'predict', { instances: [[1, 2]] })).body).toEqual({ predictions: [[-1, -2]] });
    expect((await post('isolated', 'predict', { signature_name: 'negate', instances: [[1, 2]] })).body).toEqual({ predictions: [[-1, -2]] });
    expect((await post('isolated', 'predict', { signature_name: 'serving_default', instances: [[1, 2]] })).body).toEqual({ predictions: [[2, 4]] });
  });

  it('classifies and regresses by it', async () => {
    expect((await post('several', 'regress', { signature_name: 'regression', examples: [{ r: 1.5 }, { r: 2.5 }] })).body).toEqual({ results: [3, 5] });
    expect((await post('several', 'classify', { signature_name: 'negate', examples: [{ value: [1.5, 2.5] }] })).status).toBe(200);
  });

  it('reads a large body, away from the event loop, by it', async () => {
    const { status, body } = await post('several', 'predict', `{"signature_name":"negate","instances":[[1,${' '.repeat(300_000)}2]]}`);
    expect([status, body]).toEqual([200, { predictions: [[-1, -2]] }]);
  });

  it('says what a signature lacks in its own words', async () => {
    expect((await post('several', 'predict', { signature_name: 'other', instances: [[1, 2]] }))).toMatchObject({ status: 400, body: { error: 'Serving signature name: "other" not found in signature def' } });
    expect((await post('several', 'predict', { signature_name: 'odd', instances: [[1, 2]] })).status, 'one that cannot be served is not there').toBe(400);
    expect((await post('several', 'predict', { signature_name: 'negate', inputs: { x: [[1, 2]] } })).body).toEqual({ error: "Missing named input: value in 'inputs' object." });
  });

  it('lists them all in the metadata', async () => {
    const { body } = await server.get('/v1/models/several/metadata');
    expect(Object.keys(body.metadata.signature_def.signature_def as object).sort()).toEqual(['negate', 'picky', 'regression', 'serving_default']);
    expect(body.metadata.signature_def.signature_def.negate).toMatchObject({ inputs: { value: { dtype: 'DT_FLOAT' } }, outputs: { negative: {} } });
  });
});

describe('gRPC', () => {

  it('predicts by the signature that is named, and says so', async () => {
    const answer = await call('PredictionService/Predict', PREDICT, { model_spec: { name: 'several', signature_name: 'negate' }, inputs: { value: proto([1, 2], [1, 2]) }, output_filter: ['negative'] });
    expect([answer.outputs.negative.float_val, answer.model_spec.signature_name]).toEqual([[-1, -2], 'negate']);
    await expect(call('PredictionService/Predict', PREDICT, { model_spec: { name: 'several', signature_name: 'other' }, inputs: {} })).rejects.toMatchObject({ code: grpc.status.FAILED_PRECONDITION, details: 'Serving signature key "other" not found.' });
  });

  it('takes tasks of several signatures at once', async () => {
    const task = (name: string, method: string): object => ({ model_spec: { name: 'several', signature_name: name }, method_name: `tensorflow/serving/${method}` });
    const input = { example_list: { examples: [{ features: { feature: { r: { float_list: { value: [1.5] } }, value: { float_list: { value: [1, 2] } } } } }] } };
    const both = await call('PredictionService/MultiInference', { request: MESSAGES.multiRequest, response: MESSAGES.multiResponse }, { tasks: [task('regression', 'regress'), task('negate', 'classify')], input });
    expect(both.results).toMatchObject([{ model_spec: { signature_name: 'regression' }, regression_result: { regressions: [{ value: 3 }] } }, { classification_result: { classifications: [{ classes: [{ score: -1 }, { score: -2 }] }] } }]);
  });

  it('lists them all in the metadata', async () => {
    const answer = await call('PredictionService/GetModelMetadata', { request: MESSAGES.metadataRequest, response: MESSAGES.metadataResponse }, { model_spec: { name: 'several' }, metadata_field: ['signature_def'] });
    expect(Object.keys(MESSAGES.signatures.decode(answer.metadata.signature_def.value).signature_def).sort()).toEqual(['negate', 'picky', 'regression', 'serving_default']);
  });
});

describe('calls of several signatures at once', () => {
  it('each get their own answer, in batches of their own', async () => {
    const calls = Array.from({ length: 300 }, (_, at) => at);
    const answers = await Promise.all(calls.map((at) => post('several', 'predict', at % 3 === 0 ? { instances: [[at, 1]] } : { signature_name: at % 3 === 1 ? 'negate' : 'picky', instances: [[at, 1]] })));
    const expected = (at: number): number => [2 * at, -at, Math.fround(Math.log(at))][at % 3] ?? NaN;
    answers.forEach(({ status, body }, at) => {
      expect(status).toBe(200);
      expect(body.predictions[0][0]).toBeCloseTo(expected(at), 4);
    });
    const { text } = await server.parts.metrics.prometheus();
    const batches = Number(/slipway_server_batch_size_count\{model="several",version="1"\} (\d+)/.exec(text)?.[1]);
    expect(batches, 'they were batched').toBeLessThan(300);
  });

  it('a signature that fails on zeros is served, unbatched, and its failure is its call\'s', async () => {
    expect((await post('several', 'predict', { signature_name: 'picky', instances: [[1, 1]] })).body).toEqual({ predictions: [[0, 0]] });
    const [bad, good] = await Promise.all([post('several', 'predict', { signature_name: 'picky', instances: [[0, 1]] }), post('several', 'predict', { instances: [[0, 1]] })]);
    expect(bad.status).toBeGreaterThanOrEqual(400);
    expect(good.body).toEqual({ predictions: [[0, 2]] });
  });
});
