// What warm-up sends, what it reports of a model that computes no number, and what that shows about batches.
import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../backends/frames.ts';
import { concatRows, type ModelSignature, type Tensor } from '../inference/tensor.ts';
import { warmUp, type Run } from './warm-up.ts';

const SIGNATURE: ModelSignature = { inputs: [{ name: 'x', dtype: 'float32', shape: [-1, 2] }], outputs: [{ name: 'y', dtype: 'float32', shape: [-1, 2] }] };
const OPTIONS = { iterations: 1, maxBatchSize: 4, allowed: [], workers: 1 };
const tensor = (...rows: number[][]): Tensor => ({ name: 'x', dtype: 'float32', shape: [rows.length, 2], data: Float32Array.from(rows.flat()) });

type Compute = (value: number, at: number, all: Float32Array) => number;
/** Stacks the parts as a worker does. */
const stacked = (parts: Parameters<Run>[0]): Tensor & { data: Float32Array } => concatRows(parts.map(([part]) => part as Tensor)) as Tensor & { data: Float32Array };
const model = (compute: Compute): Run => (parts) => {
  const { shape, data } = stacked(parts);
  return Promise.resolve([{ name: 'y', dtype: 'float32', shape, data: data.map((value, at) => compute(value, at, data)) }]);
};
const warm = (compute: Compute, ...samples: Tensor[]): ReturnType<typeof warmUp> => warmUp(model(compute), SIGNATURE, samples.map((sample) => [sample]), OPTIONS);

describe('a model that computes no number', () => {
  it('from a sample of its package is told of, and served', async () => {
    const { warmup } = await warm((value) => Math.log(value), tensor([1, 2]), tensor([1, 2], [3, -1]));
    expect(warmup).toEqual({
      complete: true,
      detail: '2 samples; the answer to samples[1] is no number: outputs.y[1][1] is NaN',
      suspect: 'the answer to samples[1] is no number: outputs.y[1][1] is NaN',
    });
    expect((await warm((value) => value, tensor([1, 2]))).warmup).toEqual({ complete: true, detail: '1 samples' });
  });

  it('from zeros is not told of: a package has not said that they are inputs', async () => {
    expect((await warm((value) => value / value)).warmup).toEqual({ complete: true, detail: 'zeros' });
  });

  it('in some places has batches: NaN is like NaN there, an infinity like itself', async () => {
    for (const none of [NaN, Infinity, -Infinity]) {
      expect((await warm((value, at) => (at % 2 === 0 ? none : value), tensor([1, 2]))).batching.enabled).toBe(true);
    }
  });

  it('has no batches where an infinity stands for another number in a larger batch', async () => {
    for (const [few, many] of [[1, Infinity], [Infinity, 1], [Infinity, -Infinity], [NaN, 1], [1, NaN]] as const) {
      const { batching } = await warm((value, at, all) => (at % 2 === 0 ? value : all.length > 4 ? many : few), tensor([1, 2]));
      expect(batching).toEqual({ enabled: false, reason: 'warm-up showed that the rows of a batch influence each other' });
    }
  });

  it('anywhere has no batches: nothing shows that its rows do not influence each other', async () => {
    const { batching } = await warm(() => NaN, tensor([1, 2]));
    expect(batching).toEqual({ enabled: false, reason: 'warm-up gave no number, so nothing shows that calls can share a batch' });
  });
});

describe('a full batch', () => {
  const wide: ModelSignature = { inputs: [{ name: 'x', dtype: 'float32', shape: [-1, 1000] }], outputs: [{ name: 'y', dtype: 'float32', shape: [-1, 1000] }] };
  /** Rows of each run, and the bytes that were sent for them. */
  const sent = async (samples: Tensor[][], allowed: number[]): Promise<{ rows: number; bytes: number }[]> => {
    const runs: { rows: number; bytes: number }[] = [];
    const run: Run = (parts) => {
      const x = stacked(parts);
      runs.push({ rows: x.shape[0] ?? 0, bytes: encodeFrame(parts).reduce((sum, piece) => sum + piece.byteLength, 0) });
      return Promise.resolve([{ ...x, name: 'y' }]);
    };
    const { batching } = await warmUp(run, wide, samples, { ...OPTIONS, maxBatchSize: 32, allowed });
    expect(batching.enabled).toBe(true);
    return runs;
  };

  it('is one row told many times: what a large model is warmed with is neither made nor copied on the thread that answers calls', async () => {
    const [one, full] = await sent([], []);
    expect([one?.rows, full?.rows]).toEqual([1, 32]);
    expect(full?.bytes).toBeLessThan(1.2 * (one?.bytes ?? 0));
  });

  it('is the first row of a sample where there is one, without the others', async () => {
    const sample: Tensor = { name: 'x', dtype: 'float32', shape: [8, 1000], data: new Float32Array(8000).fill(7) };
    const [own, , large] = await sent([[sample]], [4, 16]);
    expect([own?.rows, large?.rows]).toEqual([8, 16]);
    expect(large?.bytes).toBeLessThan((own?.bytes ?? 0) / 6);
  });
});
