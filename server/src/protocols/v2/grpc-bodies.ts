// Owns where a V2 message is read and written: here where that costs the same for every tensor (raw numbers are views), or little; else in
// the body thread.
import { fromRecord, type ErrorRecord } from '../../inference/errors.ts';
import { INLINE_ELEMENTS, INLINE_LIST_BYTES, maxCostOf } from '../bodies/cost.ts';
import { movableBytes, movableTensors } from '../bodies/memory.ts';
import { bytesBeside } from '../grpc/skim.ts';
import type { Encoded } from '../grpc/service.ts';
import { GRPC, GrpcError } from '../grpc/status.ts';
import type { V2Bodies } from './bodies.ts';
import { INFER_REQUEST, isViewed, rawStringsCost, requestOf, writeReply, writtenElements, type InferHead, type InferMessage, type ReplyOf } from './grpc-messages.ts';
import { READ_MESSAGE, WRITE_MESSAGE, type ReadMessage, type ReadMessageJob } from './body-jobs.ts';
import type { InferOutput, InferRequest } from './infer.ts';

/** A request that has been read; what is wrong with its tensors is told after its model was found. */
export interface Asked {
  head: InferHead;
  /** @throws InferenceError malformed_request, invalid_input */
  request(): InferRequest;
}

const RAW_INPUT_CONTENTS = [7];

/** @throws GrpcError invalidArgument for what is no such message; InferenceError exceeds_memory_budget, memory_exhausted */
export async function readMessage(bodies: V2Bodies, bytes: Uint8Array): Promise<Asked> {
  if (bytes.byteLength > INLINE_LIST_BYTES && bytesBeside(bytes, RAW_INPUT_CONTENTS) > INLINE_LIST_BYTES) return readElsewhere(bodies, bytes, 0);
  const message = INFER_REQUEST.decode(bytes);
  return isViewed(message, bodies.inlineBytes) ? askedHere(message) : readElsewhere(bodies, bytes, rawStringsCost(message));
}

/** @param cost memory that its strings take, which is set aside before they are made */
async function readElsewhere({ thread, maxHeapMb, memory }: V2Bodies, bytes: Uint8Array, cost: number): Promise<Asked> {
  const release = memory.admit(cost);
  try {
    const own = movableBytes(bytes);
    const read = (await thread.ask(READ_MESSAGE, { bytes: own, maxCost: maxCostOf(maxHeapMb) } satisfies ReadMessageJob, [own.buffer])) as ReadMessage;
    if ('broken' in read) throw new GrpcError(GRPC.invalidArgument, read.broken);
    return { head: read.head, request: () => given(read) };
  } finally {
    release();
  }
}

const askedHere = (message: InferMessage): Asked => ({ head: message, request: () => requestOf(message) });

function given(read: { request: InferRequest } | { refused: ErrorRecord }): InferRequest {
  if ('refused' in read) throw fromRecord(read.refused);
  return read.request;
}

/** @param kept whether somebody else has the outputs too */
export async function writeMessage({ thread }: Pick<V2Bodies, 'thread'>, reply: ReplyOf, kept: boolean): Promise<Encoded> {
  if (writtenElements(reply.outputs) <= INLINE_ELEMENTS) return writeReply(reply);
  const { value, transfer } = movableTensors(reply.outputs.map(({ tensor }) => tensor), kept);
  const outputs = reply.outputs.map((output, index): InferOutput => ({ ...output, tensor: value[index] ?? output.tensor }));
  return (await thread.ask(WRITE_MESSAGE, { ...reply, outputs }, transfer)) as Uint8Array;
}
