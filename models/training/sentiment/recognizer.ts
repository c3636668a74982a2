// Owns the question whether a grammar could have written a text: it keeps the judged reviews apart from the learned ones.
// Must not know what the grammar is about.
import type { Grammar } from './grammar.ts';

type Ends = ReadonlySet<number>;

const PART = /\[([^[\]]*)\]|\{(\w+)\}|([^[\]{}]+)/g;
const WORDS = /[\p{L}\p{N}]+|'|[.,;!?]/gu;

const wordsOf = (text: string): string[] => text.toLowerCase().match(WORDS) ?? [];

/**
 * Says of a text whether one of the symbols can be expanded to it, whatever its letter case, spaces and last
 * punctuation. For grammars without recursion.
 */
export function recognizer(grammar: Grammar, symbols: readonly string[]): (text: string) => boolean {
  return (text) => {
    const words = wordsOf(text.replace(/[\s.!?]+$/, ''));
    const memo = new Map<string, Ends>();

    const ofSymbol = (symbol: string, start: number): Ends => {
      const key = `${symbol}@${String(start)}`;
      const known = memo.get(key);
      if (known !== undefined) return known;
      const ends = new Set((grammar.get(symbol) ?? []).flatMap((alternative) => [...ofTemplate(alternative, start)]));
      memo.set(key, ends);
      return ends;
    };

    const ofTemplate = (template: string, start: number): Ends => {
      let ends: Ends = new Set([start]);
      for (const [, choices, symbol, literal = ''] of template.matchAll(PART)) {
        const step = (from: number): Iterable<number> => {
          if (symbol !== undefined) return ofSymbol(symbol, from);
          if (choices !== undefined) return choices.split('|').flatMap((choice) => [...ofTemplate(choice, from)]);
          return ofLiteral(literal, from);
        };
        ends = new Set([...ends].flatMap((from) => [...step(from)]));
        if (ends.size === 0) break;
      }
      return ends;
    };

    const ofLiteral = (literal: string, from: number): number[] => {
      const expected = wordsOf(literal);
      return expected.every((word, index) => words[from + index] === word) ? [from + expected.length] : [];
    };

    return symbols.some((symbol) => ofSymbol(symbol, 0).has(words.length));
  };
}
