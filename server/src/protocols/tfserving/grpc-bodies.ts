// Owns where a message of Predict, and of Examples, is read and written: here where that costs the same for every tensor (tensor_content is
// a view), or little; else in the body thread.
import type { ServingSpec } from '../../inference/spec.ts';
import type { Tensor } from '../../inference/tensor.ts';
import { INLINE_ELEMENTS, INLINE_LIST_BYTES } from '../bodies/cost.ts';
import { readOf } from '../bodies/job.ts';
import { movableBytes, movableTensors } from '../bodies/memory.ts';
import { bytesBeside } from '../grpc/skim.ts';
import type { TfServingBodies } from './bodies.ts';
import { READ_EXAMPLES, READ_MESSAGE, WRITE_EXAMPLES, WRITE_MESSAGE, type ReadExamplesJob, type ReadMessage, type ReadMessageJob } from './body-jobs.ts';
import { exampleTensors, writeExampleReply, type ExampleReply } from './example-messages.ts';
import { invalid } from './fill.ts';
import { MESSAGES } from './grpc-messages.ts';
import { askedOf, writeReply, type PredictAsked, type PredictReply } from './predict-messages.ts';
import { isViewed } from './tensor-proto.ts';

/** inputs, the value of an entry, tensor_content. */
const CONTENT = [2, 2, 4];

/**
 * @param maxBytes memory that a short list may be repeated to fill
 * @throws GrpcError invalidArgument for what is no such message; InferenceError exceeds_memory_budget, memory_exhausted
 */
export async function readPredict({ thread, inlineBytes }: TfServingBodies, bytes: Uint8Array, maxBytes: number): Promise<PredictAsked> {
  if (bytes.byteLength <= INLINE_LIST_BYTES || bytesBeside(bytes, CONTENT) <= INLINE_LIST_BYTES) {
    const message = MESSAGES.predictRequest.decode(bytes);
    const viewed = Object.values(message.inputs).every((tensor) => (tensor.tensor_content?.byteLength ?? 0) <= inlineBytes || isViewed(tensor));
    if (viewed) return askedOf(message, maxBytes);
  }
  const own = movableBytes(bytes);
  const { given, ...asked } = (await thread.ask(READ_MESSAGE, { bytes: own, maxBytes } satisfies ReadMessageJob, [own.buffer])) as ReadMessage;
  return { ...asked, tensors: () => readOf(given) };
}

/** @param kept whether somebody else has the outputs too */
export async function writePredict({ thread }: Pick<TfServingBodies, 'thread'>, reply: PredictReply, kept: boolean): Promise<Uint8Array> {
  if (isSmall(reply.outputs)) return writeReply(reply);
  const { value: outputs, transfer } = movableTensors(reply.outputs, kept);
  return (await thread.ask(WRITE_MESSAGE, { ...reply, outputs }, transfer)) as Uint8Array;
}

const isSmall = (outputs: readonly Tensor[]): boolean => outputs.reduce((sum, { data }) => sum + data.length, 0) <= INLINE_ELEMENTS;

const INPUT = [2];

/**
 * A request of Examples without its input, which stays bytes.
 * @throws InferenceError where looking at the rest alone would take long
 */
export function headOf<T>(codec: { decode(bytes: Uint8Array): T }, bytes: Uint8Array): T {
  if (bytes.byteLength > INLINE_LIST_BYTES && bytesBeside(bytes, INPUT) > INLINE_LIST_BYTES) throw invalid(`The request has more than ${String(INLINE_LIST_BYTES)} bytes beside its input.`);
  return codec.decode(bytes);
}

/**
 * The tensors that the Examples of a request are to a model.
 * @param request the message and its input, which is a view on it
 * @param kept whether the request is looked at again
 * @throws InferenceError
 */
export async function readExamples({ thread }: TfServingBodies, { bytes, input, kept }: { bytes: Uint8Array; input: readonly Uint8Array[]; kept: boolean }, spec: ServingSpec): Promise<Tensor[]> {
  if (bytes.byteLength <= INLINE_LIST_BYTES) return exampleTensors(input, spec);
  const own = kept ? new Uint8Array(bytes) : movableBytes(bytes);
  return (await thread.ask(READ_EXAMPLES, { bytes: own, spec } satisfies ReadExamplesJob, [own.buffer])) as Tensor[];
}

/** @param kept whether somebody else has the outputs too @throws InferenceError */
export async function writeExamples({ thread }: Pick<TfServingBodies, 'thread'>, reply: ExampleReply, kept: boolean): Promise<Uint8Array> {
  if (isSmall(reply.outputs)) return writeExampleReply(reply);
  const { value: outputs, transfer } = movableTensors(reply.outputs, kept);
  return (await thread.ask(WRITE_EXAMPLES, { ...reply, outputs }, transfer)) as Uint8Array;
}
