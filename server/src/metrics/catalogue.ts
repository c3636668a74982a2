// Owns the names, labels and help of every metric of the server. Final: dashboards, alerts and rollout gates build on them.
// docs/reference/metrics.md is tested against this table. Must not measure anything.

/** Seconds, from a tenth of a millisecond to half a minute. */
const LATENCY = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
const MODEL = ['model', 'version'] as const;

export interface MetricEntry {
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: readonly string[];
  buckets?: readonly number[];
}

/** The phases of a request, in order. */
export const PHASES = ['preprocess', 'queue', 'batch', 'compute', 'postprocess', 'serialise'] as const;
export type Phase = (typeof PHASES)[number];

export const METRICS = {
  slipway_server_requests_total: { type: 'counter', help: 'Inference calls answered, by HTTP status.', labels: [...MODEL, 'protocol', 'code'] },
  slipway_server_request_duration_seconds: { type: 'histogram', help: 'Time from the first byte read to the answer.', labels: [...MODEL, 'protocol'], buckets: LATENCY },
  slipway_server_phase_duration_seconds: { type: 'histogram', help: 'Time of one phase of a call: preprocess, queue, batch, compute, postprocess, serialise.', labels: [...MODEL, 'phase'], buckets: LATENCY },
  slipway_server_batch_size: { type: 'histogram', help: 'Rows of the batches that ran.', labels: MODEL, buckets: ROWS },
  slipway_server_padded_rows_total: { type: 'counter', help: 'Rows added to batches to reach an allowed size; their outputs are dropped.', labels: MODEL },
  slipway_server_cache_hits_total: { type: 'counter', help: 'Calls answered from outputs that were kept.', labels: MODEL },
  slipway_server_cache_misses_total: { type: 'counter', help: 'Calls that were looked for in the cache and had to run.', labels: MODEL },
  slipway_server_cache_bytes: { type: 'gauge', help: 'Memory of kept outputs.', labels: MODEL },
  slipway_server_cache_entries: { type: 'gauge', help: 'Calls whose outputs are kept.', labels: MODEL },
  slipway_server_requests_in_flight: { type: 'gauge', help: 'Inference calls being answered.', labels: [] },
  slipway_server_queue_length: { type: 'gauge', help: 'Calls waiting for a worker.', labels: MODEL },
  slipway_server_worker_restarts_total: { type: 'counter', help: 'Workers that ended and were started again, by the model whose call ended them.', labels: MODEL },
  slipway_server_worker_moves_total: { type: 'counter', help: 'Times the model was loaded into another worker because a model that shared its worker ended or kept it.', labels: MODEL },
  slipway_server_model_info: { type: 'gauge', help: '1 for every version in the table, with what it is.', labels: [...MODEL, 'phase', 'format', 'backend', 'isolation', 'revision', 'digest'] },
  slipway_server_model_ready: { type: 'gauge', help: '1 when the version answers calls: loaded and warm, or loaded by its next call.', labels: MODEL },
  slipway_server_model_load_seconds: { type: 'gauge', help: 'How long loading and warm-up took.', labels: MODEL },
  slipway_server_model_memory_bytes: { type: 'gauge', help: 'Bytes of the weights, all workers together.', labels: MODEL },
  slipway_server_models_memory_bytes: { type: 'gauge', help: 'Memory booked for the loaded models: weights in every worker, and what each worker costs as measured.', labels: [] },
  slipway_server_models_memory_limit_bytes: { type: 'gauge', help: 'Memory that models may take together; those that are loaded by calls give way within it.', labels: [] },
  slipway_server_model_loads_total: { type: 'counter', help: 'Times the version was loaded.', labels: MODEL },
  slipway_server_handler_timeouts_total: { type: 'counter', help: 'Calls of a package\'s handler that were ended because their time was over.', labels: [...MODEL, 'handler'] },
  slipway_server_model_evictions_total: { type: 'counter', help: 'Times the version was unloaded to make room for another.', labels: MODEL },
  slipway_server_tensors: { type: 'gauge', help: 'Tensors that tf.memory() counts, all workers together.', labels: [] },
  slipway_server_tensor_bytes: { type: 'gauge', help: 'Bytes that tf.memory() counts, all workers together.', labels: [] },
  slipway_server_native_tensors: { type: 'gauge', help: 'Tensor handles that native TensorFlow holds, all workers together.', labels: [] },
  slipway_server_native_backend: { type: 'gauge', help: '1 when native TensorFlow is loaded, 0 when it is missing.', labels: [] },
  slipway_server_memory_budget_bytes: { type: 'gauge', help: 'Memory the process may take.', labels: [] },
  slipway_server_memory_reserved_bytes: { type: 'gauge', help: 'Estimated memory of the calls under way.', labels: [] },
  nv_inference_request_success: { type: 'counter', help: "Triton's name: calls that succeeded.", labels: MODEL },
  nv_inference_request_failure: { type: 'counter', help: "Triton's name: calls to a served model that failed, by reason: REJECTED (not taken, or late), CANCELED, BACKEND, OTHER.", labels: [...MODEL, 'reason'] },
  nv_inference_count: { type: 'counter', help: "Triton's name: rows that ran.", labels: MODEL },
  nv_inference_exec_count: { type: 'counter', help: "Triton's name: batches that ran.", labels: MODEL },
  nv_inference_pending_request_count: { type: 'gauge', help: "Triton's name: calls waiting for a worker.", labels: MODEL },
  nv_inference_request_duration_us: { type: 'counter', help: "Triton's name: time of the calls that succeeded, microseconds.", labels: MODEL },
  nv_inference_queue_duration_us: { type: 'counter', help: "Triton's name: time waiting for a worker, microseconds.", labels: MODEL },
  nv_inference_compute_input_duration_us: { type: 'counter', help: "Triton's name: time making tensors ready, microseconds.", labels: MODEL },
  nv_inference_compute_infer_duration_us: { type: 'counter', help: "Triton's name: time the model ran, microseconds.", labels: MODEL },
  nv_inference_compute_output_duration_us: { type: 'counter', help: "Triton's name: time making answers, microseconds.", labels: MODEL },
  nv_cache_num_hits_per_model: { type: 'counter', help: "Triton's name: calls answered from the cache.", labels: MODEL },
  nv_cache_num_misses_per_model: { type: 'counter', help: "Triton's name: calls that the cache did not have.", labels: MODEL },
  nv_cache_hit_duration_per_model: { type: 'counter', help: "Triton's name: time of looks that found the call, microseconds.", labels: MODEL },
  nv_cache_miss_duration_per_model: { type: 'counter', help: "Triton's name: time of looks that did not, and of putting the outputs in, microseconds.", labels: MODEL },
  slipway_server_ready: { type: 'gauge', help: '1 when /health/ready answers 200.', labels: [] },
} as const satisfies Record<string, MetricEntry>;

export type MetricName = keyof typeof METRICS;

/** The runtime's own metrics (prom-client defaults) carry this prefix. */
export const RUNTIME_PREFIX = 'slipway_server_runtime_';
