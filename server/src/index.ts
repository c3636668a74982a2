// The server as a library: the four parts, without HTTP.
export { ModelManager, type LoadOptions, type ManagerOptions } from './models/model-manager.ts';
export { PreprocessingPipeline } from './pipeline/preprocessing-pipeline.ts';
export { InferenceEngine, type EngineOptions } from './pipeline/inference-engine.ts';
export { MetricsCollector } from './metrics/metrics-collector.ts';
export { MemoryBudget } from './pipeline/memory-budget.ts';
export { WorkerPool } from './backends/worker-pool.ts';
export { startServer, type RunningServer } from './server.ts';
export { readConfig, setNativeEnvironment, type ServerConfig } from './config.ts';
export { InferenceError, ERRORS } from './inference/errors.ts';
export { LoadError } from './backends/backend.ts';
export type { Call, CallResult, Item, ItemResult } from './pipeline/call.ts';
export type { CallContext } from './pipeline/execute.ts';
