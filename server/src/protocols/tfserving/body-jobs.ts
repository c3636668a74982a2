// Owns TensorFlow Serving's work in the body thread: read a request, write an answer, of REST and of gRPC. PURE.
import { jsonCost } from '../../http/json-cost.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import type { Tensor } from '../../inference/tensor.ts';
import { readWith, type Done, type Jobs, type Read } from '../bodies/job.ts';
import { bufferOf, memoryOf, movableBytes, textOf } from '../bodies/memory.ts';
import { messageCost } from '../grpc/skim.ts';
import { decodeCall, encodeCall, type Answered } from './exchange.ts';
import { EXAMPLE_COSTS, exampleTensors, writeExampleReply, type ExampleReply } from './example-messages.ts';
import { MESSAGES } from './grpc-messages.ts';
import { askedOf, PREDICT_COSTS, writeReply, type PredictAsked, type PredictReply } from './predict-messages.ts';
import type { Method } from './target.ts';

export interface ReadJob {
  method: Method;
  bytes: Uint8Array;
  spec: ServingSpec;
}

export const READ = 'tfserving.read';
export const WRITE = 'tfserving.write';

export interface ReadMessageJob {
  bytes: Uint8Array;
  /** Memory that a short list may be repeated to fill. */
  maxBytes: number;
}

/** A PredictRequest: what it asks. */
export type ReadMessage = Omit<PredictAsked, 'tensors'> & { given: Read<Tensor[]> };

export const READ_MESSAGE = 'tfserving.read-message';
export const WRITE_MESSAGE = 'tfserving.write-message';

/** A request of Examples, for a model. */
export interface ReadExamplesJob {
  bytes: Uint8Array;
  spec: ServingSpec;
}

export const READ_EXAMPLES = 'tfserving.read-examples';
export const WRITE_EXAMPLES = 'tfserving.write-examples';

function readExamples({ bytes, spec }: ReadExamplesJob): Tensor[] {
  const { input } = MESSAGES.inputHolder.decode(bufferOf(bytes));
  return exampleTensors(input, spec);
}

function readMessage({ bytes, maxBytes }: ReadMessageJob): ReadMessage {
  const { tensors, ...asked } = askedOf(MESSAGES.predictRequest.decode(bufferOf(bytes)), maxBytes);
  return { ...asked, given: readWith(tensors) };
}

export const TFSERVING_JOBS = {
  [READ]: {
    weigh: ({ bytes }: ReadJob): number => jsonCost(bytes),
    run: ({ method, bytes, spec }: ReadJob): Done => {
      const decoded = decodeCall(method, textOf(bytes), spec);
      return { value: decoded, transfer: memoryOf(decoded.item.tensors ?? []) };
    },
  },
  [WRITE]: {
    run: (answered: Answered): Done => {
      const bytes = new TextEncoder().encode(encodeCall(answered));
      return { value: bytes, transfer: [bytes.buffer] };
    },
  },
  [READ_MESSAGE]: {
    weigh: ({ bytes }: ReadMessageJob): number => messageCost(bytes, PREDICT_COSTS),
    run: (job: ReadMessageJob): Done => {
      const message = readMessage(job);
      return { value: message, transfer: 'read' in message.given ? memoryOf(message.given.read) : [] };
    },
  },
  [WRITE_MESSAGE]: {
    run: (reply: PredictReply): Done => {
      const own = movableBytes(writeReply(reply));
      return { value: own, transfer: [own.buffer] };
    },
  },
  [READ_EXAMPLES]: {
    weigh: ({ bytes }: ReadExamplesJob): number => messageCost(bytes, EXAMPLE_COSTS),
    run: (job: ReadExamplesJob): Done => {
      const tensors = readExamples(job);
      return { value: tensors, transfer: memoryOf(tensors) };
    },
  },
  [WRITE_EXAMPLES]: {
    run: (reply: ExampleReply): Done => {
      const own = movableBytes(writeExampleReply(reply));
      return { value: own, transfer: [own.buffer] };
    },
  },
} satisfies Jobs;
