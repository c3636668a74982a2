// Owns warm-up: runs the model before it gets traffic, on the package's samples or on zeros, and finds out whether
// calls may share a batch. Must not know where samples come from: it gets tensors.
// It runs beside calls of what serves already, on the thread that answers them: a full batch is one row told many times, which the worker
// stacks, so that this thread makes and copies no more than that row.
import type { BatchingReport, WarmupReport } from './model.ts';
import { LoadError } from '../backends/backend.ts';
import { reasonFor } from '../backends/faults.ts';
import { nonFiniteIn } from '../inference/finite.ts';
import { layoutOf, concatRows, rowsOf, sizeOf, sliceRows, type ModelSignature, type Tensor } from '../inference/tensor.ts';

export interface WarmUpOptions {
  iterations: number;
  maxBatchSize: number;
  /** The only sizes that will run, if they are fixed: each is warmed. */
  allowed: readonly number[];
  /** Runs kept in flight at once, so that every worker is warmed. */
  workers: number;
}

export interface WarmUpResult {
  warmup: WarmupReport;
  batching: BatchingReport;
}

/** The inputs of one run: parts that the worker stacks. A part that stands there many times is sent once. */
type Parts = readonly (readonly Tensor[])[];

export type Run = (parts: Parts) => Promise<Tensor[]>;

/**
 * Runs the samples (else zeros, with one row and with a full batch) and every allowed size `iterations` times in every worker.
 * @throws LoadError WarmupFailed or UnsupportedOp with the runtime's words.
 */
export async function warmUp(run: Run, signature: ModelSignature, samples: readonly (readonly Tensor[])[], options: WarmUpOptions): Promise<WarmUpResult> {
  const [sample] = samples;
  const sizes = options.allowed.length > 0 ? options.allowed : [options.maxBatchSize];
  const inputs: Parts[] = sample === undefined ? zeroInputs(signature, [...new Set([1, ...sizes])]) : [...samples.map((each) => [each]), ...sized(sample, signature, options.allowed)];
  if (inputs.length === 0) {
    const detail = 'skipped (dynamic shape, add samples)';
    return { warmup: { complete: true, detail }, batching: { enabled: false, reason: `${detail}: nothing shows that calls can share a batch` } };
  }
  try {
    for (let round = 0; round < options.iterations; round++) {
      for (const input of inputs) await Promise.all(Array.from({ length: options.workers }, () => run(input)));
    }
    return { warmup: await reportOf(run, samples), batching: await findBatching(run, signature, inputs) };
  } catch (error) {
    const message = (error as Error).message;
    throw new LoadError(reasonFor(message, 'WarmupFailed'), `the model fails on its warm-up input: ${message}`, error);
  }
}

/** A model that computes no number from a sample of its own package is told of, not refused: only a run that fails is a failed load. */
async function reportOf(run: Run, samples: readonly (readonly Tensor[])[]): Promise<WarmupReport> {
  if (samples.length === 0) return { complete: true, detail: 'zeros' };
  const detail = `${String(samples.length)} samples`;
  for (const [index, sample] of samples.entries()) {
    const place = (await run([sample])).map(nonFiniteIn).find((found) => found !== undefined);
    if (place === undefined) continue;
    const suspect = `the answer to samples[${String(index)}] is no number: ${place}`;
    return { complete: true, detail: `${detail}; ${suspect}`, suspect };
  }
  return { complete: true, detail };
}

/** Whether rows may be told one by one. */
const growing = (signature: ModelSignature): boolean => signature.inputs.every((input) => input.shape[0] === -1);

const repeated = (part: readonly Tensor[], rows: number): Parts => Array.from({ length: rows }, () => part);

/** A sample's first row as many times as each allowed size says, where the model lets the first dimension vary. */
function sized(sample: readonly Tensor[], signature: ModelSignature, allowed: readonly number[]): Parts[] {
  if (!growing(signature)) return [];
  const row = sample.map(firstRow);
  return allowed.map((rows) => repeated(row, rows));
}

/** A copy: a view would take all that it looks at along to the worker. */
function firstRow(tensor: Tensor): Tensor {
  const row = sliceRows(tensor, 0, 1);
  return { ...row, data: row.data.slice() };
}

/** Zeros with each number of rows; none where another dimension than the first is unknown. */
function zeroInputs(signature: ModelSignature, sizes: readonly number[]): Parts[] {
  if (signature.inputs.some((input) => input.shape.slice(1).includes(-1))) return [];
  const make = (rows: number): Tensor[] =>
    signature.inputs.map((input) => {
      const shape = input.shape.length === 0 ? [] : [input.shape[0] === -1 ? rows : (input.shape[0] ?? 1), ...input.shape.slice(1)];
      return { name: input.name, dtype: input.dtype, shape, data: layoutOf(input.dtype).make(sizeOf(shape)) };
    });
  if (!growing(signature)) return sizes.map((rows) => [make(rows)]);
  const row = make(1);
  return sizes.map((rows) => repeated(row, rows));
}

/** Calls may share a batch only if the model treats every row by itself: f(a + b) = f(a) + f(b). */
async function findBatching(run: Run, signature: ModelSignature, inputs: readonly Parts[]): Promise<BatchingReport> {
  const fixed = [...signature.inputs, ...signature.outputs].find((tensor) => tensor.shape[0] !== -1);
  if (fixed !== undefined) return { enabled: false, reason: `the first dimension of ${fixed.name} is fixed` };
  const [a, b] = probe(inputs[0]?.[0] ?? []);
  const [left, right, both] = [await run([a]), await run([b]), await run([a, b])];
  const perRow = left.every((output) => rowsOf(output) === 1) && right.every((output) => rowsOf(output) === 2);
  if (![...left, ...right].some(tells)) return { enabled: false, reason: 'warm-up gave no number, so nothing shows that calls can share a batch' };
  const same = perRow && both.every((output, index) => equalsJoined(output, left[index], right[index]));
  return same ? { enabled: true, reason: 'warm-up showed f(a + b) = f(a) + f(b)' } : { enabled: false, reason: 'warm-up showed that the rows of a batch influence each other' };
}

/** Two different inputs of one and two rows, made from a warm-up input. */
function probe(input: readonly Tensor[]): [Tensor[], Tensor[]] {
  const row = input.map(firstRow);
  const a = row.map((tensor) => vary(tensor, 1));
  const b = input.map((tensor, index) => concatRows([row[index] as Tensor, vary(row[index] as Tensor, rowsOf(tensor) + 1)]));
  return [a, b];
}

/** What floats move by, over and over: a prime number of steps, so that it fits no width. */
const WAVE = Float64Array.from({ length: 1021 }, (_, index) => Math.sin(index) / 4);

/** Floats move a little (the same way every time); other dtypes stay as they are, for any change may be out of range. */
function vary(tensor: Tensor, seed: number): Tensor {
  if (!(tensor.data instanceof Float32Array)) return tensor;
  const data = tensor.data.slice();
  for (let index = 0; index < data.length; index++) data[index] = (data[index] as number) + (WAVE[(index + seed) % WAVE.length] as number);
  return { ...tensor, data };
}

/** Whether an output shows anything: NaN is what any computation may come to. */
const tells = ({ data }: Tensor): boolean => data.length === 0 || Array.isArray(data) || data.some((value) => Number.isFinite(Number(value)));

const TOLERANCE = 1e-3;

function equalsJoined(both: Tensor, left: Tensor | undefined, right: Tensor | undefined): boolean {
  if (left === undefined || right === undefined || rowsOf(both) !== rowsOf(left) + rowsOf(right)) return false;
  const parts = concatRows([left, right]);
  if (parts.data.length !== both.data.length) return false;
  if (Array.isArray(both.data)) return both.data.every((value, index) => String(value) === String(parts.data[index]));
  return (both.data).every((value, index) => close(Number(value), Number(parts.data[index])));
}

/** NaN is like NaN, and each infinity only like itself. */
const close = (a: number, b: number): boolean => Object.is(a, b) || (Number.isFinite(a) && Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(a)));
