// Owns what a model takes in memory: guessed from its files before it is loaded, counted afterwards. Weights are in every worker once,
// and every worker has a cost of its own, which the pool measures.
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { runtimeOf } from '../backends/backend.ts';
import type { WorkerPool } from '../backends/worker-pool.ts';
import type { LoaderOptions } from './loader.ts';
import type { Model } from './model.ts';
import type { PackageOnDisk } from './model-package.ts';

/** Bytes that a model will take, by the size of its files. */
export function expectedBytes(pool: WorkerPool, { format, modelPath, manifest }: PackageOnDisk, { workers, isolation }: Pick<LoaderOptions, 'workers' | 'isolation'>): number {
  const folder = statSync(modelPath).isDirectory() ? modelPath : path.dirname(modelPath);
  return workers * (folderBytes(folder) + pool.costOf(runtimeOf(format), isolation ?? manifest?.isolation ?? 'thread'));
}

/** Bytes that a loaded model takes. */
export function loadedBytes(pool: WorkerPool, { runner, spec }: Model): number {
  return runner.workers * (runner.info.bytes + pool.costOf(runtimeOf(spec.format), runner.isolation));
}

function folderBytes(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, file) => sum + statSync(path.join(file.parentPath, file.name)).size, 0);
}
