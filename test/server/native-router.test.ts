// The native API through the router: the API version of a caller's first call is kept by its cookie, whichever revision answers.
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backend, closeAll, startRouter, type Router } from '../../router/src/testing/harness.ts';
import { serverPods } from './support/pod.ts';
import { doubling } from './support/saved-model.ts';
import { temporaryFolder } from './support/server.ts';

const folder = temporaryFolder();
const pods = serverPods();
let router: Router;

beforeAll(async () => {
  doubling(path.join(folder.path, 'twice', '1'), 'float32', [-1, 2]);
  const start = (version: string, port: number): ReturnType<typeof pods.start> => pods.start({ MODEL_PATH: path.join(folder.path, 'twice'), MODEL_NAME: 'twice', MODEL_VERSION: version, WARMUP_ITERATIONS: '0' }, port);
  const stable = await start('v1', 0);
  const canary = await start('v2', stable.port);
  router = await startRouter({ targetPort: stable.port, route: { backends: [backend('stable', 50, 'v1'), backend('canary', 50, 'v2')] } });
  router.pods({ stable: [stable], canary: [canary] });
}, 240_000);
afterAll(async () => {
  await closeAll();
  await pods.close();
  folder[Symbol.dispose]();
});

interface Told {
  revision: unknown;
  /** Of the API, by the keys of the answer. */
  version: 1 | 2;
  cookie: string | undefined;
}

async function predict(at: string, headers: Record<string, string> = {}): Promise<Told> {
  const { status, headers: got, text } = await router.call({ path: at, body: '{"inputs":[[1,2]]}', headers });
  expect([at, status]).toEqual([at, 200]);
  const body = JSON.parse(text) as object;
  return { revision: got['slipway-revision'], version: 'model_version' in body ? 2 : 1, cookie: got['set-cookie']?.[0] };
}

/** Calls until each revision has been drawn for sure. */
const TIMES = 8;

describe("a caller's API version", () => {
  it.each([['/predict', 1], ['/predict?version=v2', 2], ['/v2/predict', 2]] as const)('chosen by %s is kept on both revisions', async (first, version) => {
    const { cookie = '', version: chosen } = await predict(first);
    expect([chosen, cookie]).toEqual([version, `slipway-api-version=${String(version)}; Path=/; SameSite=Lax; HttpOnly`]);
    const sent = { cookie: `theme=dark; ${cookie.split(';')[0] ?? ''}` };
    const later = await Promise.all(Array.from({ length: TIMES }, () => predict('/predict', sent)));
    expect(new Set(later.map(({ revision }) => revision)).size).toBe(2);
    expect(later.every((told) => told.version === version && told.cookie === undefined)).toBe(true);
  });

  it('may be another for one call, which is not remembered', async () => {
    const sent = { cookie: 'slipway-api-version=2' };
    expect(await predict('/predict', { ...sent, 'accept-version': 'v1' })).toMatchObject({ version: 1, cookie: undefined });
    expect(await predict('/v1/predict', sent)).toMatchObject({ version: 1, cookie: undefined });
    expect(await predict('/predict', sent)).toMatchObject({ version: 2 });
  });
});
