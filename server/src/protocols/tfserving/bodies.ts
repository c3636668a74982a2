// Owns where a REST body is read and written: small ones here, large ones in the body thread.
import type { ServingSpec } from '../../inference/spec.ts';
import { INLINE_ELEMENTS } from '../bodies/cost.ts';
import { bufferOf, movableBytes, movableTensors } from '../bodies/memory.ts';
import type { BodyThread } from '../bodies/thread.ts';
import { READ, WRITE, type ReadJob } from './body-jobs.ts';
import { decodeCall, encodeCall, type Answered, type Decoded } from './exchange.ts';
import type { Method } from './target.ts';

export interface TfServingBodies {
  thread: BodyThread;
  /** Bodies above this many bytes are read in the thread. */
  inlineBytes: number;
}

/** @throws InferenceError */
export async function readCall({ thread, inlineBytes }: TfServingBodies, body: Buffer, { method, spec }: { method: Method; spec: ServingSpec }): Promise<Decoded> {
  if (body.byteLength <= inlineBytes) return decodeCall(method, body.toString('utf8'), spec);
  const bytes = movableBytes(body);
  const job: ReadJob = { method, bytes, spec };
  return (await thread.ask(READ, job, [bytes.buffer])) as Decoded;
}

/**
 * @param kept whether somebody else has the outputs too
 * @throws InferenceError
 */
export async function writeCall({ thread }: Pick<TfServingBodies, 'thread'>, answered: Answered, kept: boolean): Promise<string | Buffer> {
  if (answered.outputs.reduce((sum, output) => sum + output.data.length, 0) <= INLINE_ELEMENTS) return encodeCall(answered);
  const { value: outputs, transfer } = movableTensors(answered.outputs, kept);
  const bytes = (await thread.ask(WRITE, { ...answered, outputs }, transfer)) as Uint8Array;
  return bufferOf(bytes);
}
