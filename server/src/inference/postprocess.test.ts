import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { predictionsOf, scoresOf } from './postprocess.ts';
import { uncertaintyOf } from './uncertainty.ts';
import { explain, featureNames, occlude } from './explanation.ts';
import type { ServingSpec } from './spec.ts';
import type { Tensor } from './tensor.ts';

const output = (...rows: number[][]): Tensor => ({ name: 'y', dtype: 'float32', shape: [rows.length, rows[0]?.length ?? 0], data: Float32Array.from(rows.flat()) });
const labels = ['a', 'b', 'c'];

describe('postprocessing', () => {
  it('without steps, rows are as the model gave them', () => {
    expect(predictionsOf(output([1, 2], [3, 4]), [], undefined, false)).toEqual([[1, 2], [3, 4]]);
  });

  it('softmax rows are probabilities, whatever their size', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true, min: -1000, max: 1000 }), { minLength: 1, maxLength: 8 }), (row) => {
        const scores = Array.from(scoresOf(output(row), [{ softmax: {} }])?.scores ?? []);
        expect(scores.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
        expect(scores[row.indexOf(Math.max(...row))]).toBe(Math.max(...scores));
      }),
    );
  });

  it('labels, thresholds and top-k', () => {
    const row = output([0.2, 0.7, 0.1]);
    const close = (n: number): unknown => expect.closeTo(n, 6);
    expect(predictionsOf(row, [{ labels }], undefined, false)).toEqual([{ prediction: 'b', score: close(0.7), probabilities: { a: close(0.2), b: close(0.7), c: close(0.1) } }]);
    expect(predictionsOf(row, [{ labels }, { topK: { k: 2 } }], undefined, false)).toEqual([{ top: [{ label: 'b', score: close(0.7) }, { label: 'a', score: close(0.2) }] }]);
    expect(predictionsOf(row, [{ labels }, { threshold: { value: 0.15 } }], undefined, false)).toMatchObject([{ prediction: ['a', 'b'] }]);
    expect(predictionsOf(row, [{ threshold: { value: 0.5 } }], undefined, false)).toEqual([[false, true, false]]);
    expect(predictionsOf(row, [{ topK: { k: 1 } }], undefined, false)).toEqual([{ top: [{ label: '1', score: close(0.7) }] }]);
  });

  it('one score and two labels: the second is the score, the threshold decides', () => {
    const steps = [{ sigmoid: {} }, { labels: ['no', 'yes'] }];
    expect(predictionsOf(output([0]), steps, undefined, false)).toEqual([{ prediction: 'yes', score: 0.5, probabilities: { no: 0.5, yes: 0.5 } }]);
    expect(predictionsOf(output([0]), [...steps, { threshold: { value: 0.6 } }], undefined, false)).toMatchObject([{ prediction: 'no', score: 0.5 }]);
  });

  it('text models are labelled by the signature if no step does it', () => {
    expect(predictionsOf(output([0.9, 0.1]), [], { name: 'y', dtype: 'float32', shape: [-1, 2], labels: ['bad', 'good'] }, true)).toMatchObject([{ prediction: 'bad' }]);
    expect(predictionsOf(output([0.9, 0.1]), [], undefined, true)).toEqual([[expect.closeTo(0.9, 6), expect.closeTo(0.1, 6)]]);
  });

  it('what is no list of scores stays as it is', () => {
    const cube: Tensor = { name: 'y', dtype: 'float32', shape: [1, 1, 2], data: Float32Array.of(1, 2) };
    expect(predictionsOf(cube, [{ softmax: {} }], undefined, false)).toEqual([[[1, 2]]]);
    expect(scoresOf({ name: 's', dtype: 'string', shape: [1], data: ['x'] }, [])).toBeUndefined();
  });
});

describe('uncertainty', () => {
  const scored = (...rows: number[][]): ReturnType<typeof scoresOf> => scoresOf(output(...rows), []);

  it('entropy is 0 when certain, 1 when all are equal', () => {
    expect(uncertaintyOf('entropy', scored([1, 0, 0], [1 / 3, 1 / 3, 1 / 3]), [])?.map((value) => Math.round(value * 1e6) / 1e6)).toEqual([0, 1]);
    expect(uncertaintyOf('entropy', scored([0.5]), [])).toEqual([1]);
  });

  it('margin is the distance of the best two', () => {
    expect(uncertaintyOf('margin', scored([0.75, 0.25]), [])).toEqual([0.5]);
    expect(uncertaintyOf('margin', scored([1]), [])).toEqual([0]);
  });

  it('an output of its own, or none', () => {
    expect(uncertaintyOf('output:variance', undefined, [{ ...output([0.3], [0.4]), name: 'variance' }])).toEqual([expect.closeTo(0.3, 6), expect.closeTo(0.4, 6)]);
    expect(uncertaintyOf('output:missing', undefined, [])).toBeUndefined();
    expect(uncertaintyOf(undefined, scored([1]), [])).toBeUndefined();
  });
});

describe('explanation by occlusion', () => {
  const spec = { signature: { inputs: [{ name: 'x', dtype: 'float32', shape: [-1, 3] }], outputs: [] }, contract: { id: 'c', features: ['p', 'q', 'r'].map((name) => ({ name, type: 'number', nullable: false, finite: true })) } } as unknown as ServingSpec;

  it('leaves out one feature at a time, replaced by its baseline', () => {
    expect(featureNames(spec)).toEqual(['p', 'q', 'r']);
    const rows = occlude({ name: 'x', dtype: 'float32', shape: [1, 3], data: Float32Array.of(1, 2, 3) }, ['p', 'q', 'r'], { q: 9 });
    expect(rows.shape).toEqual([3, 3]);
    expect(Array.from(rows.data as Float32Array)).toEqual([0, 2, 3, 1, 9, 3, 1, 2, 0]);
  });

  it('names the feature that moves the predicted score most', () => {
    const without = scoresOf(output([0.5, 0.5], [0.1, 0.9], [0.95, 0.05]), []);
    if (without === undefined) throw new Error('no scores');
    const { top_feature, contrib } = explain([0.8, 0.2], without, 0, ['p', 'q', 'r']);
    expect(top_feature).toBe('q');
    expect(contrib).toEqual({ p: expect.closeTo(0.3, 6), q: expect.closeTo(0.7, 6), r: expect.closeTo(-0.15, 6) });
  });

  it('a word that stands twice is listed twice', () => {
    const without = scoresOf(output([0.5], [0.4]), []);
    if (without === undefined) throw new Error('no scores');
    expect(Object.keys(explain([0.9], without, 0, ['so', 'so']).contrib)).toEqual(['so', 'so#2']);
  });

  it('does not apply to pictures or several inputs', () => {
    expect(featureNames({ ...spec, signature: { inputs: [{ name: 'x', dtype: 'float32', shape: [-1, 8, 8, 1] }], outputs: [] } })).toBeUndefined();
  });
});
