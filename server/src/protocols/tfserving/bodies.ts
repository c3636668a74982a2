// Owns where a REST body is read and written: small ones here, large ones in the body thread.
import type { ServingSpec } from '../../inference/spec.ts';
import type { Soon } from '../../pipeline/soon.ts';
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

interface Expected {
  method: Method;
  spec: ServingSpec;
}

/** @throws InferenceError, at once or later */
export function readCall({ thread, inlineBytes }: TfServingBodies, body: Buffer, { method, spec }: Expected): Soon<Decoded> {
  return body.byteLength <= inlineBytes ? decodeCall(method, body.toString('utf8'), spec) : readElsewhere(thread, body, { method, spec });
}

function readElsewhere(thread: BodyThread, body: Buffer, expected: Expected): Promise<Decoded> {
  const bytes = movableBytes(body);
  return thread.ask(READ, { ...expected, bytes } satisfies ReadJob, [bytes.buffer]) as Promise<Decoded>;
}

/**
 * @param kept whether somebody else has the outputs too
 * @throws InferenceError, at once or later
 */
export function writeCall({ thread }: Pick<TfServingBodies, 'thread'>, answered: Answered, kept: boolean): Soon<string | Buffer> {
  const elements = answered.outputs.reduce((sum, output) => sum + output.data.length, 0);
  return elements <= INLINE_ELEMENTS ? encodeCall(answered) : writeElsewhere(thread, answered, kept);
}

async function writeElsewhere(thread: BodyThread, answered: Answered, kept: boolean): Promise<Buffer> {
  const { value: outputs, transfer } = movableTensors(answered.outputs, kept);
  return bufferOf((await thread.ask(WRITE, { ...answered, outputs }, transfer)) as Uint8Array);
}
