// gRPC through the router to real servers: one connection of a genuine client, weights per call, a version found where it is.
import path from 'node:path';
import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { V2_PROTO } from '../../server/src/protocols/v2/proto.ts';
import { backend, closeAll, startRouter, type Router, type Upstream } from '../../router/src/testing/harness.ts';
import { grpcClient, type GrpcClient } from './support/grpc.ts';
import { serverPods } from './support/pod.ts';
import { doubling } from './support/saved-model.ts';
import { temporaryFolder } from './support/server.ts';

const CALLS = 200;
const CANARY_SHARE = 0.25;
const folder = temporaryFolder();
const pods = serverPods();
let router: Router;
let client: GrpcClient;

const pod = (version: string, port: number): Promise<Upstream> => pods.start({ MODEL_PATH: path.join(folder.path, 'twice'), MODEL_NAME: 'twice', MODEL_VERSION: version, WARMUP_ITERATIONS: '0' }, port);

beforeAll(async () => {
  doubling(path.join(folder.path, 'twice', '1'), 'float32', [-1, 2]);
  const stable = await pod('v1', 0);
  const canary = await pod('v2', stable.port);
  router = await startRouter({ targetPort: stable.port, route: { backends: [backend('stable', 100 - CANARY_SHARE * 100, 'v1'), backend('canary', CANARY_SHARE * 100, 'v2')] } });
  router.pods({ stable: [stable], canary: [canary] });
  client = grpcClient(V2_PROTO, 'inference.GRPCInferenceService', router.port);
}, 240_000);
afterAll(async () => {
  client[Symbol.dispose]();
  await closeAll();
  await pods.close();
  folder[Symbol.dispose]();
});

const request = (version = ''): object => ({ model_name: 'twice', model_version: version, inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2] } }] });

describe('gRPC through the router', () => {
  it('the calls of one connection are split by the weights', async () => {
    const seen = new Map<string, number>();
    for (let index = 0; index < CALLS; index++) {
      const { body, headers } = await client.call('ModelInfer', request());
      expect(body.outputs[0].contents.fp32_contents).toEqual([2, 4]);
      expect(headers.get('slipway-revision')).toEqual([body.model_version === 'v1' ? 'svc-stable' : 'svc-canary']);
      seen.set(body.model_version, (seen.get(body.model_version) ?? 0) + 1);
    }
    expect(router.metric('slipway_router_open_connections', 'downstream')).toBe(1);
    expect(Math.abs((seen.get('v2') ?? 0) - CALLS * CANARY_SHARE)).toBeLessThanOrEqual(2);
    expect((seen.get('v1') ?? 0) + (seen.get('v2') ?? 0)).toBe(CALLS);
  });

  it.each(['v1', 'v2'])('a call for %s is answered by the revision that has it', async (version) => {
    for (let index = 0; index < 8; index++) expect((await client.call('ModelInfer', request(version))).body.model_version).toBe(version);
  });

  it('a version that no revision has is NOT_FOUND; a mistake of the caller stays the server\'s words', async () => {
    await expect(client.call('ModelInfer', request('v9'))).rejects.toMatchObject({ code: grpc.status.NOT_FOUND });
    await expect(client.call('ModelInfer', { model_name: 'twice' })).rejects.toMatchObject({ code: grpc.status.INVALID_ARGUMENT, details: expect.stringContaining('missing required input') as string });
  });
});
