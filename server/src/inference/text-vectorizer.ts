// Owns text -> numbers: normalisation, tokens, n-grams, vocabulary ids, weights. Training and serving run this very code,
// so that a model sees the same numbers in both. Must not read files: the caller brings the vocabulary's bytes.
import { createHash } from 'node:crypto';
import type { TextPreprocessing } from '@slipway/api';

/** The vocabulary or its settings can't be used; the message names what is wrong and where. */
export class VocabularyError extends Error {
  override name = 'VocabularyError';
}

export interface TextVectors {
  dtype: 'int32' | 'float32';
  /** [texts, width] */
  shape: [number, number];
  /** Row-major, one row per text. */
  data: Int32Array | Float32Array;
}

export interface TextVectorizer {
  readonly dtype: 'int32' | 'float32';
  /** Numbers per text: maxLength in mode ids, else the size of the vocabulary. */
  readonly width: number;
  /** The tokens that count, in order; at most maxLength of them. */
  tokens(text: string): string[];
  /** The row of one list of tokens (explanations leave one out and ask again). */
  row(tokens: readonly string[]): number[];
  /** Rows of several texts, stacked. */
  vectorize(texts: readonly string[]): TextVectors;
}

const APOSTROPHES = /[\u2018\u2019\u02bc\uff07]/gu;

/** NFKC, then one kind of apostrophe, then lowercase (independent of locale) where asked. */
export function normalizeText(text: string, lowercase: boolean): string {
  const normalized = text.normalize('NFKC').replace(APOSTROPHES, "'");
  return lowercase ? normalized.toLowerCase() : normalized;
}

/** Every run of n tokens, n from min to max, shorter runs first, each joined by one space. */
export function ngramsOf(tokens: readonly string[], range: TextPreprocessing['ngrams']): string[] {
  const grams: string[] = [];
  for (let n = range.min; n <= range.max; n++) {
    for (let start = 0; start + n <= tokens.length; start++) grams.push(tokens.slice(start, start + n).join(' '));
  }
  return grams;
}

/**
 * Makes the vectorizer of a package.
 *
 * The vocabulary is UTF-8 text, one term a line; the line number, from 0, is the term's id. In mode ids the lines `padId`
 * and `oovId` are placeholders; in mode tfidf a line is `term<TAB>idf`. Unknown terms become `oovId` in mode ids and
 * are left out in the others, which are count, binary (0 or 1) and tfidf (count x idf, the row scaled to length 1).
 *
 * @throws VocabularyError when the bytes do not have the declared sha256, or a line or setting makes no sense.
 */
export function textVectorizer(config: TextPreprocessing, vocabulary: Uint8Array): TextVectorizer {
  checkDigest(config, vocabulary);
  const terms = parseVocabulary(config, new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(vocabulary));
  const ids = config.mode === 'ids';
  const width = ids ? sequenceLength(config, terms.ids.size) : terms.ids.size;
  const pattern = tokenPattern(config);
  const tokens = (text: string): string[] => tokensOf(text, pattern, config);
  const row = (list: readonly string[]): number[] => {
    const grams = ngramsOf(list, config.ngrams);
    return ids ? idRow(grams, terms, config, width) : bagRow(grams, terms, config.mode, width);
  };
  const dtype = ids ? 'int32' : 'float32';
  const vectorize = (texts: readonly string[]): TextVectors => {
    const data = ids ? new Int32Array(texts.length * width) : new Float32Array(texts.length * width);
    texts.forEach((text, index) => {
      data.set(row(tokens(text)), index * width);
    });
    return { dtype, shape: [texts.length, width], data };
  };
  return { dtype, width, tokens, row, vectorize };
}

interface Terms {
  ids: Map<string, number>;
  /** Inverse document frequencies by id; empty but in mode tfidf. */
  idf: number[];
}

function checkDigest(config: TextPreprocessing, vocabulary: Uint8Array): void {
  const { file, sha256 } = config.vocabulary;
  const got = createHash('sha256').update(vocabulary).digest('hex');
  if (got !== sha256) throw new VocabularyError(`${file}: sha256 is ${got}, the package declares ${sha256}`);
}

function parseVocabulary(config: TextPreprocessing, text: string): Terms {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const terms: Terms = { ids: new Map(), idf: [] };
  lines.forEach((line, index) => {
    const where = `${config.vocabulary.file}, line ${String(index + 1)}`;
    const [term = '', weight] = config.mode === 'tfidf' ? line.split('\t') : [line];
    if (term === '') throw new VocabularyError(`${where}: empty term`);
    if (terms.ids.has(term)) throw new VocabularyError(`${where}: "${term}" is there twice`);
    terms.ids.set(term, index);
    if (config.mode === 'tfidf') terms.idf.push(parseIdf(weight, where));
  });
  if (lines.length === 0) throw new VocabularyError(`${config.vocabulary.file}: no terms`);
  return terms;
}

function parseIdf(weight: string | undefined, where: string): number {
  const idf = weight === undefined || weight.trim() === '' ? NaN : Number(weight);
  if (!Number.isFinite(idf)) throw new VocabularyError(`${where}: mode tfidf needs term<TAB>idf`);
  return idf;
}

function sequenceLength(config: TextPreprocessing, size: number): number {
  if (config.maxLength === undefined) throw new VocabularyError('mode ids needs maxLength: the length of every row');
  if (config.padId === config.oovId) throw new VocabularyError('padId and oovId must differ');
  if (Math.max(config.padId, config.oovId) >= size) {
    throw new VocabularyError(`padId and oovId must be lines of ${config.vocabulary.file}, which has ${String(size)}`);
  }
  return config.maxLength;
}

function tokenPattern(config: TextPreprocessing): RegExp {
  try {
    return new RegExp(config.tokenPattern, 'gu');
  } catch (error) {
    throw new VocabularyError(`tokenPattern is not a regular expression: ${(error as Error).message}`);
  }
}

function tokensOf(text: string, pattern: RegExp, config: TextPreprocessing): string[] {
  const tokens: string[] = [];
  for (const [token] of normalizeText(text, config.lowercase).matchAll(pattern)) {
    if (token !== '') tokens.push(token);
    if (tokens.length === config.maxLength) break;
  }
  return tokens;
}

function idRow(grams: string[], terms: Terms, config: TextPreprocessing, width: number): number[] {
  const row = new Array<number>(width).fill(config.padId);
  grams.slice(0, width).forEach((gram, index) => {
    const id = terms.ids.get(gram);
    row[index] = id === undefined || id === config.padId ? config.oovId : id;
  });
  return row;
}

function bagRow(grams: string[], terms: Terms, mode: TextPreprocessing['mode'], width: number): number[] {
  const row = new Array<number>(width).fill(0);
  for (const gram of grams) {
    const id = terms.ids.get(gram);
    if (id !== undefined) row[id] = mode === 'binary' ? 1 : (row[id] ?? 0) + 1;
  }
  return mode === 'tfidf' ? unitLength(row.map((count, id) => count * (terms.idf[id] ?? 0))) : row;
}

function unitLength(row: number[]): number[] {
  const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? row : row.map((value) => value / length);
}
