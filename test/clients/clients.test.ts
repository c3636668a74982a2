// Public Python clients, as people have them, against the server: each script makes its checks and prints a line for each. What a check
// does is in the script; here is which there are, so that none can be left out.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureEnvironment, type EnvironmentName } from '../../tools/clients/environments.ts';
import { attribute, writeSavedModel } from '../server/support/saved-model.ts';
import { MODELS, serve, temporaryFolder, type TestServer } from '../server/support/server.ts';

const SCRIPTS = path.join(import.meta.dirname, 'python');
const TIMEOUT_MS = 300_000;
const folder = temporaryFolder();
let tfserving: TestServer | undefined;
let kserve: TestServer | undefined;

/** The model of Triton's own examples: two int32 inputs, their sum and their difference. */
function writeSimple(at: string): void {
  const input = (name: string): { name: string; op: string; attributes: Record<string, Uint8Array> } => ({ name, op: 'Placeholder', attributes: { dtype: attribute.type('int32'), shape: attribute.shape([-1, 16]) } });
  const T = { T: attribute.type('int32') };
  const end = (name: string, node: string) => ({ name, node: `${node}:0`, dtype: 'int32' as const, shape: [-1, 16] });
  writeSavedModel(at, {
    nodes: [input('a'), input('b'), { name: 'sum', op: 'AddV2', inputs: ['a', 'b'], attributes: T }, { name: 'difference', op: 'Sub', inputs: ['a', 'b'], attributes: T }],
    inputs: [end('INPUT0', 'a'), end('INPUT1', 'b')],
    outputs: [end('OUTPUT0', 'sum'), end('OUTPUT1', 'difference')],
  });
}

beforeAll(async () => {
  const models = path.join(folder.path, 'models');
  await mkdir(models);
  for (const model of ['classifier', 'sentiment']) await cp(path.join(MODELS, model), path.join(models, model), { recursive: true });
  writeSimple(path.join(models, 'simple', '1'));
  tfserving = await serve({ MODEL_PATH: models, WARMUP_ITERATIONS: '1' });
  kserve = await serve({ MODEL_PATH: models, WARMUP_ITERATIONS: '1', V1_DIALECT: 'kserve' });
}, TIMEOUT_MS);

afterAll(async () => {
  await tfserving?.close();
  await kserve?.close();
  folder[Symbol.dispose]();
});

interface Result { name: string; ok: boolean; error?: string }

async function runScript(script: string, environment: EnvironmentName, server: TestServer | undefined): Promise<Result[]> {
  const { directory } = await ensureEnvironment(environment, { note: () => undefined });
  const env = { PATH: process.env['PATH'] ?? '', PYTHONPATH: directory, PYTHONDONTWRITEBYTECODE: '1', PYTHONNOUSERSITE: '1', no_proxy: '*' };
  const { stdout } = await promisify(execFile)('python3', [path.join(SCRIPTS, script), `127.0.0.1:${String(server?.port)}`], { env, timeout: TIMEOUT_MS });
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as Result);
}

/** The checks that the last line of a script names. */
function checksOf(script: string): string[] {
  const list = /^run\(\[(.*)\]\)$/m.exec(readFileSync(path.join(SCRIPTS, script), 'utf8'))?.[1] ?? '';
  return list.split(', ').map((name) => name.replaceAll('_', ' '));
}

const CLIENTS: readonly { client: string; script: string; environment: EnvironmentName; dialect: 'tfserving' | 'kserve' }[] = [
  { client: 'tritonclient over HTTP', script: 'triton_http.py', environment: 'open-inference', dialect: 'tfserving' },
  { client: 'tritonclient over gRPC', script: 'triton_grpc.py', environment: 'open-inference', dialect: 'tfserving' },
  { client: 'tritonclient with asyncio', script: 'triton_aio.py', environment: 'open-inference', dialect: 'tfserving' },
  { client: 'the KServe client', script: 'kserve_client.py', environment: 'open-inference', dialect: 'kserve' },
  { client: 'tensorflow-serving-api', script: 'tfserving.py', environment: 'tfserving', dialect: 'tfserving' },
];

describe.each(CLIENTS)('$client', ({ script, environment, dialect }) => {
  let results: Result[] = [];
  beforeAll(async () => {
    results = await runScript(script, environment, dialect === 'kserve' ? kserve : tfserving);
  }, TIMEOUT_MS);

  it.each(checksOf(script))('%s', (name) => {
    const result = results.find((each) => each.name === name);
    expect(result?.error).toBeUndefined();
    expect(result?.ok).toBe(true);
  });
});
