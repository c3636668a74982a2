// The end of a pool whose models are still open: their workers end with it, and nobody brings them back.
import { describe, expect, it } from 'vitest';
import { ModelRunner } from '../../server/src/backends/model-runner.ts';
import { WorkerPool } from '../../server/src/backends/worker-pool.ts';
import { doubling } from './support/saved-model.ts';
import { temporaryFolder } from './support/server.ts';

describe('a pool that is closed before its models', () => {
  it.each(['thread', 'process'] as const)('revives no %s', async (isolation) => {
    using folder = temporaryFolder();
    const pool = new WorkerPool({ allowSlowBackend: false, maxHeapMb: 256, environment: {} });
    const request = { format: 'saved-model', path: doubling(folder.path, 'float32', [-1, 2]), signatureName: 'serving_default' } as const;
    const runner = await ModelRunner.open(pool, request, { workers: 2, isolation });
    const lost: string[] = [];
    runner.listen({ free: () => undefined, lost: (why) => lost.push(why), moved: () => undefined, alone: () => undefined });
    await pool.close();
    expect([pool.workers(), runner.alive, lost]).toEqual([[], 0, []]);
    await expect(ModelRunner.open(pool, request, { workers: 1, isolation })).rejects.toMatchObject({ code: 'draining' });
    await runner.close();
    expect(pool.workers()).toEqual([]);
  });
});
