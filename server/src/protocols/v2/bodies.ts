// Owns where a V2 body is read and written: small JSON here, large JSON in the body thread, and so are raw tensors: most are views, here too;
// strings and float16 are read one by one.
import { INLINE_ELEMENTS } from '../bodies/cost.ts';
import { bufferOf, movableBytes, movableTensors } from '../bodies/memory.ts';
import type { BodyThread } from '../bodies/thread.ts';
import { writeInferAnswer, type InferAnswer, type InferBody } from './answer.ts';
import type { Soon } from '../../pipeline/soon.ts';
import { elementsCost, readInferRequest } from './body.ts';
import { READ, WRITE, type ReadJob } from './body-jobs.ts';
import type { InferRequest } from './infer.ts';
import { isRawView } from './raw.ts';

export interface V2Bodies {
  thread: BodyThread;
  /** JSON above this many bytes is read in the thread. */
  inlineBytes: number;
}

/** @throws InferenceError; memory_exhausted, exceeds_memory_budget for what would not fit, before it is made */
export function readBody(bodies: V2Bodies, body: Buffer, jsonBytes: number | undefined): Soon<InferRequest> {
  const isHere = (jsonBytes ?? body.byteLength) <= bodies.inlineBytes && elementsCost(body, jsonBytes) === 0;
  return isHere ? readInferRequest(body, jsonBytes) : readElsewhere(bodies.thread, body, jsonBytes);
}

function readElsewhere(thread: BodyThread, body: Buffer, jsonBytes: number | undefined): Promise<InferRequest> {
  const bytes = movableBytes(body);
  return thread.ask(READ, { bytes, jsonBytes } satisfies ReadJob, [bytes.buffer]) as Promise<InferRequest>;
}

/**
 * Raw numbers cost nothing here.
 * @param kept whether somebody else has the outputs too
 * @throws InferenceError
 */
export function writeBody({ thread }: V2Bodies, answer: InferAnswer, kept: boolean): Soon<InferBody> {
  const written = answer.outputs.reduce((sum, { binary, tensor }) => sum + (binary && isRawView(tensor) ? 0 : tensor.data.length), 0);
  return written <= INLINE_ELEMENTS ? writeInferAnswer(answer) : writeElsewhere(thread, answer, kept);
}

async function writeElsewhere(thread: BodyThread, answer: InferAnswer, kept: boolean): Promise<InferBody> {
  const { value, transfer } = movableTensors(answer.outputs.map(({ tensor }) => tensor), kept);
  const outputs = answer.outputs.map((output, index) => ({ ...output, tensor: value[index] ?? output.tensor }));
  const { bytes, jsonBytes } = (await thread.ask(WRITE, { ...answer, outputs }, transfer)) as { bytes: Uint8Array; jsonBytes: number | undefined };
  return { bytes: bufferOf(bytes), jsonBytes };
}
