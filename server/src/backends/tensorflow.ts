// Owns which TensorFlow a worker gets: the native one, or (only when told to) the slow one in JavaScript. Loaded on first use.
// Must not be imported by the main thread: the native library is 200 MB of memory.
import type * as TensorFlow from '@tensorflow/tfjs';
import { LoadError, type Backend, type RuntimeStats, type WorkerSettings } from './backend.ts';
import { decodeImage } from './images.ts';
import { nativeOf, primeAttributeNames } from './native.ts';
import type { Runtime } from './runtime.ts';
import { loadSavedModel } from './saved-model.ts';
import { loadTfjs } from './tfjs-model.ts';

/** @throws LoadError NativeBackendUnavailable with the loader's own words. */
export async function openRuntime(settings: WorkerSettings): Promise<Backend> {
  const runtime = await open(settings);
  return {
    info: runtime.info,
    load: (request) => (request.format === 'saved-model' ? loadSavedModel(runtime, request) : loadTfjs(runtime, request)),
    decode: (job) => decodeImage(runtime, job),
    stats: () => statsOf(runtime),
  };
}

/** Dynamic imports, so that nothing is loaded before it is used and a bundler still finds it. */
async function open(settings: WorkerSettings): Promise<Runtime> {
  try {
    const { default: tf } = (await import('@tensorflow/tfjs-node')) as unknown as { default: typeof TensorFlow };
    const handle = nativeOf(tf);
    primeAttributeNames(handle);
    return { tf, native: handle, info: { backend: 'tensorflow', version: handle.binding.TF_Version } };
  } catch (error) {
    return slow(settings, error);
  }
}

async function slow(settings: WorkerSettings, cause: unknown): Promise<Runtime> {
  const why = (cause as Error).message.split('\n')[0] ?? 'unknown';
  if (!settings.allowSlowBackend) {
    throw new LoadError('NativeBackendUnavailable', `native TensorFlow does not load: ${why}. Set ALLOW_SLOW_BACKEND=true to serve tfjs models many times slower.`, cause);
  }
  const { default: tf } = (await import('@tensorflow/tfjs')) as unknown as { default: typeof TensorFlow };
  return { tf, native: undefined, info: { backend: 'tfjs-cpu', version: tf.version.tfjs } };
}

function statsOf(runtime: Runtime): RuntimeStats {
  const memory = runtime.tf.memory();
  return {
    tensors: memory.numTensors,
    tensorBytes: memory.numBytes,
    nativeTensors: runtime.native?.count() ?? 0,
    heapUsed: process.memoryUsage().heapUsed,
  };
}
