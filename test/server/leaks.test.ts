// 10,000 predictions and 200 loads and unloads, with float, int64, uint8 and string SavedModels and both kinds of tfjs model: tensors that
// tf.memory() counts, handles that native TensorFlow holds, and the memory of the process stay where they were.
import { execFile } from 'node:child_process';
import { cpSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { doubling } from './support/saved-model.ts';
import { MODELS, ROOT, temporaryFolder } from './support/server.ts';

interface Sample {
  stage: string;
  rss: number;
  heapUsed: number;
  tensors: number;
  nativeTensors: number;
  threads: number;
}

const MIB = 1024 * 1024;
let samples: Map<string, Sample>;

beforeAll(async () => {
  using folder = temporaryFolder();
  for (const dtype of ['float32', 'int64', 'uint8', 'string'] as const) doubling(path.join(folder.path, dtype), dtype);
  cpSync(path.join(MODELS, 'classifier', 'v1'), path.join(folder.path, 'layers'), { recursive: true });
  cpSync(path.join(MODELS, 'classifier', 'v2'), path.join(folder.path, 'graph'), { recursive: true });
  const args = ['--expose-gc', '--import', path.join(ROOT, 'server/src/preload.ts'), path.join(import.meta.dirname, 'support/leaks.ts'), folder.path];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' }, timeout: 600_000 });
  samples = new Map(stdout.trim().split('\n').map((line) => JSON.parse(line) as Sample).map((sample) => [sample.stage, sample]));
  for (const { stage, rss, heapUsed, tensors, nativeTensors } of samples.values()) {
    console.log(`${stage.padEnd(18)} rss ${String(Math.round(rss / MIB))} MiB, heap ${String(Math.round(heapUsed / MIB))} MiB, tensors ${String(tensors)}, native ${String(nativeTensors)}`);
  }
}, 620_000);

const at = (stage: string): Sample => {
  const sample = samples.get(stage);
  if (sample === undefined) throw new Error(`no sample ${stage}; there are ${[...samples.keys()].join(', ')}`);
  return sample;
};

describe('what a server holds', () => {
  it.each(['predictions 2500', 'predictions 5000', 'predictions 7500', 'predictions 10000'])('tensors are the same after %s', (stage) => {
    expect(at(stage).tensors).toBe(at('warm').tensors);
    expect(at(stage).nativeTensors).toBe(at('warm').nativeTensors);
  });

  it.each(['cycles 50', 'cycles 100', 'cycles 150', 'cycles 200'])('tensors and threads are the same after %s', (stage) => {
    expect(at(stage).tensors).toBe(at('reload warm').tensors);
    expect(at(stage).nativeTensors).toBe(at('reload warm').nativeTensors);
    expect(at(stage).threads).toBe(at('reload warm').threads);
  });

  it('memory of the process is flat over predictions', () => {
    expect(at('predictions 10000').rss - at('predictions 2500').rss).toBeLessThan(15 * MIB);
    expect(at('predictions 10000').heapUsed - at('predictions 2500').heapUsed).toBeLessThan(2 * MIB);
  });

  it('memory of the process is flat over reloads', () => {
    expect(at('cycles 200').rss - at('cycles 50').rss).toBeLessThan(20 * MIB);
    expect(at('cycles 200').heapUsed - at('cycles 50').heapUsed).toBeLessThan(8 * MIB);
  });

  it('closing leaves no thread', () => {
    expect(at('closed').threads).toBe(0);
  });
});
