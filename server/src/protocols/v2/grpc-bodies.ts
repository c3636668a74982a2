// Owns where a V2 message is read and written: here where that costs the same for every tensor (raw numbers are views), or little; else in
// the body thread.
import { INLINE_ELEMENTS, INLINE_LIST_BYTES } from '../bodies/cost.ts';
import { readOf } from '../bodies/job.ts';
import { movableBytes, movableTensors } from '../bodies/memory.ts';
import { bytesBeside } from '../grpc/skim.ts';
import type { Encoded } from '../grpc/service.ts';
import type { V2Bodies } from './bodies.ts';
import { INFER_REQUEST, isViewed, requestOf, writeReply, writtenElements, type InferHead, type InferMessage, type ReplyOf } from './grpc-messages.ts';
import { READ_MESSAGE, WRITE_MESSAGE, type ReadMessage } from './body-jobs.ts';
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
  if (bytes.byteLength > INLINE_LIST_BYTES && bytesBeside(bytes, RAW_INPUT_CONTENTS) > INLINE_LIST_BYTES) return readElsewhere(bodies, bytes);
  const message = INFER_REQUEST.decode(bytes);
  return isViewed(message, bodies.inlineBytes) ? askedHere(message) : readElsewhere(bodies, bytes);
}

async function readElsewhere({ thread }: V2Bodies, bytes: Uint8Array): Promise<Asked> {
  const own = movableBytes(bytes);
  const { head, request } = (await thread.ask(READ_MESSAGE, own, [own.buffer])) as ReadMessage;
  return { head, request: () => readOf(request) };
}

const askedHere = (message: InferMessage): Asked => ({ head: message, request: () => requestOf(message) });

/** @param kept whether somebody else has the outputs too */
export async function writeMessage({ thread }: Pick<V2Bodies, 'thread'>, reply: ReplyOf, kept: boolean): Promise<Encoded> {
  if (writtenElements(reply.outputs) <= INLINE_ELEMENTS) return writeReply(reply);
  const { value, transfer } = movableTensors(reply.outputs.map(({ tensor }) => tensor), kept);
  const outputs = reply.outputs.map((output, index): InferOutput => ({ ...output, tensor: value[index] ?? output.tensor }));
  return (await thread.ask(WRITE_MESSAGE, { ...reply, outputs }, transfer)) as Uint8Array;
}
