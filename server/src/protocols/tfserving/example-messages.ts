// Owns the messages of TensorFlow Serving's Classify, Regress and MultiInference: Examples to tensors, outputs to answers. PURE, so that a
// worker thread can do it.
import type { ServingSpec } from '../../inference/spec.ts';
import type { Tensor } from '../../inference/tensor.ts';
import type { Costs } from '../grpc/skim.ts';
import { GrpcError } from '../grpc/status.ts';
import { tensorsOf, withContext, type Example, type Feature } from './examples.ts';
import { invalid } from './fill.ts';
import { MESSAGES, type ClassificationMessage, type ExampleMessage, type FeatureMessage, type InputMessage, type ModelSpecMessage, type RegressionMessage } from './grpc-messages.ts';
import { classesOf, valuesOf } from './results.ts';

/** Bytes, also in base64; numbers in lists; 64-bit integers of one byte each become objects. */
const FEATURE: Costs = { 1: { 1: 5 }, 2: { 1: 6 }, 3: { 1: 56 } };
const EXAMPLE: Costs = { 1: { 1: { 1: 3, 2: FEATURE } } };
/** What a request takes in memory: its input is field 2. */
export const EXAMPLE_COSTS: Costs = { 1: {}, 2: { 1: { 1: EXAMPLE }, 2: { 1: EXAMPLE, 2: EXAMPLE } } };

/**
 * @param input of a request, in the pieces that it came in
 * @throws InferenceError with TensorFlow Serving's words
 */
export function exampleTensors(input: readonly Uint8Array[], spec: ServingSpec): Tensor[] {
  const { examples, context: shared } = listOf(read(input));
  if (examples.length === 0) throw invalid('Input is empty.');
  const context = exampleOf(shared ?? {});
  return tensorsOf(examples.map((example) => withContext(exampleOf(example), context)), spec);
}

function read(input: readonly Uint8Array[]): InputMessage {
  const [only, ...others] = input;
  try {
    return MESSAGES.input.decode(others.length === 0 ? (only ?? new Uint8Array()) : Buffer.concat(input));
  } catch (error) {
    throw error instanceof GrpcError ? invalid(error.message) : error;
  }
}

const listOf = ({ example_list: plain, example_list_with_context: shared }: InputMessage): { examples: ExampleMessage[]; context?: ExampleMessage | null } => shared ?? plain ?? { examples: [] };

function exampleOf({ features }: ExampleMessage): Example {
  return new Map(Object.entries(features?.feature ?? {}).flatMap(([name, feature]) => featureOf(name, feature)));
}

function featureOf(name: string, { bytes_list: bytes, float_list: floats, int64_list: integers }: FeatureMessage): [string, Feature][] {
  if (bytes?.value !== undefined) return [[name, { kind: 'bytes', values: bytes.value }]];
  if (floats?.value !== undefined) return [[name, { kind: 'float', values: floats.value }]];
  return integers?.value === undefined ? [] : [[name, { kind: 'int64', values: integers.value.map(BigInt) }]];
}

/** An answer before it is written. */
export interface ExampleReply {
  /** Of a call of its own, or one of the results of MultiInference. */
  form: 'response' | 'result';
  method: 'classify' | 'regress';
  outputs: readonly Tensor[];
  spec: ServingSpec;
  model_spec: ModelSpecMessage;
}

/** @throws InferenceError where the outputs have no form in this method */
export function writeExampleReply({ form, method, outputs, spec, model_spec }: ExampleReply): Uint8Array {
  if (method === 'classify') {
    const result: ClassificationMessage = { classifications: classesOf(outputs, spec).map((classes) => ({ classes })) };
    return form === 'response' ? MESSAGES.classificationResponse.encode({ result, model_spec }) : MESSAGES.inferenceResult.encode({ model_spec, classification_result: result });
  }
  const result: RegressionMessage = { regressions: valuesOf(outputs, spec).map((value) => ({ value })) };
  return form === 'response' ? MESSAGES.regressionResponse.encode({ result, model_spec }) : MESSAGES.inferenceResult.encode({ model_spec, regression_result: result });
}
