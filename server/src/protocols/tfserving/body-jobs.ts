// Owns TensorFlow Serving's work in the body thread: read a request, write an answer. PURE.
import type { ServingSpec } from '../../inference/spec.ts';
import { checkCost } from '../bodies/cost.ts';
import { memoryOf } from '../bodies/memory.ts';
import type { Done } from '../bodies/thread.ts';
import { decodeCall, encodeCall, type Answered } from './exchange.ts';
import type { Method } from './target.ts';

export interface ReadJob {
  method: Method;
  bytes: Uint8Array;
  spec: ServingSpec;
  /** Bytes of memory the parsed body may take. */
  maxCost: number;
}

export const READ = 'tfserving.read';
export const WRITE = 'tfserving.write';

export const TFSERVING_JOBS = {
  [READ]: ({ method, bytes, spec, maxCost }: ReadJob): Done => {
    checkCost(bytes, maxCost);
    const decoded = decodeCall(method, new TextDecoder().decode(bytes), spec);
    return { value: decoded, transfer: memoryOf(decoded.item.tensors ?? []) };
  },
  [WRITE]: (answered: Answered): Done => {
    const bytes = new TextEncoder().encode(encodeCall(answered));
    return { value: bytes, transfer: [bytes.buffer] };
  },
};
