// Text -> numbers: what counts as a token, each mode against values worked out by hand, and every way a vocabulary is refused.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TextPreprocessing } from '../../../api/src/model-package.ts';
import { VocabularyError, textVectorizer } from './text-vectorizer.ts';
import type { TextVectorizer } from './text-vectorizer.ts';

function make(lines: string[], settings: object): TextVectorizer {
  const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return textVectorizer(TextPreprocessing.parse({ vocabulary: { file: 'vocabulary.txt', sha256 }, ...settings }), bytes);
}

const rowOf = (vectorizer: TextVectorizer, text: string): number[] => [...vectorizer.vectorize([text]).data];

test.each([
  ["It wasn't GOOD, don’t buy!", ['it', "wasn't", 'good', "don't", 'buy']],
  ['ﬁne ＡＢＣ①', ['fine', 'abc1']],
  ['Ärger über Größe 4K', ['ärger', 'über', 'größe', '4k']],
  ['   ', []],
  ['...!?', []],
])('tokens of %j', (text, tokens) => {
  expect(make(['x'], { mode: 'count' }).tokens(text)).toEqual(tokens);
});

test('a token pattern can split n\'t off', () => {
  const tokenPattern = "\\p{L}+(?=n't)|n't|[\\p{L}\\p{N}]+(?:'\\p{L}+)*";
  expect(make(['x'], { mode: 'count', tokenPattern }).tokens("didn't can't it's")).toEqual(['did', "n't", 'ca', "n't", "it's"]);
});

test('count, binary and tfidf', () => {
  expect(rowOf(make(['good', 'bad'], { mode: 'count' }), 'good good unknown bad')).toEqual([2, 1]);
  expect(rowOf(make(['good', 'bad'], { mode: 'binary' }), 'good good unknown bad')).toEqual([1, 1]);
  const tfidf = rowOf(make(['good\t1.5', 'bad\t4'], { mode: 'tfidf' }), 'good good bad');
  expect(tfidf).toEqual([expect.closeTo(0.6, 6), expect.closeTo(0.8, 6)]);
  expect(rowOf(make(['good\t1.5'], { mode: 'tfidf' }), 'nothing known')).toEqual([0]);
});

test('n-grams are runs of tokens joined by one space', () => {
  const vectorizer = make(['good', 'not good', 'very not'], { mode: 'count', ngrams: { min: 1, max: 2 } });
  expect(rowOf(vectorizer, 'Not  good, not good')).toEqual([2, 2, 0]);
});

test('ids pad behind, cut behind, and mark what is unknown', () => {
  const vectorizer = make(['<pad>', '<oov>', 'good', 'bad'], { mode: 'ids', maxLength: 4 });
  expect(vectorizer).toMatchObject({ dtype: 'int32', width: 4 });
  expect(rowOf(vectorizer, 'good what')).toEqual([2, 1, 0, 0]);
  expect(rowOf(vectorizer, 'bad bad bad good bad')).toEqual([3, 3, 3, 2]);
  expect(vectorizer.vectorize(['good', 'bad'])).toMatchObject({ shape: [2, 4], data: Int32Array.of(2, 0, 0, 0, 3, 0, 0, 0) });
  expect(vectorizer.vectorize([])).toMatchObject({ shape: [0, 4] });
});

test.each([
  ['another sha256', ['x'], { mode: 'count', vocabulary: { file: 'v.txt', sha256: '0'.repeat(64) } }, 'the package declares 000'],
  ['ids without maxLength', ['a', 'b'], { mode: 'ids' }, 'needs maxLength'],
  ['pad equals oov', ['a', 'b'], { mode: 'ids', maxLength: 2, oovId: 0 }, 'must differ'],
  ['oov beyond the file', ['a'], { mode: 'ids', maxLength: 2 }, 'which has 1'],
  ['a term twice', ['a', 'b', 'a'], { mode: 'count' }, 'line 3: "a" is there twice'],
  ['an empty line', ['a', '', 'b'], { mode: 'count' }, 'line 2: empty term'],
  ['no idf', ['a\t1', 'b'], { mode: 'tfidf' }, 'line 2: mode tfidf needs'],
  ['a bad pattern', ['a'], { mode: 'count', tokenPattern: '(' }, 'not a regular expression'],
  ['nothing', [], { mode: 'count' }, 'no terms'],
])('refuses %s', (_what, lines, settings, message) => {
  expect(() => make(lines, settings)).toThrow(VocabularyError);
  expect(() => make(lines, settings)).toThrow(message);
});

test('any text at all gives a row of the right length with ids inside the vocabulary', () => {
  const vectorizer = make(['<pad>', '<oov>', 'good', 'not good'], { mode: 'ids', maxLength: 8, ngrams: { min: 1, max: 2 } });
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const row = rowOf(vectorizer, text);
      expect(row).toHaveLength(8);
      expect(row.every((id) => id >= 0 && id < 4)).toBe(true);
    }),
  );
});
