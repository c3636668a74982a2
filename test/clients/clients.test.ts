// Public Python clients, as people have them, against the server: each script makes its checks and prints a line for each.
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serve, temporaryFolder, type TestServer } from '../server/support/server.ts';
import { checksOf, CLIENTS, runScript, TIMEOUT_MS, writeModels, type Result } from './support/scripts.ts';

const folder = temporaryFolder();
let tfserving: TestServer | undefined;
let kserve: TestServer | undefined;

beforeAll(async () => {
  const models = path.join(folder.path, 'models');
  await writeModels(models, ['1', '2']);
  tfserving = await serve({ MODEL_PATH: models, WARMUP_ITERATIONS: '1' });
  kserve = await serve({ MODEL_PATH: models, WARMUP_ITERATIONS: '1', V1_DIALECT: 'kserve' });
}, TIMEOUT_MS);

afterAll(async () => {
  await tfserving?.close();
  await kserve?.close();
  folder[Symbol.dispose]();
});

describe.each(CLIENTS)('$client', (client) => {
  let results: Result[] = [];
  beforeAll(async () => {
    results = await runScript(client, (client.dialect === 'kserve' ? kserve : tfserving)?.port ?? 0);
  }, TIMEOUT_MS);

  it.each(checksOf(client))('%s', (name) => {
    const result = results.find((each) => each.name === name);
    expect(result?.error).toBeUndefined();
    expect(result?.ok).toBe(true);
  });
});
