// Owns how a grammar of alternatives becomes sentences. Must not know what they are about: the words are all in YAML.
import { load } from 'js-yaml';
import type { Random } from '../random.ts';

/** Alternatives by symbol; an alternative is there as often as it counts. */
export type Grammar = Map<string, string[]>;

const WEIGHT = /^(\d+)x (.*)$/s;
const CHOICE = /\[([^[\]]*)\]/g;
const SYMBOL = /\{(\w+)\}/g;

/** Reads `symbol: [alternative, ...]`. @throws when an alternative names a symbol that is not there. */
export function parseGrammar(yaml: string, more: Record<string, readonly string[]> = {}): Grammar {
  const symbols = { ...(load(yaml) as Record<string, string[]>), ...more };
  const grammar: Grammar = new Map();
  for (const [symbol, alternatives] of Object.entries(symbols)) grammar.set(symbol, alternatives.flatMap(weighted));
  for (const [symbol, alternatives] of grammar) {
    for (const [, name = ''] of alternatives.join(' ').matchAll(SYMBOL)) {
      if (!grammar.has(name)) throw new Error(`grammar: ${symbol} uses {${name}}, which is not there`);
    }
  }
  return grammar;
}

function weighted(alternative: unknown): string[] {
  const [, times, rest] = WEIGHT.exec(String(alternative)) ?? [];
  return times === undefined ? [String(alternative)] : new Array<string>(Number(times)).fill(rest ?? '');
}

/** One sentence of the symbol, single spaces. */
export function expand(grammar: Grammar, symbol: string, random: Random): string {
  const alternative = random.pick(grammar.get(symbol) ?? []);
  const chosen = alternative.replace(CHOICE, (_, choices: string) => random.pick(choices.split('|')));
  const full = chosen.replace(SYMBOL, (_, name: string) => expand(grammar, name, random));
  return full.replace(/\s+/g, ' ').replace(/ (?=[,.;!?'])/g, '').trim();
}
