// Owns the native API's work in the body thread: parse, check and convert a body; print an answer. PURE. It is told the specs of the
// models with each body.
import { parseJson } from '../../http/json-body.ts';
import type { CallResult } from '../../pipeline/call.ts';
import { checkCost } from '../bodies/cost.ts';
import { memoryOf, movableBytes, textOf } from '../bodies/memory.ts';
import type { Done } from '../bodies/thread.ts';
import { decodeBatch, decodePredict, printAnswer, type Answer, type ApiVersion, type Outside } from './codec.ts';
import { prepareCall, type SpecRow } from './spec-table.ts';

export type Kind = 'predict' | 'batch-predict';

export interface DecodeJob {
  kind: Kind;
  bytes: Uint8Array;
  outside: Outside;
  table: readonly SpecRow[];
  /** Bytes of memory the parsed body may take. */
  maxCost: number;
}

export interface EncodeJob {
  kind: Kind;
  version: ApiVersion;
  answer: Answer;
  result: CallResult;
}

export const DECODE = 'native.decode';
export const ENCODE = 'native.encode';

export const NATIVE_JOBS = {
  [DECODE]: (job: DecodeJob): Done => {
    checkCost(job.bytes, job.maxCost);
    const body = parseJson(textOf(job.bytes));
    const call = prepareCall(job.kind === 'predict' ? decodePredict(body, job.outside) : decodeBatch(body, job.outside), job.table);
    return { value: call, transfer: memoryOf(call.items.flatMap((item) => item.prepared?.tensors ?? [])) };
  },
  [ENCODE]: ({ kind, version, answer, result }: EncodeJob): Done => {
    const bytes = movableBytes(Buffer.from(printAnswer(kind, result, version, answer)));
    return { value: bytes, transfer: [bytes.buffer] };
  },
};
