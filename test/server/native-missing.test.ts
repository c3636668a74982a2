// What the image's bundle does where native TensorFlow is not there (it is bundled without the addon): says so loudly, stays up,
// and uses the slow backend only when told to.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest';
import { bundle } from '../../tools/images/bundle.ts';
import { doubling } from './support/saved-model.ts';
import { ask, MODELS, ROOT, temporaryFolder, until, type Answer } from './support/server.ts';
import { freePort } from '../../tools/free-port.ts';

const folder = temporaryFolder();
const children: ChildProcess[] = [];

beforeAll(async () => {
  for (const file of (await bundle(ROOT, { server: 'server/src/main.ts', preload: 'server/src/preload.ts' })).files) {
    mkdirSync(path.dirname(path.join(folder.path, 'app', file.name)), { recursive: true });
    writeFileSync(path.join(folder.path, 'app', file.name), file.bytes);
  }
  doubling(path.join(folder.path, 'saved', '1'), 'float32');
}, 120_000);
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => { folder[Symbol.dispose](); });

async function start(env: Record<string, string>): Promise<{ url: string; admin: string; log: () => string }> {
  const [port, admin] = [await freePort(), await freePort()];
  const app = (name: string): string => path.join(folder.path, 'app', name);
  const child = spawn(process.execPath, ['--import', app('preload.mjs'), app('server.mjs')], {
    env: { ...process.env, PORT: String(port), HOST: '127.0.0.1', ADMIN_PORT: String(admin), ADMIN_HOST: '127.0.0.1', WARMUP_ITERATIONS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (log += String(text)));
  const url = `http://127.0.0.1:${String(port)}`;
  const state = (): Promise<string> => ask(`http://127.0.0.1:${String(admin)}/state`).then((answer) => answer.body.phase as string, () => '');
  await until(state, (phase) => phase === 'Ready' || phase === 'Failed', 60_000);
  return { url, admin: `http://127.0.0.1:${String(admin)}`, log: () => log };
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
