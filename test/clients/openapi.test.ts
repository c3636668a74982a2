// The OpenAPI document of a server with the sample models: that it is valid OpenAPI 3.1, and, by schemathesis, that the server does what it
// says: what fits the document is accepted, what does not is refused, and every status, header and body is one that it lists.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureEnvironment } from '../../tools/clients/environments.ts';
import { MODELS, serve, temporaryFolder, type TestServer } from '../server/support/server.ts';
import { startRouterProcess, type RouterProcess } from './support/router-process.ts';

const LIMIT_MS = 600_000;
/** Cases of each operation beside those that the document itself suggests; a fixed seed. Server errors are for a check of ours in hooks.py. */
const SCOPE = ['--seed', '7', '--max-examples', '10', '--checks', 'all', '--exclude-checks', 'not_a_server_error', '--phases', 'examples,coverage,fuzzing', '--generation-database', 'none', '--no-shrink', '--no-color'];
const folder = temporaryFolder();
let server: TestServer;
let router: RouterProcess;

beforeAll(async () => {
  server = await serve({ MODEL_PATH: MODELS, WARMUP_ITERATIONS: '1' });
  router = await startRouterProcess(server.port, { v1: '127.0.0.1', v2: '127.0.0.1' });
}, 240_000);
afterAll(async () => {
  await router.stop();
  await server.close();
  folder[Symbol.dispose]();
});

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1, also without a model', async () => {
    await using empty = await serve({ MODEL_PATH: folder.path });
    for (const each of [server, empty]) {
      const { body } = await each.get('/openapi.json');
      expect(await new Validator().validate(body)).toMatchObject({ valid: true });
    }
  });

  it.each(['on the server', 'through a router in a process of its own'])('is what the server does, says schemathesis: %s', async (place) => {
    const url = place === 'on the server' ? server.url : `http://127.0.0.1:${String(router.port)}`;
    const { directory } = await ensureEnvironment('schemathesis', { note: () => undefined });
    const hooks = path.join(import.meta.dirname, 'schemathesis', 'hooks.py');
    const env = { PATH: process.env['PATH'] ?? '', PYTHONPATH: directory, PYTHONDONTWRITEBYTECODE: '1', PYTHONNOUSERSITE: '1', MODELS, SCHEMATHESIS_HOOKS: hooks, no_proxy: '*' };
    const run = promisify(execFile)('python3', ['-m', 'schemathesis.cli', 'run', `${url}/openapi.json`, ...SCOPE], { cwd: folder.path, env, timeout: LIMIT_MS, maxBuffer: 64 * 1024 * 1024 });
    const { code, stdout } = await run.then(({ stdout: text }) => ({ code: 0, stdout: text }), (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, stdout: error.stdout + error.stderr }));
    expect(code, stdout.slice(-6000)).toBe(0);
    const operations = Object.values((await server.get('/openapi.json')).body.paths as Record<string, object>).flatMap(Object.keys).length;
    expect(stdout).toMatch(new RegExp(`Tested: +${String(operations - 1)}\n`)); // all but the document itself
    expect(Number(/(\d+) generated/.exec(stdout)?.[1])).toBeGreaterThan(1000);
  }, LIMIT_MS);
});
