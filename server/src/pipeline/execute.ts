// Owns one model call: rows in, rows out, in pieces where the model or the caller wants pieces. Must not know what rows mean.
import type { BatchResult } from '../batching/batcher.ts';
import { InferenceError } from '../inference/errors.ts';
import { concatRows, rowsOf, sliceRows, type Tensor } from '../inference/tensor.ts';
import type { Model } from '../models/model.ts';

export interface CallContext {
  requestId: string;
  /** Milliseconds on the monotonic clock. */
  deadline: number;
  /** Aborted when the caller hangs up. */
  signal?: { readonly aborted: boolean } | undefined;
  /** Nobody looks at the inputs again: their memory may move to the worker. */
  owned?: boolean;
}

/**
 * Runs a model on prepared inputs.
 * @param chunk rows of one piece at most, where the model lets rows be taken apart
 * @throws InferenceError
 */
export function execute(model: Model, inputs: readonly Tensor[], chunk: number, context: CallContext): Promise<BatchResult> {
  if (performance.now() >= context.deadline) throw new InferenceError('deadline_exceeded', 'The answer was not ready in time.');
  const rows = inputs[0] === undefined ? 0 : rowsOf(inputs[0]);
  const size = pieceSize(model, rows, chunk);
  const { deadline, signal, owned = false } = context;
  const pieces = pieceCount(rows, size);
  const submit = (index: number): Promise<BatchResult> => {
    const part = pieces === 1 ? inputs : inputs.map((input) => sliceRows(input, index * size, Math.min(rows, (index + 1) * size)));
    return model.batcher.submit({ inputs: part, deadline, signal, continued: index > 0, owned: owned && pieces === 1 });
  };
  return pieces === 1 ? submit(0) : inPieces(pieces, model.runner.workers + 1, submit);
}

async function inPieces(pieces: number, width: number, submit: (index: number) => Promise<BatchResult>): Promise<BatchResult> {
  const started = performance.now();
  const results = await inTurns(pieces, width, submit);
  const wall = performance.now() - started;
  const outputs = (results[0]?.outputs ?? []).map((_, at) => concatRows(results.map((result) => result.outputs[at] as Tensor)));
  const queueMs = Math.max(...results.map((result) => result.queueMs));
  const computeMs = results.reduce((sum, result) => sum + result.computeMs, 0);
  return { outputs, queueMs, computeMs, batchMs: Math.max(0, wall - queueMs - computeMs) };
}

/** Keeps `width` pieces under way, so that a large call leaves room for others between its pieces. */
async function inTurns(pieces: number, width: number, run: (index: number) => Promise<BatchResult>): Promise<BatchResult[]> {
  const results = new Array<BatchResult>(pieces);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < pieces; index = next++) results[index] = await run(index);
  };
  await Promise.all(Array.from({ length: Math.min(width, pieces) }, lane));
  return results;
}

const pieceCount = (rows: number, size: number): number => Math.max(1, Math.ceil(rows / size));

/** A fixed first dimension decides the piece; rows that influence each other stay together. */
function pieceSize(model: Model, rows: number, chunk: number): number {
  const fixed = model.spec.signature.inputs[0]?.shape[0] ?? -1;
  if (fixed > 0) return fixed;
  return model.batching.enabled ? Math.max(1, Math.min(chunk, model.limits.maxRows)) : Math.max(1, rows);
}
