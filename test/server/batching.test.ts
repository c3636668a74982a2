// Batches of allowed and preferred sizes on a real model: what runs has an allowed size, what is answered is as if nothing had been added.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { shares } from './support/saved-model.ts';
import { MODELS, serve, temporaryFolder, type TestServer } from './support/server.ts';

const CLASSIFIER = path.join(MODELS, 'classifier', 'v2');
const rows = (count: number, seed: number): number[][] => Array.from({ length: count }, (_, row) => Array.from({ length: 5 }, (__, at) => Math.fround(Math.sin(seed + row * 5 + at) * 3)));

async function counted(server: TestServer, name: string): Promise<number> {
  const { text } = await server.parts.metrics.prometheus();
  return Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
}

describe('allowed sizes', () => {
  it('fill a batch up and drop what was added', async () => {
    await using plain = await serve({ MODEL_PATH: CLASSIFIER, WARMUP_ITERATIONS: '1' });
    await using server = await serve({ MODEL_PATH: CLASSIFIER, WARMUP_ITERATIONS: '1', MAX_BATCH_SIZE: '16', BATCH_ALLOWED_SIZES: '1,4,16' });
    let added = 0;
    for (const [count, padding] of [[1, 0], [2, 2], [4, 0], [5, 11], [16, 0], [19, 1]] as const) {
      const body = { inputs: rows(count, count) };
      const [padded, alone] = [await server.post('/predict', body), await plain.post('/predict', body)];
      expect(padded.status).toBe(200);
      expect(padded.body.predictions).toHaveLength(count);
      expect(padded.body.predictions.flat().map((value: number) => expect.closeTo(value, 5))).toEqual(alone.body.predictions.flat());
      expect(await counted(server, 'slipway_server_padded_rows_total')).toBe((added += padding));
    }
    const { body } = await server.get('/v2/models/classifier/config');
    expect(body).toMatchObject({ max_batch_size: 16, dynamic_batching: { preferred_batch_size: [] } });
  });

  it('come from the package where the server is told none; sizes above the limit are not used', async () => {
    using folder = temporaryFolder();
    cpSync(CLASSIFIER, folder.path, { recursive: true });
    const manifest = path.join(folder.path, 'model.yaml');
    writeFileSync(manifest, `${readFileSync(manifest, 'utf8')}\nbatching: {preferredSizes: [8, 4], allowedSizes: [8, 2, 64]}\n`);
    await using server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1' });
    const model = server.parts.manager.registry.find('classifier', 'v2')?.model;
    expect(model?.limits).toMatchObject({ maxRows: 8, allowed: [2, 8], preferred: [4, 8] });
    expect((await server.get('/v2/models/classifier/config')).body).toMatchObject({ max_batch_size: 8, dynamic_batching: { preferred_batch_size: [4, 8] } });
    expect((await server.post('/predict', { inputs: rows(3, 1) })).body.predictions).toHaveLength(3);
    expect(await counted(server, 'slipway_server_padded_rows_total')).toBe(5);
    await using told = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1', BATCH_ALLOWED_SIZES: '4' });
    expect(told.parts.manager.registry.find('classifier', 'v2')?.model?.limits).toMatchObject({ maxRows: 4, allowed: [4] });
  });

  it('add nothing where rows influence each other', async () => {
    using folder = temporaryFolder();
    shares(path.join(folder.path, 'shares', '1'));
    await using server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1', BATCH_ALLOWED_SIZES: '8' });
    expect((await server.post('/predict', { modelName: 'shares', inputs: [[1, 1], [1, 1]] })).body.predictions).toEqual([[0.25, 0.25], [0.25, 0.25]]);
    expect(await counted(server, 'slipway_server_padded_rows_total')).toBe(0);
  });
});

describe('preferred sizes', () => {
  it('run at once although there is a delay; what makes none waits it out', async () => {
    await using server = await serve({ MODEL_PATH: CLASSIFIER, WARMUP_ITERATIONS: '1', BATCH_MAX_DELAY_MS: '600000', BATCH_PREFERRED_SIZES: '2', REQUEST_TIMEOUT_SECONDS: '4' });
    const call = async (count: number): Promise<number> => (await server.post('/predict', { inputs: rows(count, 1) })).status;
    expect(await call(2)).toBe(200);
    expect(await Promise.all([call(1), call(1)])).toEqual([200, 200]);
    expect(await call(1)).toBe(504);
  });
});
