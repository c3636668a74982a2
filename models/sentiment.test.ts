// The sentiment models as they are committed: the figures of the card, samples and vectors hold for the real models, and no
// review they are judged on could have been among those they learned from.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { LayersModel } from '@tensorflow/tfjs-node';
import { load } from 'js-yaml';
import { beforeAll, describe, expect, test } from 'vitest';
import { ModelPackage } from '../api/src/model-package.ts';
import { textVectorizer } from '../server/src/inference/text-vectorizer.ts';
import type { TextVectorizer } from '../server/src/inference/text-vectorizer.ts';
import { accuracy, argmax, predict } from './training/fit.ts';
import { LABELS, parseReviews, readGrammar } from './training/sentiment/corpus.ts';
import { recognizer } from './training/sentiment/recognizer.ts';
import { trainingDataDigest } from './training/sentiment.ts';
import { tf } from './training/tensorflow.ts';

const folder = path.join(import.meta.dirname, 'sentiment');
const read = (...parts: string[]): string => readFileSync(path.join(folder, ...parts), 'utf8');
const json = <T>(...parts: string[]): T => JSON.parse(read(...parts)) as T;
const reviews = parseReviews(read('everyday-reviews.tsv'));

interface Loaded {
  model: LayersModel;
  vectorizer: TextVectorizer;
}

async function loaded(version: string): Promise<Loaded> {
  const manifest = ModelPackage.parse(load(read(version, 'model.yaml')));
  const [step] = manifest.preprocessing ?? [];
  if (step === undefined || !('text' in step)) throw new Error('no text preprocessing');
  return {
    model: await tf.loadLayersModel(`file://${path.join(folder, version, 'model.json')}`),
    vectorizer: textVectorizer(step.text, readFileSync(path.join(folder, version, step.text.vocabulary.file))),
  };
}

const scores = ({ model, vectorizer }: Loaded, texts: string[]): number[][] =>
  predict(model, texts.map((text) => vectorizer.row(vectorizer.tokens(text))), { dtype: vectorizer.dtype });

const accuracyOf = (version: Loaded): number =>
  accuracy(scores(version, reviews.map((review) => review.text)), reviews.map((review) => review.label));

let v1: Loaded;
let v2: Loaded;
beforeAll(async () => {
  [v1, v2] = [await loaded('v1'), await loaded('v2')];
});

describe('the everyday reviews', () => {
  test('are at least 120, half of them positive', () => {
    expect(reviews.length).toBeGreaterThanOrEqual(120);
    expect(Math.abs(reviews.filter((review) => review.label === 1).length / reviews.length - 0.5)).toBeLessThan(0.03);
    expect(new Set(reviews.map((review) => review.text)).size).toBe(reviews.length);
  });

  test('cannot be written by the grammar, not one of them', () => {
    const writes = recognizer(readGrammar(), ['positive', 'negative']);
    expect(writes("The staff weren't friendly at all.")).toBe(true);
    expect(reviews.map((review) => review.text).filter(writes)).toEqual([]);
  });

  test('v2 gets at least 0.80 right and at least 0.10 more than v1, as the card says', () => {
    const figures = { v1: accuracyOf(v1), v2: accuracyOf(v2) };
    expect(figures.v2).toBeGreaterThanOrEqual(0.8);
    expect(figures.v2 - figures.v1).toBeGreaterThanOrEqual(0.1);
    expect(read('README.md')).toContain(`| v1 | bag of words | ${figures.v1.toFixed(3)} |`);
    expect(read('README.md')).toContain(`| v2 | reads the words in order | ${figures.v2.toFixed(3)} |`);
  });
});

describe.each(['v1', 'v2'])('sentiment %s', (version) => {
  const of = (): Loaded => (version === 'v1' ? v1 : v2);

  test('the vectorizer gives the 500 rows that the training saw', () => {
    const pairs = json<[string, [number, number][]][]>(`${version}.vectors.json`);
    expect(pairs).toHaveLength(500);
    const { vectorizer } = of();
    for (const [text, entries] of pairs) {
      const { data } = vectorizer.vectorize([text]);
      const got = Array.from(data.entries()).filter(([, value]) => value !== 0);
      expect(got).toEqual(entries);
    }
  });

  test('was trained on the grammar, lexicon and sentences of today', () => {
    expect(ModelPackage.parse(load(read(version, 'model.yaml'))).trainingData?.sha256).toBe(trainingDataDigest());
  });

  test('the samples are answered as expected', () => {
    for (const { request, response } of ModelPackage.parse(load(read(version, 'model.yaml'))).samples ?? []) {
      const { text } = json<{ text: string | string[] }>(version, request);
      const expected = json<{ predictions?: Answer[] }>(version, response ?? '');
      const answers = scores(of(), [text].flat()).map((row) => ({ prediction: LABELS[argmax(row) as 0 | 1], score: expect.closeTo(Math.max(...row), 5) as number }));
      expect(expected.predictions ?? [expected]).toEqual(answers.map((answer) => expect.objectContaining(answer) as Answer));
    }
  });
});

interface Answer {
  prediction: string;
  score: number;
}

test('v2 knows what negation does, v1 does not', () => {
  const pairs = ['The food was good.', 'The food was not good.', 'I was bored.', 'I was never bored.'];
  expect(scores(v2, pairs).map(argmax)).toEqual([1, 0, 0, 1]);
  expect(scores(v1, pairs).map(argmax)).not.toEqual([1, 0, 0, 1]);
});
