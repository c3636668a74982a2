// Owns TensorFlow Serving's work in the body thread: read a request, write an answer, of REST and of gRPC. PURE.
import { asInferenceError, toRecord, type ErrorRecord } from '../../inference/errors.ts';
import type { Tensor } from '../../inference/tensor.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import { checkCost } from '../bodies/cost.ts';
import { bufferOf, memoryOf, movableBytes, textOf } from '../bodies/memory.ts';
import type { Done } from '../bodies/thread.ts';
import { messageCost } from '../grpc/skim.ts';
import { GrpcError } from '../grpc/status.ts';
import { decodeCall, encodeCall, type Answered } from './exchange.ts';
import { EXAMPLE_COSTS, exampleTensors, writeExampleReply, type ExampleReply } from './example-messages.ts';
import { MESSAGES } from './grpc-messages.ts';
import { askedOf, PREDICT_COSTS, writeReply, type PredictAsked, type PredictReply } from './predict-messages.ts';
import type { Method } from './target.ts';

export interface ReadJob {
  method: Method;
  bytes: Uint8Array;
  spec: ServingSpec;
  /** Bytes of memory the parsed body may take. */
  maxCost: number;
}

export const READ = 'tfserving.read';
export const WRITE = 'tfserving.write';

export interface ReadMessageJob {
  bytes: Uint8Array;
  /** Memory that a short list may be repeated to fill. */
  maxBytes: number;
  /** Bytes of memory the decoded message may take. */
  maxCost: number;
}

/** A PredictRequest: what it asks, what is wrong with its tensors, or why it is no such message. */
export type ReadMessage = (Omit<PredictAsked, 'tensors'> & ({ given: Tensor[] } | { refused: ErrorRecord })) | { broken: string };

export const READ_MESSAGE = 'tfserving.read-message';
export const WRITE_MESSAGE = 'tfserving.write-message';

/** A request of Examples, for a model. */
export interface ReadExamplesJob {
  bytes: Uint8Array;
  spec: ServingSpec;
  /** Bytes of memory the decoded message may take. */
  maxCost: number;
}

export const READ_EXAMPLES = 'tfserving.read-examples';
export const WRITE_EXAMPLES = 'tfserving.write-examples';

function readExamples({ bytes, spec, maxCost }: ReadExamplesJob): Tensor[] {
  checkCost(bytes, maxCost, (message) => messageCost(message, EXAMPLE_COSTS));
  const { input } = MESSAGES.inputHolder.decode(bufferOf(bytes));
  return exampleTensors(input, spec);
}

function readMessage({ bytes, maxBytes, maxCost }: ReadMessageJob): ReadMessage {
  checkCost(bytes, maxCost, (message) => messageCost(message, PREDICT_COSTS));
  try {
    const { tensors, ...asked } = askedOf(MESSAGES.predictRequest.decode(bufferOf(bytes)), maxBytes);
    return { ...asked, ...given(tensors) };
  } catch (error) {
    if (error instanceof GrpcError) return { broken: error.message };
    throw error;
  }
}

function given(tensors: () => Tensor[]): { given: Tensor[] } | { refused: ErrorRecord } {
  try {
    return { given: tensors() };
  } catch (error) {
    return { refused: toRecord(asInferenceError(error)) };
  }
}

export const TFSERVING_JOBS = {
  [READ]: ({ method, bytes, spec, maxCost }: ReadJob): Done => {
    checkCost(bytes, maxCost);
    const decoded = decodeCall(method, textOf(bytes), spec);
    return { value: decoded, transfer: memoryOf(decoded.item.tensors ?? []) };
  },
  [WRITE]: (answered: Answered): Done => {
    const bytes = new TextEncoder().encode(encodeCall(answered));
    return { value: bytes, transfer: [bytes.buffer] };
  },
  [READ_MESSAGE]: (job: ReadMessageJob): Done => {
    const read = readMessage(job);
    return { value: read, transfer: 'given' in read ? memoryOf(read.given) : [] };
  },
  [WRITE_MESSAGE]: (reply: PredictReply): Done => {
    const own = movableBytes(writeReply(reply));
    return { value: own, transfer: [own.buffer] };
  },
  [READ_EXAMPLES]: (job: ReadExamplesJob): Done => {
    const tensors = readExamples(job);
    return { value: tensors, transfer: memoryOf(tensors) };
  },
  [WRITE_EXAMPLES]: (reply: ExampleReply): Done => {
    const own = movableBytes(writeExampleReply(reply));
    return { value: own, transfer: [own.buffer] };
  },
};
