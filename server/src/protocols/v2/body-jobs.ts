// Owns V2's work in the body thread: read a request, write an answer. PURE.
import { checkCost } from '../bodies/cost.ts';
import type { Done } from '../bodies/thread.ts';
import { memoryOf } from '../bodies/memory.ts';
import { writeInferAnswer, type InferAnswer } from './answer.ts';
import { readInferRequest } from './body.ts';

export interface ReadJob {
  bytes: Uint8Array;
  /** Length of the JSON; undefined = all of it. */
  jsonBytes: number | undefined;
  /** Bytes of memory the parsed JSON may take. */
  maxCost: number;
}

export const READ = 'v2.read';
export const WRITE = 'v2.write';

export const V2_JOBS = {
  [READ]: ({ bytes, jsonBytes, maxCost }: ReadJob): Done => {
    checkCost(bytes.subarray(0, jsonBytes), maxCost);
    const request = readInferRequest(bytes, jsonBytes);
    return { value: request, transfer: memoryOf(request.inputs) };
  },
  [WRITE]: (answer: InferAnswer): Done => {
    const { bytes, jsonBytes } = writeInferAnswer(answer);
    const own = new Uint8Array(bytes);
    return { value: { bytes: own, jsonBytes }, transfer: [own.buffer] };
  },
};
