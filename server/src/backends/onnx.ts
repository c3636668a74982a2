// Owns ONNX Runtime in a worker, loaded on first use. Must not import TensorFlow, nor be imported by the main thread.
import { LoadError, type Backend, type RuntimeStats } from './backend.ts';
import { loadOnnx } from './onnx-model.ts';
import type { OnnxRuntime } from './onnx-tensor.ts';
import { InferenceError } from '../inference/errors.ts';

/** @throws LoadError NativeBackendUnavailable with the loader's own words. */
export async function openOnnx(): Promise<Backend> {
  const ort = await open();
  return {
    info: { backend: 'onnxruntime', version: ort.env.versions.node ?? 'unknown' },
    load: (request) => loadOnnx({ ort, threads: request.threads ?? 1 }, request),
    decode: () => {
      throw new InferenceError('unsupported_media_type', 'Pictures are decoded by TensorFlow, which serves no ONNX model; send the numbers instead.');
    },
    stats: statsOf,
  };
}

async function open(): Promise<OnnxRuntime> {
  try {
    const { default: ort } = (await import('onnxruntime-node')) as unknown as { default: OnnxRuntime };
    return ort;
  } catch (error) {
    throw new LoadError('NativeBackendUnavailable', `ONNX Runtime does not load: ${(error as Error).message.split('\n')[0] ?? 'unknown'}`, error);
  }
}

/** ONNX Runtime's tensors are copied out and freed inside a run: between runs there are none. */
const statsOf = (): RuntimeStats => ({ tensors: 0, tensorBytes: 0, nativeTensors: 0, heapUsed: process.memoryUsage().heapUsed });
