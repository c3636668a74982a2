// TensorFlow Serving's labels and numbers through the router, in the middle of a canary: the revision that has them answers, over REST and gRPC.
import path from 'node:path';
import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MESSAGES, type TensorMessage } from '../../server/src/protocols/tfserving/grpc-messages.ts';
import { backend, closeAll, startRouter, type Router, type Upstream } from '../../router/src/testing/harness.ts';
import { serverPods } from './support/pod.ts';
import { doubling } from './support/saved-model.ts';
import { temporaryFolder } from './support/server.ts';

const folder = temporaryFolder();
const servers = serverPods();
let router: Router;
let client: grpc.Client;
let pods: Record<'stable' | 'canary', Upstream>;

/** A server as a pod of a revision; versions are words here, so their numbers are those of the revisions. */
const pod = (version: string, number: string, port: number): Promise<Upstream> =>
  servers.start({ MODEL_PATH: path.join(folder.path, 'twice'), MODEL_NAME: 'twice', MODEL_VERSION: version, REVISION_NUMBER: number, WARMUP_ITERATIONS: '0' }, port);

const during = (weight: number): ReturnType<typeof backend>[] => [backend('stable', 100 - weight, 'blue'), backend('canary', weight, 'green')];

beforeAll(async () => {
  doubling(path.join(folder.path, 'twice', '1'), 'float32', [-1, 2]);
  const stable = await pod('blue', '4', 0);
  pods = { stable, canary: await pod('green', '7', stable.port) };
  router = await startRouter({ targetPort: stable.port, route: { backends: during(20) } });
  router.pods({ stable: [pods.stable], canary: [pods.canary] });
  client = new grpc.Client(`127.0.0.1:${String(router.port)}`, grpc.credentials.createInsecure());
}, 240_000);
afterAll(async () => {
  client.close();
  await closeAll();
  await servers.close();
  folder[Symbol.dispose]();
});

/** Calls until each revision has been drawn for sure: a label must not depend on where a call lands first. */
const TIMES = 12;

const rest = (target: string, headers: Record<string, string> = {}): ReturnType<Router['call']> => router.call({ path: `/v1/models/twice${target}:predict`, body: '{"instances":[[1,2]]}', headers });
const answeredBy = ({ status, headers }: Awaited<ReturnType<typeof rest>>): string => `${String(status)} ${String(headers['slipway-model-version'])}`;

interface Answer {
  number: number;
  revision: string;
}

function predict(spec: object): Promise<Answer> {
  const { predictRequest, predictResponse } = MESSAGES;
  const x: TensorMessage = { dtype: 1, tensor_shape: { dim: [{ size: 1 }, { size: 2 }], unknown_rank: false }, float_val: [1, 2] };
  return new Promise((resolve, reject) => {
    let revision = '';
    const call = client.makeUnaryRequest(
      '/tensorflow.serving.PredictionService/Predict',
      (message: object) => Buffer.from(predictRequest.encode(message as never)),
      (bytes: Buffer) => predictResponse.decode(bytes),
      { model_spec: { name: 'twice', ...spec }, inputs: { x } },
      (error, answer) => {
        if (error !== null) reject(error);
        else resolve({ number: Number((answer as unknown as { model_spec: { version: { value: number } } }).model_spec.version.value), revision });
      },
    );
    call.on('metadata', (came) => (revision = String(came.get('slipway-revision')[0])));
  });
}

describe('labels and numbers in the middle of a canary', () => {
  it.each([
    ['/labels/stable', 'blue'],
    ['/labels/canary', 'green'],
    ['/labels/blue', 'blue'],
    ['/labels/green', 'green'],
    ['/versions/4', 'blue'],
    ['/versions/7', 'green'],
  ])('REST %s is answered by %s, wherever the call lands first', async (target, version) => {
    for (let index = 0; index < TIMES; index++) expect(answeredBy(await rest(target))).toBe(`200 ${version}`);
  });

  it.each([
    [{ version_label: 'stable' }, { number: 4, revision: 'svc-stable' }],
    [{ version_label: 'canary' }, { number: 7, revision: 'svc-canary' }],
    [{ version_label: 'green' }, { number: 7, revision: 'svc-canary' }],
    [{ version: { value: 7 } }, { number: 7, revision: 'svc-canary' }],
  ])('gRPC %j is answered by %j', async (spec, answer) => {
    for (let index = 0; index < TIMES; index++) expect(await predict(spec)).toEqual(answer);
  });

  it('status and metadata go by labels too', async () => {
    const status = JSON.parse((await router.call({ path: '/v1/models/twice/labels/canary' })).text) as { model_version_status: { version: string }[] };
    expect(status.model_version_status.map(({ version }) => version)).toEqual(['7']);
    expect((await router.call({ path: '/v1/models/twice/labels/stable/metadata' })).headers['slipway-model-version']).toBe('blue');
  });

  it('what nobody has is 404 with the versions that live', async () => {
    for (const target of ['/labels/gold', '/labels/previous', '/labels/constructor', '/versions/9']) {
      const answer = await rest(target);
      expect([target, answer.status, answer.text]).toEqual([target, 404, expect.stringContaining('Live versions: blue, green')]);
    }
    await expect(predict({ version_label: 'gold' })).rejects.toMatchObject({ code: grpc.status.NOT_FOUND });
  });

  it('a caller cannot say what a revision is', async () => {
    for (let index = 0; index < TIMES; index++) expect(answeredBy(await rest('/labels/canary', { 'Slipway-Role': 'canary' }))).toBe('200 green');
  });

  it('follow the release: once promoted, stable is the other, and nobody is the canary', async () => {
    router.route({ backends: [{ ...backend('stable', 100, 'green'), revision: 'svc-canary' }] });
    expect(answeredBy(await rest('/labels/stable'))).toBe('200 green');
    expect((await rest('/labels/canary')).status).toBe(404);
    router.route({ backends: during(20) });
    expect(answeredBy(await rest('/labels/canary'))).toBe('200 green');
  });
});
