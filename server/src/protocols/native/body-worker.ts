// The worker thread that parses and prints large bodies of the native API, so that the event loop never does.
// Must not hold models: it is told their specs with each body.
import { parentPort } from 'node:worker_threads';
import { asInferenceError, InferenceError, toRecord } from '../../inference/errors.ts';
import { jsonCost } from '../../http/json-cost.ts';
import { parseJson } from '../../http/json-body.ts';
import { completeItem } from '../../pipeline/postprocess.ts';
import type { Tensor } from '../../inference/tensor.ts';
import type { Call } from '../../pipeline/call.ts';
import { decodeBatch, decodePredict, encodeBatch, encodePredict } from './codec.ts';
import { prepareCall } from './spec-table.ts';
import type { BodyReply, BodyRequest, DecodeJob, EncodeJob } from './bodies.ts';

const port = parentPort;
if (port === null) throw new Error('body-worker.ts runs in a worker thread only');

function decode(job: DecodeJob): Call {
  checkCost(job);
  const body = parseJson(new TextDecoder().decode(job.bytes));
  const call = job.kind === 'predict' ? decodePredict(body, job.outside) : decodeBatch(body, job.outside);
  return prepareCall(call, job.table);
}

/** @throws InferenceError exceeds_memory_budget before the parser would burst the heap, which would end the process. */
function checkCost(job: DecodeJob): void {
  const cost = jsonCost(job.bytes);
  if (cost <= job.maxCost) return;
  const mib = (bytes: number): string => `${String(Math.ceil(bytes / 1024 / 1024))} MiB`;
  throw new InferenceError('exceeds_memory_budget', `The body would take about ${mib(cost)} once parsed; the limit is ${mib(job.maxCost)}. Send fewer or smaller items.`);
}

function encode({ kind, version, answer, result }: EncodeJob): Uint8Array {
  const complete = { ...result, results: result.results.map((item) => completeItem(result.spec, item, version === 2)) };
  return new TextEncoder().encode(JSON.stringify(kind === 'predict' ? encodePredict(complete, version, answer) : encodeBatch(complete, version, answer)));
}

const memoryOf = (tensors: readonly Tensor[]): ArrayBuffer[] => tensors.flatMap((tensor) => (Array.isArray(tensor.data) ? [] : [tensor.data.buffer as ArrayBuffer]));

function handle(request: BodyRequest): { reply: BodyReply; transfer: ArrayBuffer[] } {
  try {
    if (request.op === 'decode') {
      const call = decode(request.job);
      return { reply: { id: request.id, ok: true, value: call }, transfer: memoryOf(call.items.flatMap((item) => item.prepared?.tensors ?? [])) };
    }
    const bytes = encode(request.job);
    return { reply: { id: request.id, ok: true, value: bytes }, transfer: [bytes.buffer as ArrayBuffer] };
  } catch (error) {
    return { reply: { id: request.id, ok: false, error: toRecord(asInferenceError(error)) }, transfer: [] };
  }
}

port.on('message', (request: BodyRequest) => {
  const { reply, transfer } = handle(request);
  port.postMessage(reply, [...new Set(transfer)]);
});
