// Run as a process of its own by leaks.test.ts: predicts and reloads, and prints what it holds after each stretch as JSON lines.
// Arguments: folder of models. Uses the server as a library.
import path from 'node:path';
import { InferenceEngine, MemoryBudget, MetricsCollector, ModelManager, PreprocessingPipeline, WorkerPool } from '../../../server/src/index.ts';

const folder = process.argv[2] ?? '';
const PREDICTIONS = 10_000;
const CYCLES = 200;

interface Sample {
  stage: string;
  rss: number;
  heapUsed: number;
  tensors: number;
  nativeTensors: number;
  threads: number;
}

const pool = new WorkerPool({ allowSlowBackend: false, maxHeapMb: 256 });
const manager = new ModelManager(pool, {
  workers: 1, maxBatchSize: 32, batchMaxDelayMs: 0, maxQueue: 1024, warmupIterations: 1, format: undefined, isolation: undefined,
  behindRouter: false, modelName: undefined, modelVersion: undefined, revision: undefined, lazy: false,
});
const engine = new InferenceEngine({
  registry: manager.registry,
  preprocessing: new PreprocessingPipeline({ maxTextLength: 1000 }),
  metrics: new MetricsCollector(),
  memory: new MemoryBudget({ limitBytes: 2 ** 40, resident: () => process.memoryUsage.rss(), maxAgeMs: 1000 }),
  maxBatchSize: 32,
  maxBatchItems: 1000,
});

const INPUTS: Record<string, unknown> = {
  float32: [[1, 2, 3]],
  int64: [[1, 2, 3]],
  uint8: [[1, 2, 3]],
  string: [['a', 'b', 'c'.repeat(100)]],
  graph: [[1, 2, 3, 4, 5]],
  layers: [[1, 2, 3, 4, 5]],
};
const names = Object.keys(INPUTS);

async function sample(stage: string): Promise<void> {
  (globalThis as { gc?: () => void }).gc?.();
  const stats = await Promise.all(pool.workers().map((worker) => worker.call('stats', null)));
  const total = (pick: (one: (typeof stats)[number]) => number): number => stats.reduce((sum, one) => sum + pick(one), 0);
  const line: Sample = {
    stage,
    rss: process.memoryUsage.rss(),
    heapUsed: process.memoryUsage().heapUsed + total((one) => one.heapUsed),
    tensors: total((one) => one.tensors),
    nativeTensors: total((one) => one.nativeTensors),
    threads: stats.length,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function predict(count: number): Promise<void> {
  for (let done = 0; done < count; done += names.length) {
    await Promise.all(
      names.map((name) =>
        engine.predict({ modelName: name, modelVersion: undefined, items: [{ inputs: INPUTS[name] }], maxBatchSize: undefined, extras: false }, { requestId: '', deadline: Infinity }),
      ),
    );
  }
}

async function cycle(count: number): Promise<void> {
  for (let done = 0; done < count; done++) {
    const name = names[done % names.length] ?? '';
    await manager.loadModel(`again-${name}`, path.join(folder, name), '1');
    await engine.predict({ modelName: `again-${name}`, modelVersion: undefined, items: [{ inputs: INPUTS[name] }], maxBatchSize: undefined, extras: false }, { requestId: '', deadline: Infinity });
    await manager.unload(`again-${name}`);
  }
}

for (const name of names) await manager.loadModel(name, path.join(folder, name), '1');
await predict(5_000);
await sample('warm');
for (let part = 1; part <= 4; part++) {
  await predict(PREDICTIONS / 4);
  await sample(`predictions ${String((part * PREDICTIONS) / 4)}`);
}
await cycle(40);
await sample('reload warm');
for (let part = 1; part <= 4; part++) {
  await cycle(CYCLES / 4);
  await sample(`cycles ${String((part * CYCLES) / 4)}`);
}
await manager.close();
process.stdout.write(`${JSON.stringify({ stage: 'closed', threads: pool.workers().length })}\n`);
