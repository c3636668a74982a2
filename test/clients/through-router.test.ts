// The public Python clients of clients.test.ts through a router in a process of its own, in the middle of a canary: every check passes as it does against one server,
// and the model versions that answer are split by the weights, call by call, on one connection too.
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serverPods } from '../server/support/pod.ts';
import { temporaryFolder } from '../server/support/server.ts';
import { startRouterProcess, type RouterProcess } from './support/router-process.ts';
import { checksOf, CLIENTS, runScript, TIMEOUT_MS, writeModels, type Result } from './support/scripts.ts';

/** Those of the router process. */
const WEIGHTS = { 1: 90, 2: 10 };
const folder = temporaryFolder();
const servers = serverPods();
let router: RouterProcess;

/** A revision with one version of every model. The dialect changes `/v1` alone, which only KServe's client calls here. */
async function revision(version: string, port: number): ReturnType<typeof servers.start> {
  const models = path.join(folder.path, version);
  await writeModels(models, [version]);
  return servers.start({ MODEL_PATH: models, WARMUP_ITERATIONS: '1', V1_DIALECT: 'kserve' }, port);
}

beforeAll(async () => {
  const stable = await revision('1', 0);
  const canary = await revision('2', stable.port);
  router = await startRouterProcess(stable.port, { v1: stable.host, v2: canary.host });
}, TIMEOUT_MS);

afterAll(async () => {
  await router.stop();
  await servers.close();
  folder[Symbol.dispose]();
});

/** The most connections of callers that the router had open at a time while something ran. */
async function mostConnections(during: () => Promise<unknown>): Promise<number> {
  let most = 0;
  let over = false;
  const looking = (async () => {
    while (!over) most = Math.max(most, await router.metric('slipway_router_open_connections', 'downstream'));
  })();
  try {
    await during();
  } finally {
    over = true;
    await looking;
  }
  return most;
}

describe.each(CLIENTS)('$client', (client) => {
  let results: Result[] = [];
  beforeAll(async () => {
    results = await runScript(client, router.port, [JSON.stringify(WEIGHTS)]);
  }, TIMEOUT_MS);

  it.each(checksOf(client))('%s', (name) => {
    const result = results.find((each) => each.name === name);
    expect(result?.error).toBeUndefined();
    expect(result?.ok).toBe(true);
  });

  it.each(checksOf(client, 'split'))('%s', async (name) => {
    const most = await mostConnections(async () => (results = await runScript(client, router.port, [JSON.stringify(WEIGHTS), 'split'])));
    expect(results).toEqual([{ name, ok: true }]);
    expect(most).toBe(1);
  });
});
