// Owns the reading of the runtimes' error texts: which reason of the catalogue they are. Must not know models or requests.
import type { Reason } from '@slipway/api';
import { InferenceError } from '../inference/errors.ts';
import { LoadError } from './backend.ts';

const PATTERNS: readonly [RegExp, Reason][] = [
  // ONNX Runtime's words, whose other errors may hold the words below by chance.
  [/No Op registered for|is not a registered function\/op|Could not find an implementation for|opset version.* is under development|only \*guarantees\* support/i, 'UnsupportedOp'],
  [/MLDataType for: .* is not currently registered|Unsupported data type: /i, 'UnsupportedDType'],
  [/Op type not registered|Unknown op|Unknown layer|not registered for the backend|Kernel '.*' not registered|TypeError: Unknown op/i, 'UnsupportedOp'],
  [/Unsupported tensor DataType|Unsupported DType|Unknown dtype|unsupported dtype/i, 'UnsupportedDType'],
  [/does not have signature|not found in the graph/i, 'WrongSignature'],
];

/** The reason that a runtime's words stand for. */
export function reasonFor(message: string, otherwise: Reason): Reason {
  return PATTERNS.find(([pattern]) => pattern.test(message))?.[1] ?? otherwise;
}

/** ONNX's numbers of the types that ONNX Runtime's library for Node.js has no arrays for. */
const ONNX_TYPES: Partial<Record<string, string>> = { 16: 'bfloat16', 17: 'float8e4m3fn', 18: 'float8e4m3fnuz', 19: 'float8e5m2', 20: 'float8e5m2fnuz', 21: 'uint4', 22: 'int4', 23: 'float4e2m1' };
const named = (message: string): string => message.replace(/Unsupported data type: (\d+)/, (all, number: string) => (ONNX_TYPES[number] === undefined ? all : `${all} (${ONNX_TYPES[number]}); cast it to float32 when exporting`));

/** A failure while loading, as a LoadError that names the file. */
export function loadFault(thrown: unknown, file: string): LoadError {
  if (thrown instanceof LoadError) return thrown;
  const message = named(firstLines((thrown as Error).message));
  return new LoadError(reasonFor(message, 'ModelParseFailed'), `${file}: ${message}`, thrown);
}

/** A failure while running, as an InferenceError with the runtime's words. */
export function runFault(thrown: unknown): InferenceError {
  if (thrown instanceof InferenceError) return thrown;
  return new InferenceError('inference_failed', firstLines((thrown as Error).message), { cause: thrown });
}

/** TensorFlow's messages go on with the whole graph, and ONNX Runtime's begin with a place in its sources; the first lines say it. */
const firstLines = (message: string): string => message.replace(/^Load model from \S+ failed:(\/\S+:\d+ .*\) (?=[A-Z]))?/, '').split('\n').slice(0, 3).join(' ').slice(0, 600);
