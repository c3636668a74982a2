// Owns V2's work in the body thread: read a request, write an answer, as JSON and as messages. PURE.
import { jsonCost } from '../../http/json-cost.ts';
import { readWith, type Done, type Jobs, type Read } from '../bodies/job.ts';
import { bufferOf, memoryOf, movableBytes } from '../bodies/memory.ts';
import { messageCost } from '../grpc/skim.ts';
import { writeInferAnswer, type InferAnswer } from './answer.ts';
import { elementsCost, readInferRequest } from './body.ts';
import { INFER_COSTS, INFER_REQUEST, rawStringsCost, requestOf, writeReply, type InferHead, type ReplyOf } from './grpc-messages.ts';
import type { InferRequest } from './infer.ts';

export interface ReadJob {
  bytes: Uint8Array;
  /** Length of the JSON; undefined = all of it. */
  jsonBytes: number | undefined;
}

export const READ = 'v2.read';
export const WRITE = 'v2.write';

export const READ_MESSAGE = 'v2.read-message';
export const WRITE_MESSAGE = 'v2.write-message';

/** A ModelInferRequest: what it asks. */
export interface ReadMessage {
  head: InferHead;
  request: Read<InferRequest>;
}

function readMessage(bytes: Uint8Array): ReadMessage {
  const message = INFER_REQUEST.decode(bufferOf(bytes));
  const { model_name, model_version, id } = message;
  return { head: { model_name, model_version, id }, request: readWith(() => requestOf(message)) };
}

/** The strings of a message that can be decoded at all. */
function stringsOf(bytes: Uint8Array): number {
  const cost = readWith(() => rawStringsCost(INFER_REQUEST.decode(bufferOf(bytes))));
  return 'read' in cost ? cost.read : 0;
}

export const V2_JOBS = {
  [READ]: {
    weigh: ({ bytes, jsonBytes }: ReadJob, max: number): number => {
      const cost = jsonCost(bytes.subarray(0, jsonBytes));
      return cost > max ? cost : cost + elementsCost(bytes, jsonBytes);
    },
    run: ({ bytes, jsonBytes }: ReadJob): Done => {
      const request = readInferRequest(bytes, jsonBytes);
      return { value: request, transfer: memoryOf(request.inputs) };
    },
  },
  [WRITE]: {
    run: (answer: InferAnswer): Done => {
      const { bytes, jsonBytes } = writeInferAnswer(answer);
      const own = movableBytes(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
      return { value: { bytes: own, jsonBytes }, transfer: [own.buffer] };
    },
  },
  [READ_MESSAGE]: {
    weigh: (bytes: Uint8Array, max: number): number => {
      const cost = messageCost(bytes, INFER_COSTS);
      return cost > max ? cost : cost + stringsOf(bytes);
    },
    run: (bytes: Uint8Array): Done => {
      const message = readMessage(bytes);
      return { value: message, transfer: 'read' in message.request ? memoryOf(message.request.read.inputs) : [] };
    },
  },
  [WRITE_MESSAGE]: {
    run: (reply: ReplyOf): Done => {
      const written = writeReply(reply);
      const own = movableBytes(written instanceof Uint8Array ? written : Buffer.concat(written));
      return { value: own, transfer: [own.buffer] };
    },
  },
} satisfies Jobs;
