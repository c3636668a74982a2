// Owns what a model takes in memory: guessed from its files before it is loaded, counted afterwards. Weights are in every worker once;
// what a worker costs by itself the pool counts, for models share them.
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Isolation } from '@slipway/api';
import { runtimeOf } from '../backends/backend.ts';
import type { WorkerPool } from '../backends/worker-pool.ts';
import type { Model } from './model.ts';
import type { PackageOnDisk } from './model-package.ts';

/** A model with more files than this gains little by a shared worker, and others would wait long for its loads and runs. */
const SMALL_BYTES = 32 * 1024 * 1024;

/** Where a model's workers run, and whether it shares them with no other model: large ones do not, nor those for which it was said where they run. */
export function homeOf({ manifest, modelPath }: PackageOnDisk, asked: Isolation | undefined): { isolation: Isolation; own: boolean } {
  const said = asked ?? manifest?.isolation;
  return { isolation: said ?? 'thread', own: said !== undefined || fileBytes(modelPath) > SMALL_BYTES };
}

/** Bytes that a model will take with the workers that are started for it, by the size of its files. */
export function expectedBytes(pool: WorkerPool, files: PackageOnDisk, { workers, isolation }: { workers: number; isolation: Isolation | undefined }): () => number {
  const bytes = workers * fileBytes(files.modelPath);
  const wish = { kind: runtimeOf(files.format), ...homeOf(files, isolation) };
  return () => bytes + pool.startBytes(workers, wish);
}

/** Bytes that a loaded model takes. */
export const loadedBytes = ({ runner }: Model): number => runner.workers * runner.info.bytes;

function fileBytes(modelPath: string): number {
  const folder = statSync(modelPath).isDirectory() ? modelPath : path.dirname(modelPath);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, file) => sum + statSync(path.join(file.parentPath, file.name)).size, 0);
}
