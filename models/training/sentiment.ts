// Owns the sentiment sample: a review -> negative or positive. v1 counts words, v2 reads them in order and so learns what
// "not", "never" and "but" do. Both get their numbers from the server's own text vectorizer.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { TextPreprocessing } from '../../api/src/model-package.ts';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-node';
import { textVectorizer } from '../../server/src/inference/text-vectorizer.ts';
import type { TextVectorizer } from '../../server/src/inference/text-vectorizer.ts';
import { MODELS_FOLDER, layersFiles, sha256, writePackage } from './artifacts.ts';
import type { Sample } from './artifacts.ts';
import { accuracy, argmax, fit, predict } from './fit.ts';
import { seeded } from './random.ts';
import type { Random } from './random.ts';
import { LABELS, parseReviews, readLexicon, writeReviews } from './sentiment/corpus.ts';
import type { Review } from './sentiment/corpus.ts';
import { ratedReviews } from './sentiment/rated.ts';
import { tf } from './tensorflow.ts';

const FILE = 'vocabulary.txt';

export interface Variant {
  version: 'v1' | 'v2';
  text: Record<string, unknown>;
  /** Lines that stand for no word, before the words. */
  reserved: string[];
  /** Share of the words hidden from the model while it learns, so that unknown words do not surprise it. */
  hidden: number;
  epochs: number;
  /** Fewer uses than this, and a word is left out of the vocabulary. */
  minCount: number;
  /** Reviews written by the grammar. */
  written: number;
  network: (size: number) => LayersModel;
}

const seed = (value: number) => ({ kernelInitializer: tf.initializers.glorotUniform({ seed: value }) });

function bagOfWords(size: number): LayersModel {
  const words = tf.input({ name: 'words', shape: [size] });
  const last = { name: 'probabilities', units: 2, activation: 'softmax', ...seed(1) } as const;
  const probabilities = tf.layers.dense(last).apply(words) as SymbolicTensor;
  return tf.model({ name: 'sentiment_v1', inputs: words, outputs: probabilities });
}

function reader(size: number): LayersModel {
  const words = tf.input({ name: 'words', shape: [MAX_WORDS], dtype: 'int32' });
  const embeddingsInitializer = tf.initializers.randomUniform({ minval: -0.05, maxval: 0.05, seed: 2 });
  const embedding = { name: 'meaning', inputDim: size, outputDim: 12, embeddingsInitializer } as const;
  let output = tf.layers.embedding(embedding).apply(words) as SymbolicTensor;
  for (const index of [1, 2, 3]) {
    const layer = { name: `phrase${String(index)}`, filters: 48, kernelSize: 3, padding: 'same', activation: 'relu' } as const;
    output = tf.layers.conv1d({ ...layer, ...seed(2 + index) }).apply(output) as SymbolicTensor;
  }
  output = tf.layers.globalMaxPooling1d({ name: 'strongest' }).apply(output) as SymbolicTensor;
  output = tf.layers.dropout({ name: 'forget', rate: 0.5, seed: 8 }).apply(output) as SymbolicTensor;
  const last = { name: 'probabilities', units: 2, activation: 'softmax', ...seed(9) } as const;
  const probabilities = tf.layers.dense(last).apply(output) as SymbolicTensor;
  return tf.model({ name: 'sentiment_v2', inputs: words, outputs: probabilities });
}

const MAX_WORDS = 48;

export const VARIANTS: Variant[] = [
  { version: 'v1', text: { mode: 'binary', maxLength: 512 }, reserved: [], hidden: 0, minCount: 4, epochs: 3, written: 20_000, network: bagOfWords },
  {
    version: 'v2',
    text: { mode: 'ids', maxLength: MAX_WORDS, tokenPattern: "\\p{L}+(?=n't)|n't|\\p{L}+|'\\p{L}+|\\p{N}+|[.,;!?]" },
    reserved: ['<pad>', '<unknown>'],
    hidden: 0.15,
    minCount: 10,
    epochs: 4,
    written: 40_000,
    network: reader,
  },
];

/** Every fifth of the clearly rated product sentences is kept from training, to look at while working on the models. */
const isKept = (index: number): boolean => index % 5 === 0;

export const keptBack = (): Review[] => ratedReviews('amazonReviewSnippets', 1).filter((_, index) => isKept(index));

/** Sentences rated by people, as many negative as positive ones: some of the negative are there twice. */
function rated(): Review[] {
  const kept = new Set(keptBack().map((review) => review.text));
  const amazon = ratedReviews('amazonReviewSnippets', 0.7).filter((review) => !kept.has(review.text));
  const all = [...amazon, ...ratedReviews('movieReviewSnippets', 0.7), ...ratedReviews('tweets', 0.7)];
  const negative = all.filter((review) => review.label === 0);
  return [...all, ...negative.slice(0, all.length - 2 * negative.length)];
}

/** Every word that the reviews use often enough and every word of the lexicon, sorted. */
function vocabularyOf(variant: Variant, reviews: Review[]): string {
  const counts = new Map([...readLexicon().keys()].map((word) => [word, variant.minCount]));
  const all = vectorizerOf(variant, 'word\nother\nthird\n');
  for (const token of reviews.flatMap((review) => all.tokens(review.text))) counts.set(token, (counts.get(token) ?? 0) + 1);
  const words = [...counts].filter(([, count]) => count >= variant.minCount).map(([word]) => word).sort();
  return [...variant.reserved, ...words].map((word) => `${word}\n`).join('');
}

const settingsOf = (variant: Variant, vocabulary: string): TextPreprocessing =>
  TextPreprocessing.parse({ ...variant.text, vocabulary: { file: FILE, sha256: sha256(vocabulary) } });

const vectorizerOf = (variant: Variant, vocabulary: string): TextVectorizer =>
  textVectorizer(settingsOf(variant, vocabulary), Buffer.from(vocabulary));

export interface Trained {
  model: LayersModel;
  vocabulary: string;
  vectorizer: TextVectorizer;
}

const HIDDEN_WORD = '\u0000';

export async function train(variant: Variant, print: (line: string) => void): Promise<Trained> {
  const random = seeded(20);
  const reviews = [...writeReviews(variant.written, random), ...rated(), ...(variant.version === 'v2' ? rated() : [])];
  const vocabulary = vocabularyOf(variant, reviews);
  const vectorizer = vectorizerOf(variant, vocabulary);
  const model = variant.network(vocabulary.split('\n').length - 1);
  model.compile({ optimizer: tf.train.adam(0.002), loss: 'categoricalCrossentropy' });
  const tokens = reviews.map((review) => vectorizer.tokens(review.text));
  const examples = {
    row: (index: number) => vectorizer.row(hide(tokens[index] ?? [], variant.hidden, random)),
    y: reviews.map((review) => review.label),
  };
  const onEpoch = (epoch: number, loss: number): void => { print(`  epoch ${String(epoch)}: loss ${loss.toFixed(4)}`); };
  await fit(model, examples, { classes: 2, epochs: variant.epochs, batchSize: 128, random, dtype: vectorizer.dtype, onEpoch });
  return { model, vocabulary, vectorizer };
}

const hide = (tokens: string[], share: number, random: Random): string[] =>
  share === 0 ? tokens : tokens.map((token) => (random.chance(share) ? HIDDEN_WORD : token));

export const probabilitiesOf = ({ model, vectorizer }: Trained, texts: string[]): number[][] =>
  predict(model, texts.map((text) => vectorizer.row(vectorizer.tokens(text))), { dtype: vectorizer.dtype });

/** The hand-written reviews that the card speaks of. No training reads them. */
export const everydayReviews = (): Review[] =>
  parseReviews(readFileSync(path.join(MODELS_FOLDER, 'sentiment', 'everyday-reviews.tsv'), 'utf8'));

export const accuracyOn = (trained: Trained, reviews: Review[]): number =>
  accuracy(probabilitiesOf(trained, reviews.map((review) => review.text)), reviews.map((review) => review.label));

function samplesOf(trained: Trained, version: string): Sample[] {
  const answer = (text: string): Record<string, unknown> => {
    const scores = probabilitiesOf(trained, [text])[0] ?? [];
    const best = argmax(scores);
    const probabilities = Object.fromEntries(LABELS.map((label, index) => [label, scores[index]]));
    return { prediction: LABELS[best], score: scores[best], probabilities };
  };
  const one = 'not bad at all';
  const many = ['A lovely little cafe with friendly staff.', "The staff weren't friendly and the soup was cold.", 'It never let me down.'];
  return [
    { name: 'one', request: { modelName: 'sentiment', text: one }, response: { ...answer(one), modelVersion: version } },
    { name: 'many', request: { modelName: 'sentiment', text: many }, response: { predictions: many.map(answer), modelVersion: version } },
  ];
}

/** sha256 over what the training text is made of; a test holds it against the packages, so that an edit asks for a retraining. */
export function trainingDataDigest(): string {
  const files = ['grammar.yaml', 'lexicon.tsv', 'requirements.txt'].map((file) => readFileSync(path.join(import.meta.dirname, 'sentiment', file)));
  return sha256(Buffer.concat(files));
}

const manifest = (variant: Variant, { vocabulary, vectorizer }: Trained): object => ({
  apiVersion: 'modelpackage.slipway.dev/v1',
  name: 'sentiment',
  version: variant.version,
  numericVersion: Number(variant.version.slice(1)),
  description: 'English review sentence -> negative or positive',
  format: 'tfjs-layers',
  inputs: [{ name: 'words', dtype: vectorizer.dtype, shape: [-1, vectorizer.width] }],
  outputs: [{ name: 'probabilities', dtype: 'float32', shape: [-1, 2], labels: [...LABELS] }],
  preprocessing: [{ text: { ...variant.text, vocabulary: { file: FILE, sha256: sha256(vocabulary) } } }],
  postprocessing: [{ labels: [...LABELS] }],
  uncertainty: 'entropy',
  explanation: 'occlusion',
  trainingData: { tag: 'grammar-seed-20-vader-3.3.2', sha256: trainingDataDigest() },
  licence: 'Apache-2.0',
});

/** 500 texts, from plain to odd, each with the entries of its row that are not 0: serving has to give the same ones. */
function vectorPairs({ vectorizer }: Trained): unknown {
  const random = seeded(77);
  const texts = writeReviews(500, random).map((review, index) => ODDITIES[index % ODDITIES.length]?.(review.text) ?? review.text);
  return texts.map((text) => {
    const entries = vectorizer.row(vectorizer.tokens(text)).map((value, id) => [id, value]);
    return [text, entries.filter(([, value]) => value !== 0)];
  });
}

const ODDITIES: ((text: string) => string)[] = [
  (text) => text,
  (text) => text.toUpperCase(),
  (text) => text.replaceAll("'", '\u2019'),
  (text) => `\u00a0 ${text}\t\n\u{1f600}`,
  (text) => [...text].map((letter) => (/[a-z]/.test(letter) ? String.fromCodePoint((letter.codePointAt(0) ?? 0) + 0xfee0) : letter)).join(''),
  (text) => `${text} caf\u00e9 cafe\u0301 \ufb01ne \u0130stanbul 4K qwxyz`,
  (text) => `${text} `.repeat(12),
  (text) => text.replaceAll(' ', ''),
];

/** Trains both versions, writes both packages and prints what the card states. */
export async function trainSentiment(print: (line: string) => void): Promise<void> {
  for (const variant of VARIANTS) {
    print(`sentiment ${variant.version}`);
    const trained = await train(variant, print);
    const files = { ...(await layersFiles(trained.model)), [FILE]: trained.vocabulary };
    await writePackage(manifest(variant, trained), files, samplesOf(trained, variant.version));
    const pairs = `[\n${(vectorPairs(trained) as unknown[]).map((pair) => JSON.stringify(pair)).join(',\n')}\n]\n`;
    await writeFile(path.join(MODELS_FOLDER, 'sentiment', `${variant.version}.vectors.json`), pairs);
    print(`  product sentences kept back: ${accuracyOn(trained, keptBack()).toFixed(3)}`);
    print(`  everyday reviews: ${accuracyOn(trained, everydayReviews()).toFixed(3)}`);
  }
}
