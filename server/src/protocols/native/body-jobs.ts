// Owns the native API's work in the body thread: parse, check and convert a body; print an answer. PURE. It is told the specs of the
// models with each body.
import { parseJson } from '../../http/json-body.ts';
import { jsonCost } from '../../http/json-cost.ts';
import type { CallResult } from '../../pipeline/call.ts';
import type { Done, Jobs } from '../bodies/job.ts';
import { memoryOf, movableBytes, textOf } from '../bodies/memory.ts';
import { decodeBatch, decodePredict, printAnswer, type Answer, type ApiVersion, type Outside } from './codec.ts';
import { prepareCall, type SpecRow } from './spec-table.ts';

export type Kind = 'predict' | 'batch-predict';

export interface DecodeJob {
  kind: Kind;
  bytes: Uint8Array;
  outside: Outside;
  table: readonly SpecRow[];
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
  [DECODE]: {
    weigh: ({ bytes }: DecodeJob): number => jsonCost(bytes),
    run: ({ kind, bytes, outside, table }: DecodeJob): Done => {
      const body = parseJson(textOf(bytes));
      const call = prepareCall(kind === 'predict' ? decodePredict(body, outside) : decodeBatch(body, outside), table);
      return { value: call, transfer: memoryOf(call.items.flatMap((item) => item.prepared?.tensors ?? [])) };
    },
  },
  [ENCODE]: {
    run: ({ kind, version, answer, result }: EncodeJob): Done => {
      const bytes = movableBytes(Buffer.from(printAnswer(kind, result, version, answer)));
      return { value: bytes, transfer: [bytes.buffer] };
    },
  },
} satisfies Jobs;
