// What the image's bundle does where native TensorFlow is not there (it is bundled without the addon): says so loudly, stays up,
// and uses the slow backend only when told to.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, afterAll, describe, expect, it } from 'vitest';
import { bundle } from '../../tools/images/bundle.ts';
import { doubling } from './support/saved-model.ts';
import { startProcess, type ServerProcess } from './support/process.ts';
import { ask, MODELS, ROOT, temporaryFolder, type Answer } from './support/server.ts';

const folder = temporaryFolder();

beforeAll(async () => {
  for (const file of (await bundle(ROOT, { server: 'server/src/main.ts', preload: 'server/src/preload.ts' })).files) {
    mkdirSync(path.dirname(path.join(folder.path, 'app', file.name)), { recursive: true });
    writeFileSync(path.join(folder.path, 'app', file.name), file.bytes);
  }
  doubling(path.join(folder.path, 'saved', '1'), 'float32');
}, 120_000);
afterAll(() => { folder[Symbol.dispose](); });

/** The bundle, once its models are ready or failed. */
function start(env: Record<string, string>): Promise<ServerProcess> {
  const app = (name: string): string => path.join(folder.path, 'app', name);
  const started = ({ admin }: { admin: string }): Promise<boolean> => ask(`${admin}/state`).then(({ body }) => body.phase === 'Ready' || body.phase === 'Failed', () => false);
  // Not kept: this folder is never met again.
  return startProcess({ ADMIN_HOST: '127.0.0.1', ...env }, { scripts: { preload: app('preload.mjs'), main: app('server.mjs') }, started });
}

const predict = (url: string): Promise<Answer> => ask(`${url}/predict`, { method: 'POST', body: JSON.stringify({ inputs: [[1, 2, 3, 4, 5]] }) });

describe('without native TensorFlow', () => {
  it('the server stays up, unready, and says why in state, health, metrics and log', async () => {
    const { url, admin, log } = await start({ MODEL_PATH: path.join(MODELS, 'classifier', 'v1'), MODEL_NAME: 'pump', BEHIND_ROUTER: 'true' });
    expect((await ask(`${admin}/state`)).body).toMatchObject({ phase: 'Failed', reason: 'NativeBackendUnavailable' });
    expect(await ask(`${url}/health`)).toMatchObject({ status: 200, body: { status: 'healthy', backend: { native: false, detail: expect.stringContaining('ALLOW_SLOW_BACKEND') as string } } });
    expect((await ask(`${url}/health/ready`)).status).toBe(503);
    expect((await ask(`${admin}/metrics`)).body).toMatch(/^slipway_server_native_backend 0$/m);
    expect(log()).toContain('NATIVE TENSORFLOW IS MISSING');
    expect((await predict(url)).status).toBe(503);
  });

  it('serves tfjs models slowly when told to, still saying so', async () => {
    const { url, admin, log } = await start({ MODEL_PATH: path.join(MODELS, 'classifier', 'v1'), ALLOW_SLOW_BACKEND: 'true' });
    const answer = await predict(url);
    expect(answer.status).toBe(200);
    expect(answer.body.predictions[0][0]).toBeCloseTo(0.7967, 3);
    expect((await ask(`${url}/health`)).body.backend).toMatchObject({ name: expect.stringContaining('tfjs-cpu') as string, native: false });
    expect((await ask(`${admin}/metrics`)).body).toMatch(/^slipway_server_native_backend 0$/m);
    expect(log()).toContain('NATIVE TENSORFLOW IS MISSING');
  });

  it('a SavedModel needs the native one whatever is allowed', async () => {
    const { admin } = await start({ MODEL_PATH: path.join(folder.path, 'saved'), ALLOW_SLOW_BACKEND: 'true' });
    const { body } = await ask(`${admin}/state`);
    expect(body).toMatchObject({ phase: 'Failed', reason: 'NativeBackendUnavailable' });
    expect(body.message).toContain('SavedModel');
  });
});
