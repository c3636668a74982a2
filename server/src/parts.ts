// Builds the parts of a server from its settings, once: workers, models, engine, metrics. Starts nothing that listens.
import { pino, type Logger } from 'pino';
import { setPoolThreads, type ServerConfig } from './config.ts';
import { WorkerPool, type PoolOptions } from './backends/worker-pool.ts';
import type { CacheLimits } from './cache/response-cache.ts';
import { AccessLog } from './http/access-log.ts';
import { MetricsCollector } from './metrics/metrics-collector.ts';
import { ModelManager, type ManagerEvents, type ManagerOptions } from './models/model-manager.ts';
import { InferenceEngine } from './pipeline/inference-engine.ts';
import { MemoryBudget } from './pipeline/memory-budget.ts';
import { BodyThread } from './protocols/bodies/thread.ts';
import { InstanceBodies } from './protocols/instances/bodies.ts';
import { Bodies } from './protocols/native/bodies.ts';
import type { V2Bodies } from './protocols/v2/bodies.ts';
import type { TfServingBodies } from './protocols/tfserving/bodies.ts';
import { TfServingMetrics } from './protocols/tfserving/metrics.ts';
import { Versions } from './protocols/tfserving/versions.ts';
import type { HandlerOptions } from './plugins/handlers.ts';
import { PreprocessingPipeline } from './pipeline/preprocessing-pipeline.ts';

export interface Parts {
  log: Logger;
  access: AccessLog;
  pool: WorkerPool;
  manager: ModelManager;
  metrics: MetricsCollector;
  memory: MemoryBudget;
  engine: InferenceEngine;
  /** Where large bodies are parsed and printed. */
  thread: BodyThread;
  bodies: Bodies;
  /** Of KServe V1, TorchServe and the clouds. */
  instances: InstanceBodies;
  v2: V2Bodies;
  /** What TensorFlow Serving's REST and gRPC share. */
  tfserving: { metrics: TfServingMetrics; versions: Versions; bodies: TfServingBodies };
}

const RSS_MAX_AGE_MS = 250;
const INLINE_BODY_BYTES = 256 * 1024;

export function buildParts(config: ServerConfig): Parts {
  const log = pino({ level: config.LOG_LEVEL, base: config.REVISION === undefined ? null : { revision: config.REVISION } });
  const metrics = new MetricsCollector();
  const pool = new WorkerPool(poolOptions(config));
  const memory = new MemoryBudget({ limitBytes: config.memoryBudget, resident: () => process.memoryUsage.rss() + pool.outsideBytes(), maxAgeMs: RSS_MAX_AGE_MS });
  const manager = new ModelManager(pool, { ...managerOptions(config), memory, handlers: handlerOptions(config, log, metrics) }, managerEvents(log, metrics));
  const preprocessing = new PreprocessingPipeline({ maxTextLength: config.MAX_TEXT_LENGTH });
  const engine = new InferenceEngine({ registry: manager.registry, preprocessing, metrics, memory, maxBatchSize: config.MAX_BATCH_SIZE, maxBatchItems: config.MAX_BATCH_ITEMS });
  const thread = new BodyThread({ maxHeapMb: config.WORKER_HEAP_MB, memory });
  const v2 = { thread, inlineBytes: INLINE_BODY_BYTES };
  const bodies = new Bodies({ registry: manager.registry, ...v2 });
  const instances = new InstanceBodies({ engine, registry: manager.registry, ...v2 });
  const tfserving = { metrics: new TfServingMetrics(), bodies: v2, versions: new Versions({ registry: manager.registry, revisionNumber: config.REVISION_NUMBER, behindRouter: config.BEHIND_ROUTER }) };
  const access = new AccessLog({ sample: config.ACCESS_LOG_SAMPLE, errorSample: config.ACCESS_LOG_ERROR_SAMPLE, write: (line) => { log.info(line, 'call'); } });
  return { log, access, pool, manager, metrics, memory, engine, thread, bodies, instances, v2, tfserving };
}

function poolOptions(config: ServerConfig): PoolOptions {
  return {
    allowSlowBackend: config.ALLOW_SLOW_BACKEND,
    maxHeapMb: config.WORKER_HEAP_MB,
    threads: config.threads,
    cpus: config.cpus,
    shared: config.SHARED_WORKERS || undefined,
    openPool: (threads) => setPoolThreads(process.env, { threads, runs: config.threads }),
    memoryBytes: config.modelMemory,
    environment: config.childEnvironment,
  };
}

const HANDLER_START_MS = 10_000;

function handlerOptions(config: ServerConfig, log: Logger, metrics: MetricsCollector): HandlerOptions | undefined {
  if (!config.ALLOW_HANDLERS) return undefined;
  return {
    timeoutMs: config.HANDLER_TIMEOUT_SECONDS * 1000,
    heapMb: config.HANDLER_HEAP_MB,
    maxQueue: config.MAX_QUEUE,
    startMs: HANDLER_START_MS,
    timedOut: (model, version, handler) => {
      metrics.handlerTimedOut(model, version, handler);
      log.error({ model, version, handler }, 'a handler of the package took too long; its thread was ended');
    },
  };
}

function managerOptions(config: ServerConfig): ManagerOptions {
  return {
    workers: config.TF_WORKERS,
    maxBatchSize: config.MAX_BATCH_SIZE,
    batchMaxDelayMs: config.BATCH_MAX_DELAY_MS,
    preferredSizes: config.BATCH_PREFERRED_SIZES,
    allowedSizes: config.BATCH_ALLOWED_SIZES,
    maxQueue: config.MAX_QUEUE,
    cache: cacheLimits(config),
    warmupIterations: config.WARMUP_ITERATIONS,
    format: config.MODEL_FORMAT,
    isolation: config.MODEL_ISOLATION,
    behindRouter: config.BEHIND_ROUTER,
    modelName: config.MODEL_NAME,
    modelVersion: config.MODEL_VERSION,
    revision: config.REVISION,
    lazy: config.LAZY_LOAD,
    modelMemoryBytes: config.modelMemory,
  };
}

function cacheLimits({ CACHE_MAX_BYTES: maxBytes, CACHE_MAX_ENTRIES: maxEntries, CACHE_TTL_SECONDS: seconds }: ServerConfig): CacheLimits | undefined {
  return maxBytes === undefined ? undefined : { maxBytes, maxEntries, ttlMs: seconds * 1000 };
}

function managerEvents(log: Logger, metrics: MetricsCollector): ManagerEvents {
  return {
    changed: (entry) => {
      const line = { model: entry.name, version: entry.version, phase: entry.phase, ...(entry.reason === undefined ? {} : { reason: entry.reason, detail: entry.message }) };
      if (entry.phase === 'Failed') log.error(line, 'model failed');
      else log.debug(line, 'model phase');
    },
    loaded: (entry, model, ms) => {
      const { runner, spec } = model;
      const bytes = runner.info.bytes * runner.workers;
      metrics.loaded(entry.name, entry.version, ms);
      log.info(
        { model: entry.name, version: entry.version, format: spec.format, workers: runner.workers, isolation: runner.isolation, bytesPerWorker: runner.info.bytes, bytes, ms: Math.round(ms), warmup: model.warmup.detail, batching: model.batching.reason },
        `model loaded: ${String(runner.workers)} worker(s) x ${(runner.info.bytes / 1024 / 1024).toFixed(2)} MiB of weights`,
      );
      if (model.warmup.suspect !== undefined) log.warn({ model: entry.name, version: entry.version, detail: model.warmup.suspect }, 'the model computes no number from a sample of its package');
    },
    evicted: (entry) => {
      metrics.evicted(entry.name, entry.version);
      log.info({ model: entry.name, version: entry.version }, 'model unloaded to make room; its next call loads it again');
    },
    batch: (spec, batch) => {
      metrics.batch(spec.name, spec.version, batch);
    },
    alone: (spec, why) => {
      log.warn({ model: spec.name, version: spec.version, why }, 'the model shares its worker no more');
    },
    moved: (spec) => {
      metrics.workerMoved(spec.name, spec.version);
    },
    workerLost: (spec, why, delayMs) => {
      metrics.workerLost(spec.name, spec.version);
      log.error({ model: spec.name, version: spec.version, why, delayMs }, 'worker ended; it is started again');
    },
  };
}
