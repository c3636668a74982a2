// Owns the gauges that are read when somebody asks, not counted as things happen: models, queues, tensors, memory.
import type { RuntimeStats } from '../backends/backend.ts';
import type { RemoteWorker } from '../backends/remote-worker.ts';
import type { Entry } from '../models/registry.ts';
import type { Parts } from '../parts.ts';
import type { MetricsCollector } from './metrics-collector.ts';

/** A worker in the middle of a long run answers later; the scrape does not wait for it. */
const STATS_TIMEOUT_MS = 250;

const lastStats = new WeakMap<RemoteWorker, RuntimeStats>();

export async function refreshGauges(metrics: MetricsCollector, parts: Parts, server: { revision: string | undefined; ready(): boolean }): Promise<void> {
  for (const name of ['slipway_server_model_info', 'slipway_server_model_ready', 'slipway_server_model_memory_bytes', 'slipway_server_queue_length', 'slipway_server_cache_bytes', 'slipway_server_cache_entries', 'nv_inference_pending_request_count'] as const) metrics.clear(name);
  const backend = parts.pool.report();
  for (const entry of parts.manager.registry.entries()) setModel(metrics, entry, { backend: backend.name, revision: server.revision ?? '' });
  metrics.set('slipway_server_native_backend', backend.native ? 1 : 0);
  metrics.set('slipway_server_ready', server.ready() ? 1 : 0);
  metrics.set('slipway_server_memory_budget_bytes', parts.memory.limit);
  metrics.set('slipway_server_models_memory_bytes', parts.manager.memory.used);
  metrics.set('slipway_server_models_memory_limit_bytes', parts.manager.memory.limit);
  metrics.set('slipway_server_memory_reserved_bytes', parts.memory.reserved);
  await setTensors(metrics, parts);
}

function setModel(metrics: MetricsCollector, entry: Entry, at: { backend: string; revision: string }): void {
  const labels = { model: entry.name, version: entry.version };
  const { model } = entry;
  const what = model === undefined ? { format: '', isolation: '' } : { format: model.spec.format, isolation: model.runner.isolation };
  metrics.set('slipway_server_model_info', 1, { ...labels, phase: entry.phase, ...what, digest: entry.digest ?? '', ...at });
  metrics.set('slipway_server_model_ready', entry.servable && (model === undefined || model.runner.alive > 0) ? 1 : 0, labels);
  if (model === undefined) return;
  metrics.set('slipway_server_model_memory_bytes', model.runner.info.bytes * model.runner.workers, labels);
  const waiting = [model, ...model.others.values()].reduce((sum, { batcher }) => sum + batcher.waiting, 0);
  metrics.set('slipway_server_queue_length', waiting, labels);
  metrics.set('nv_inference_pending_request_count', waiting, labels);
  if (model.cache === undefined) return;
  metrics.set('slipway_server_cache_bytes', model.cache.bytes, labels);
  metrics.set('slipway_server_cache_entries', model.cache.entries, labels);
}

async function setTensors(metrics: MetricsCollector, parts: Parts): Promise<void> {
  const stats = await Promise.all(parts.pool.workers().map(statsOf));
  const sum = (pick: (one: RuntimeStats) => number): number => stats.reduce((total, one) => total + (one === undefined ? 0 : pick(one)), 0);
  metrics.set('slipway_server_tensors', sum((one) => one.tensors));
  metrics.set('slipway_server_tensor_bytes', sum((one) => one.tensorBytes));
  metrics.set('slipway_server_native_tensors', sum((one) => one.nativeTensors));
}

async function statsOf(worker: RemoteWorker): Promise<RuntimeStats | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(undefined);
    }, STATS_TIMEOUT_MS);
  });
  const fresh = worker.call('stats', null).then(
    (stats) => {
      lastStats.set(worker, stats);
      return stats;
    },
    () => undefined,
  );
  const stats = await Promise.race([fresh, late]);
  clearTimeout(timer);
  return stats ?? lastStats.get(worker);
}
