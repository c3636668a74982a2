// What a process of its own costs a model, side by side with a thread: the same ONNX model (y = x, so that the way there and back is all
// there is), the same calls, in turns. Prints microseconds a run by size, and the memory that one worker takes.
// Usage: node tools/run.mjs test/load/isolation.ts [ROUNDS]
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Isolation } from '@slipway/api';
import { onnxModel } from '../../models/training/onnx.ts';
import { ModelRunner } from '../../server/src/backends/model-runner.ts';
import { WorkerPool } from '../../server/src/backends/worker-pool.ts';

const SIZES = [20, 4096, 150_528, 1_000_000];
const rounds = Number(process.argv[2] ?? 200);
const folder = mkdtempSync(path.join(tmpdir(), 'slipway-isolation-'));
const pool = new WorkerPool({ allowSlowBackend: false, maxHeapMb: 512 });

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN;

async function open(isolation: Isolation): Promise<ModelRunner> {
  mkdirSync(folder, { recursive: true });
  const value = (name: string) => ({ name, dtype: 'float32', shape: ['rows', 'width'] }) as const;
  writeFileSync(path.join(folder, 'model.onnx'), onnxModel({ name: 'identity', nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }], inputs: [value('x')], outputs: [value('y')] }));
  return ModelRunner.open(pool, { format: 'onnx', path: path.join(folder, 'model.onnx'), signatureName: '' }, { workers: 1, isolation });
}

async function once(runner: ModelRunner, size: number): Promise<number> {
  const data = new Float32Array(size).fill(1);
  const started = performance.now();
  await runner.run([[{ name: 'x', dtype: 'float32', shape: [1, size], data }]], [data.buffer]);
  return (performance.now() - started) * 1000;
}

const runners = { thread: await open('thread'), process: await open('process') };
try {
  process.stdout.write(`median of ${String(rounds)} runs, microseconds\n${'bytes'.padStart(10)}${'thread'.padStart(10)}${'process'.padStart(10)}\n`);
  for (const size of SIZES) {
    const times = { thread: [] as number[], process: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      times.thread.push(await once(runners.thread, size));
      times.process.push(await once(runners.process, size));
    }
    process.stdout.write(`${String(size * 4).padStart(10)}${median(times.thread).toFixed(0).padStart(10)}${median(times.process).toFixed(0).padStart(10)}\n`);
  }
  process.stdout.write(`memory of the process, beside files and libraries: ${(pool.outsideBytes() / 1024 / 1024).toFixed(1)} MiB\n`);
} finally {
  await Promise.all([runners.thread.close(), runners.process.close()]);
  await pool.close();
  rmSync(folder, { recursive: true, force: true });
}
