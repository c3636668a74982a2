// Owns what V2 says of the server and its models: metadata, configuration, repository index, statistics. The same objects go out
// as JSON and as gRPC messages, hence the snake_case. Must not change anything.
import type { ModelFormat, TensorSpec } from '@slipway/api';
import type { Duration, ModelStatistics } from '../../metrics/statistics.ts';
import { InferenceError } from '../../inference/errors.ts';
import manifest from '../../../package.json' with { type: 'json' };
import { compareVersions } from '../../inference/versions.ts';
import type { Model } from '../../models/model.ts';
import type { Entry } from '../../models/registry.ts';
import type { Soon } from '../../pipeline/soon.ts';
import type { ProtocolContext } from '../protocol.ts';
import { namesOf } from './datatypes.ts';
import { inputsOf } from './infer.ts';

/** Which model a request means. */
export interface Target {
  name: string;
  version: string | undefined;
}

const EXTENSIONS = ['classification', 'model_repository', 'model_configuration', 'binary_tensor_data', 'parameters', 'statistics'];
const PLATFORMS: Record<ModelFormat, string> = { 'saved-model': 'tensorflow_savedmodel', 'tfjs-graph': 'tensorflow_js', 'tfjs-layers': 'tensorflow_js', onnx: 'onnxruntime_onnx' };
const BACKENDS: Record<ModelFormat, string> = { 'saved-model': 'tensorflow', 'tfjs-graph': 'tensorflow', 'tfjs-layers': 'tensorflow', onnx: 'onnxruntime' };

export const serverMetadata = (): object => ({ name: 'slipway', version: manifest.version, extensions: EXTENSIONS });

/** In the words that Triton's clients look for. */
export function unknownModel(error: unknown, { name, version }: Target): unknown {
  if (!(error instanceof InferenceError) || (error.code !== 'model_not_found' && error.code !== 'model_version_elsewhere')) return error;
  const which = version === undefined ? `'${name}' is not found` : `'${name}' version ${version} is not found`;
  return new InferenceError(error.code, `Request for unknown model: ${which}. ${error.message}`);
}

/** @throws InferenceError as Registry.lease, in V2's words */
export function modelOf(context: ProtocolContext, { name, version }: Target): Soon<Model> {
  const refuse = (error: unknown): never => {
    throw unknownModel(error, { name, version });
  };
  try {
    const model = context.engine.describe({ name, version, takes: 'tensors' });
    return model instanceof Promise ? model.catch(refuse) : model;
  } catch (error) {
    return refuse(error);
  }
}

/** The version of a model that a request means, loaded or not. */
export function entryOf(context: ProtocolContext, target: Target): Entry {
  try {
    return context.manager.registry.select({ ...target, takes: 'tensors' });
  } catch (error) {
    throw unknownModel(error, target);
  }
}

export async function modelMetadata(context: ProtocolContext, target: Target): Promise<object> {
  const { spec } = await modelOf(context, target);
  const versions = context.manager.registry.entries().filter((entry) => entry.name === spec.name).map((entry) => entry.version);
  const tensor = ({ name, dtype, shape }: TensorSpec): object => ({ name, datatype: namesOf(dtype).datatype, shape });
  return { name: spec.name, versions: versions.sort(compareVersions), platform: PLATFORMS[spec.format], inputs: inputsOf(spec).map(tensor), outputs: spec.signature.outputs.map(tensor) };
}

/** Data types by name (JSON), or by number (gRPC). */
export async function modelConfig(context: ProtocolContext, target: Target, numbers = false): Promise<object> {
  const { spec, batching, limits, cache } = await modelOf(context, target);
  const inputs = inputsOf(spec);
  const batched = [...inputs, ...spec.signature.outputs].every((tensor) => tensor.shape[0] === -1);
  const tensor = ({ name, dtype, shape }: TensorSpec): object => {
    const names = namesOf(dtype);
    return { name, data_type: numbers ? names.number : names.config, dims: batched ? shape.slice(1) : shape };
  };
  return {
    name: spec.name,
    platform: PLATFORMS[spec.format],
    backend: BACKENDS[spec.format],
    max_batch_size: batched ? limits.maxRows : 0,
    input: inputs.map(tensor),
    output: spec.signature.outputs.map(tensor),
    ...(batching.enabled ? { dynamic_batching: { preferred_batch_size: limits.preferred ?? [], max_queue_delay_microseconds: Math.round(limits.maxDelayMs * 1000) } } : {}),
    ...(cache === undefined ? {} : { response_cache: { enable: true } }),
  };
}

const STATES: Record<Entry['phase'], string> = { Pending: 'UNAVAILABLE', Loading: 'LOADING', WarmingUp: 'LOADING', Ready: 'READY', Failed: 'UNAVAILABLE', Unloading: 'UNLOADING' };

export interface IndexRow {
  name: string;
  version: string;
  state: string;
  reason: string;
}

/** Every version that is known here; with `readyOnly` those that can answer now. */
export function repositoryIndex(context: ProtocolContext, readyOnly: boolean): IndexRow[] {
  const row = (entry: Entry): IndexRow => {
    const lazy = entry.servable && entry.phase !== 'Ready';
    const reason = lazy ? 'is loaded by its next call' : [entry.reason, entry.message].filter((part) => part !== undefined).join(': ');
    return { name: entry.name, version: entry.version, state: entry.servable ? 'READY' : STATES[entry.phase], reason };
  };
  return context.manager.registry.entries().map(row).filter(({ state }) => !readyOnly || state === 'READY');
}

const duration = ({ count, ns }: Duration): Duration => ({ count, ns: Math.round(ns) });

function statisticsRow(entry: Entry, found: ModelStatistics): object {
  const { success, fail, phases, batchSizes } = found;
  return {
    name: entry.name,
    version: entry.version,
    last_inference: found.lastInferenceMs,
    inference_count: found.rows,
    execution_count: found.batches,
    inference_stats: {
      success: duration(success),
      fail: duration(fail),
      queue: duration(phases.queue),
      compute_input: duration(phases.input),
      compute_infer: duration(phases.infer),
      compute_output: duration(phases.output),
      cache_hit: duration(found.cacheHit),
      cache_miss: duration(found.cacheMiss),
    },
    batch_stats: [...batchSizes].sort(([a], [b]) => a - b).map(([size, compute]) => ({ batch_size: size, compute_infer: duration(compute) })),
  };
}

/** Statistics of one version, of all versions of a model, or of all models. */
export function modelStatistics(context: ProtocolContext, target?: Target): object {
  const one = target === undefined ? undefined : entryOf(context, target);
  const wanted = (entry: Entry): boolean => one === undefined || (entry.name === one.name && (target?.version === undefined || entry.version === one.version));
  const rows = context.manager.registry.entries().filter(wanted);
  return { model_stats: rows.map((entry) => statisticsRow(entry, context.metrics.statistics.of(entry.name, entry.version))) };
}

/** @throws InferenceError management_disabled, unauthorized, malformed_request */
export async function loadModel(context: ProtocolContext, name: string, authorization: string | undefined): Promise<void> {
  context.mayManage(authorization);
  await context.manager.loadNamed(name);
}

/** @throws InferenceError management_disabled, unauthorized, model_not_found */
export async function unloadModel(context: ProtocolContext, name: string, authorization: string | undefined): Promise<void> {
  context.mayManage(authorization);
  await context.manager.unload(name);
}

/** @throws InferenceError malformed_request for a configuration or files that come with the request */
export function refuseFiles(parameters: unknown): void {
  const keys = typeof parameters === 'object' && parameters !== null ? Object.keys(parameters) : [];
  const refused = keys.find((key) => key === 'config' || key.startsWith('file:'));
  if (refused !== undefined) throw new InferenceError('malformed_request', `load parameter '${refused.slice(0, 80)}' is not supported: a model is loaded as it lies in the folder of models`);
}
