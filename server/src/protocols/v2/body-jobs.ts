// Owns V2's work in the body thread: read a request, write an answer, as JSON and as messages. PURE.
import { asInferenceError, toRecord, type ErrorRecord } from '../../inference/errors.ts';
import { checkCost } from '../bodies/cost.ts';
import type { Done } from '../bodies/thread.ts';
import { bufferOf, memoryOf, movableBytes } from '../bodies/memory.ts';
import { writeInferAnswer, type InferAnswer } from './answer.ts';
import { elementsCost, readInferRequest } from './body.ts';
import { messageCost } from '../grpc/skim.ts';
import { GrpcError } from '../grpc/status.ts';
import { INFER_COSTS, INFER_REQUEST, rawStringsCost, requestOf, writeReply, type InferHead, type ReplyOf } from './grpc-messages.ts';
import type { InferRequest } from './infer.ts';

export interface ReadJob {
  bytes: Uint8Array;
  /** Length of the JSON; undefined = all of it. */
  jsonBytes: number | undefined;
  /** Bytes of memory the parsed JSON may take. */
  maxCost: number;
}

export const READ = 'v2.read';
export const WRITE = 'v2.write';

export const READ_MESSAGE = 'v2.read-message';
export const WRITE_MESSAGE = 'v2.write-message';

/** A ModelInferRequest: what it asks, what is wrong with its tensors, or why it is no such message. */
export type ReadMessage = ({ head: InferHead } & ({ request: InferRequest } | { refused: ErrorRecord })) | { broken: string };

export interface ReadMessageJob {
  bytes: Uint8Array;
  /** Bytes of memory the decoded message may take. */
  maxCost: number;
}

function readMessage({ bytes, maxCost }: ReadMessageJob): ReadMessage {
  checkCost(bytes, maxCost, (message) => messageCost(message, INFER_COSTS));
  try {
    const message = INFER_REQUEST.decode(bufferOf(bytes));
    checkCost(bytes, maxCost, () => rawStringsCost(message));
    const { model_name, model_version, id } = message;
    return { head: { model_name, model_version, id }, ...requested(() => requestOf(message)) };
  } catch (error) {
    if (error instanceof GrpcError) return { broken: error.message };
    throw error;
  }
}

function requested(read: () => InferRequest): { request: InferRequest } | { refused: ErrorRecord } {
  try {
    return { request: read() };
  } catch (error) {
    return { refused: toRecord(asInferenceError(error)) };
  }
}

export const V2_JOBS = {
  [READ]: ({ bytes, jsonBytes, maxCost }: ReadJob): Done => {
    checkCost(bytes.subarray(0, jsonBytes), maxCost);
    checkCost(bytes, maxCost, (body) => elementsCost(body, jsonBytes));
    const request = readInferRequest(bytes, jsonBytes);
    return { value: request, transfer: memoryOf(request.inputs) };
  },
  [WRITE]: (answer: InferAnswer): Done => {
    const { bytes, jsonBytes } = writeInferAnswer(answer);
    const own = movableBytes(bytes);
    return { value: { bytes: own, jsonBytes }, transfer: [own.buffer] };
  },
  [READ_MESSAGE]: (job: ReadMessageJob): Done => {
    const read = readMessage(job);
    return { value: read, transfer: 'request' in read ? memoryOf(read.request.inputs) : [] };
  },
  [WRITE_MESSAGE]: (reply: ReplyOf): Done => {
    const written = writeReply(reply);
    const own = movableBytes(written instanceof Uint8Array ? written : Buffer.concat(written));
    return { value: own, transfer: [own.buffer] };
  },
};
