// Owns where a V2 body is read and written: small JSON here, large JSON in the body thread. Raw tensors are views, here too.
import { INLINE_ELEMENTS, maxCostOf } from '../bodies/cost.ts';
import { movableBytes, movableTensors } from '../bodies/memory.ts';
import type { BodyThread } from '../bodies/thread.ts';
import { writeInferAnswer, type InferAnswer, type InferBody } from './answer.ts';
import type { Soon } from '../../pipeline/soon.ts';
import { readInferRequest } from './body.ts';
import { READ, WRITE, type ReadJob } from './body-jobs.ts';
import type { InferRequest } from './infer.ts';

export interface V2Bodies {
  thread: BodyThread;
  /** JSON above this many bytes is read in the thread. */
  inlineBytes: number;
  maxHeapMb: number;
}

/** @throws InferenceError */
export function readBody({ thread, inlineBytes, maxHeapMb }: V2Bodies, body: Buffer, jsonBytes: number | undefined): Soon<InferRequest> {
  if ((jsonBytes ?? body.byteLength) <= inlineBytes) return readInferRequest(body, jsonBytes);
  const bytes = movableBytes(body);
  const job: ReadJob = { bytes, jsonBytes, maxCost: maxCostOf(maxHeapMb) };
  return thread.ask(READ, job, [bytes.buffer]) as Promise<InferRequest>;
}

/**
 * Raw outputs cost nothing here.
 * @param kept whether somebody else has the outputs too
 * @throws InferenceError
 */
export function writeBody({ thread }: V2Bodies, answer: InferAnswer, kept: boolean): Soon<InferBody> {
  const printed = answer.outputs.reduce((sum, { binary, tensor }) => sum + (binary ? 0 : tensor.data.length), 0);
  return printed <= INLINE_ELEMENTS ? writeInferAnswer(answer) : writeElsewhere(thread, answer, kept);
}

async function writeElsewhere(thread: BodyThread, answer: InferAnswer, kept: boolean): Promise<InferBody> {
  const { value, transfer } = movableTensors(answer.outputs.map(({ tensor }) => tensor), kept);
  const outputs = answer.outputs.map((output, index) => ({ ...output, tensor: value[index] ?? output.tensor }));
  const { bytes, jsonBytes } = (await thread.ask(WRITE, { ...answer, outputs }, transfer)) as { bytes: Uint8Array; jsonBytes: number | undefined };
  return { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), jsonBytes };
}
