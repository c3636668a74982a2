// Owns the text the sentiment models learn from: sentences of the grammar with words of the lexicon in them.
// Must not read the sentences the models are judged on.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Random } from '../random.ts';
import { expand, parseGrammar } from './grammar.ts';
import type { Grammar } from './grammar.ts';

export const LABELS = ['negative', 'positive'] as const;

export interface Review {
  text: string;
  /** Index into LABELS. */
  label: number;
}

const read = (file: string): string => readFileSync(path.join(import.meta.dirname, file), 'utf8');

/** Valence from -4 to 4 by word. */
export function readLexicon(): Map<string, number> {
  const lines = read('lexicon.tsv').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.split('\t')[0] ?? '', Number(line.split('\t')[1])]));
}

const ADJECTIVE = /(ful|ous|ive|able|ible|ing|ed|less|ish|ic|al|ant|ent|some|ly|y)$/;
const NOUN = /(ness|ment|ion|ity|ance|ence|ship|dom|ism|or|er|th|ure|age|ery)s?$/;

/** The words of one sign, by what they look like: the lexicon itself has no parts of speech. */
function wordClasses(words: readonly string[]): Record<string, string[]> {
  const known = new Set(words);
  const verbs = words.filter((word) => known.has(`${word}s`) && (known.has(`${word}ed`) || known.has(`${word}d`)));
  return {
    lex: [...words],
    lexadj: words.filter((word) => ADJECTIVE.test(word)),
    lexnoun: words.filter((word) => NOUN.test(word)),
    lexverb: verbs,
    lexverbed: verbs.map((word) => (known.has(`${word}ed`) ? `${word}ed` : `${word}d`)),
  };
}

export function readGrammar(): Grammar {
  const lexicon = [...readLexicon()];
  const signed = (suffix: string, keep: (valence: number) => boolean): [string, string[]][] => {
    const classes = wordClasses(lexicon.filter(([, valence]) => keep(valence)).map(([word]) => word));
    return Object.entries(classes).map(([name, words]) => [`${name}${suffix}`, words]);
  };
  return parseGrammar(
    read('grammar.yaml'),
    Object.fromEntries([...signed('pos', (valence) => valence >= 1), ...signed('neg', (valence) => valence <= -1)]),
  );
}

/** As many reviews, half of them positive; the same random numbers give the same reviews. */
export function writeReviews(count: number, random: Random): Review[] {
  const grammar = readGrammar();
  return Array.from({ length: count }, (_, index) => ({
    text: expand(grammar, index % 2 === 0 ? 'negative' : 'positive', random),
    label: index % 2,
  }));
}

/** Hand-written reviews, `label<TAB>text` a line. */
export function parseReviews(tsv: string): Review[] {
  return tsv.split('\n').filter((line) => line !== '').map((line) => {
    const [label = '', text = ''] = line.split('\t');
    return { text, label: LABELS.indexOf(label as (typeof LABELS)[number]) };
  });
}
